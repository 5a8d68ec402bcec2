"""A database that is away for a while: no run fails by it, none is done twice, and nothing of what was done is lost."""

import os
import signal
import time
from contextlib import ExitStack, suppress
from functools import partial

import pytest
from sqlalchemy import select, text

from registry.database.tables import Run
from registry.errors import DatabaseUnavailable
from testing.processes import is_alive
from testing.waiting import PATIENCE, eventually
from testing.worker_harness import Outage, Uninterrupted, WorkerHarness

_WAITING = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def is_postgresql(harness: WorkerHarness) -> bool:
    return bool(harness.settings.url.get_backend_name() == "postgresql")


def test_thirty_seconds_without_a_database_cost_a_run_nothing(
    both_harnesses: list[WorkerHarness], uninterrupted: Uninterrupted, away: Outage
) -> None:
    """Neither runs that end meanwhile, of one model and of several, nor a worker that has nothing to do."""
    runs = []
    for harness in both_harnesses:
        for kind in ("train", "sweep"):
            run = harness.request(kind)
            worker = harness.worker()
            worker.wait_for_event("trainer_ready")
            runs.append((harness, run, worker))
            os.kill(harness.trainer_of(worker), signal.SIGSTOP)  # what it learns, it shall tell during the outage
    trainers = [harness.trainer_of(worker) for harness, _, worker in runs]
    idle = [harness.worker() for harness in both_harnesses]
    for harness, worker in zip(both_harnesses, idle, strict=True):
        harness.wait_until_registered(worker)
    with ExitStack() as outages:
        for harness in both_harnesses:
            outages.enter_context(away(harness))
        for trainer in trainers:
            os.kill(trainer, signal.SIGCONT)
        time.sleep(30)
    for harness, run, worker in runs:
        assert harness.outcome(run) == uninterrupted.outcomes[run.kind]
        assert [attempt.outcome for attempt in harness.attempts(run)] == ["succeeded"]
        assert harness.get(run).failures == 0
        worker.terminate()
        assert worker.wait(PATIENCE) == 0
    for harness in both_harnesses:
        other = harness.enqueue(kind="import", dataset="digits")
        eventually("another run", partial(has_succeeded, harness, other))
        assert harness.get(other).attempt == 1


def has_succeeded(harness: WorkerHarness, run: Run) -> bool:
    return harness.get(run).state == "succeeded"


@pytest.mark.parametrize(("lease_seconds", "outage_seconds"), [(30, 35), pytest.param(60, 120, marks=pytest.mark.soak)])
def test_an_outage_longer_than_a_lease_costs_a_run_no_more_than_the_work_since_its_checkpoint(
    both_harnesses: list[WorkerHarness],
    uninterrupted: Uninterrupted,
    away: Outage,
    lease_seconds: int,
    outage_seconds: int,
) -> None:
    """The worker gives the run up before its lease is over, and ends its trainer: somebody else might have it.

    The shortest lease that there is shows what the default one shows in two minutes.
    """
    begun = []
    for harness in both_harnesses:
        run = harness.request("train")
        worker = harness.worker(checkpoint_seconds=0, lease_seconds=lease_seconds, renew_seconds=lease_seconds / 4)
        begun.append(
            (harness, run, worker, harness.stop_trainer_at_checkpoint(run, worker))
        )  # its trainer stands still, in a long epoch
    with ExitStack() as outages:
        for harness in both_harnesses:
            outages.enter_context(away(harness))
        began = time.monotonic()
        for _, _, worker, trainer in begun:
            worker.wait_for_event("run_given_up", within=lease_seconds)
            assert not is_alive(trainer)
        assert time.monotonic() - began < lease_seconds
        time.sleep(max(0, outage_seconds - (time.monotonic() - began)))
    for harness, run, worker, _ in begun:
        assert harness.outcome(run, within=180) == uninterrupted.outcomes["train"]
        first, second = harness.attempts(run)
        assert (first.outcome, first.error_code, second.outcome) == ("lost", "WORKER_LOST", "succeeded")
        assert second.resumed_epoch > 0
        assert harness.get(run).failures <= 1
        assert harness.states(run) == ["queued", "running", "queued", "running", "succeeded"]
        assert worker.poll() is None, "the worker goes on"


def test_an_outcome_that_is_cut_off_is_written_once(
    either_harness: WorkerHarness, uninterrupted: Uninterrupted, away: Outage
) -> None:
    """The trainer has ended, and its supervisor is about to say how, when the database goes away."""
    harness = either_harness
    run = harness.request("train")
    worker = harness.worker()
    worker.wait_for_event("trainer_ready")
    trainer = harness.trainer_of(worker)
    with suppress(DatabaseUnavailable), harness.database.write() as session:  # so that every write has to wait
        session.execute(select(Run.id).where(Run.id == run.id).with_for_update())
        eventually("the result", lambda: not is_alive(trainer))
        if is_postgresql(harness):
            eventually("a wait", lambda: harness.read(lambda other: other.scalar(text(f"SELECT count(*) {_WAITING}"))))
            with away(harness):  # our own lock is gone with it
                worker.wait_for_event("database_away")
    assert harness.outcome(run) == uninterrupted.outcomes["train"]
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["succeeded"]
    assert harness.get(run).failures == 0


def test_a_claim_that_is_cut_off_is_no_attempt(postgres_harness: WorkerHarness, away: Outage) -> None:
    harness = postgres_harness
    worker = harness.worker()
    harness.wait_until_registered(worker)
    with suppress(DatabaseUnavailable), harness.database.write() as session:
        session.execute(text("LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE"))
        run = harness.enqueue(kind="import", dataset="digits")
        eventually("a wait", lambda: harness.read(lambda other: other.scalar(text(f"SELECT count(*) {_WAITING}"))))
        with away(harness):
            worker.wait_for_event("database_away")
    eventually("the run", lambda: harness.get(run).state == "succeeded")
    assert (harness.get(run).attempt, harness.get(run).fence, harness.get(run).failures) == (1, 1, 0)
    assert harness.states(run) == ["queued", "running", "succeeded"]
