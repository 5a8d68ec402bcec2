"""A database that is away for a while: no run fails by it, none is done twice, and nothing of what was done is lost."""

import os
import signal
import time
from contextlib import ExitStack, suppress
from typing import Any

from sqlalchemy import select, text

from registry.database.tables import Run
from registry.errors import DatabaseUnavailable

LEASE_SECONDS = 60
"""The default, as in all of this file."""

_WAITING = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def is_postgresql(yard: Any) -> bool:
    return bool(yard.settings.url.get_backend_name() == "postgresql")


def test_thirty_seconds_without_a_database_cost_a_run_nothing(both_yards: Any, whole: Any, away: Any) -> None:
    """Neither runs that end meanwhile, of one model and of several, nor a worker that has nothing to do."""
    runs = []
    for yard in both_yards:
        for kind in ("train", "sweep"):
            run = yard.ask(kind)
            worker = yard.worker()
            yard.hear(worker, "trainer_ready")
            runs.append((yard, run, worker))
            os.kill(yard.trainer_of(worker), signal.SIGSTOP)  # what it learns, it shall tell during the outage
    trainers = [yard.trainer_of(worker) for yard, _, worker in runs]
    idle = [yard.worker() for yard in both_yards]
    for yard, worker in zip(both_yards, idle, strict=True):
        yard.known(worker)
    with ExitStack() as outages:
        for yard in both_yards:
            outages.enter_context(away(yard))
        for trainer in trainers:
            os.kill(trainer, signal.SIGCONT)
        time.sleep(30)
    for yard, run, worker in runs:
        assert yard.end(run) == whole.ends[run.kind]
        assert [attempt.outcome for attempt in yard.attempts(run)] == ["succeeded"]
        assert yard.get(run).failures == 0
        worker.terminate()
        assert worker.wait(timeout=60) == 0
    for yard in both_yards:
        other = yard.enqueue(kind="import", dataset="digits")
        yard.eventually("another run", lambda yard=yard, other=other: yard.get(other).state == "succeeded")
        assert yard.get(other).attempt == 1


def test_two_minutes_without_a_database_cost_a_run_no_more_than_the_work_since_its_checkpoint(
    both_yards: Any, whole: Any, away: Any
) -> None:
    """The worker gives the run up before its lease is over, and ends its trainer: somebody else might have it."""
    begun = []
    for yard in both_yards:
        run = yard.ask("train")
        worker = yard.worker(checkpoint_seconds=0)
        begun.append((yard, run, worker, yard.checkpointed(run, worker)))  # its trainer stands still, in a long epoch
    with ExitStack() as outages:
        for yard in both_yards:
            outages.enter_context(away(yard))
        began = time.monotonic()
        for yard, _, worker, trainer in begun:
            yard.hear(worker, "run_given_up", within=LEASE_SECONDS)
            assert not yard.lives(trainer)
        assert time.monotonic() - began < LEASE_SECONDS
        time.sleep(120 - (time.monotonic() - began))
    for yard, run, worker, _ in begun:
        assert yard.end(run, within=180) == whole.ends["train"]
        first, second = yard.attempts(run)
        assert (first.outcome, first.error_code, second.outcome) == ("lost", "WORKER_LOST", "succeeded")
        assert second.resumed_epoch > 0
        assert yard.get(run).failures <= 1
        assert yard.story(run) == ["queued", "running", "queued", "running", "succeeded"]
        assert worker.poll() is None, "the worker goes on"


def test_an_outcome_that_is_cut_off_is_written_once(knowing_yard: Any, whole: Any, away: Any) -> None:
    """The trainer has ended, and its supervisor is about to say how, when the database goes away."""
    yard = knowing_yard
    run = yard.ask("train")
    worker = yard.worker()
    yard.hear(worker, "trainer_ready")
    trainer = yard.trainer_of(worker)
    with suppress(DatabaseUnavailable), yard.database.write() as session:  # so that every write has to wait
        session.execute(select(Run.id).where(Run.id == run.id).with_for_update())
        yard.eventually("the result", lambda: not yard.lives(trainer))
        if is_postgresql(yard):
            yard.eventually("a wait", lambda: yard.see(lambda other: other.scalar(text(f"SELECT count(*) {_WAITING}"))))
            with away(yard):  # our own lock is gone with it
                yard.hear(worker, "database_away")
    assert yard.end(run) == whole.ends["train"]
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["succeeded"]
    assert yard.get(run).failures == 0


def test_a_claim_that_is_cut_off_is_no_attempt(postgres_yard: Any, away: Any) -> None:
    yard = postgres_yard
    worker = yard.worker()
    yard.known(worker)
    with suppress(DatabaseUnavailable), yard.database.write() as session:
        session.execute(text("LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE"))
        run = yard.enqueue(kind="import", dataset="digits")
        yard.eventually("a wait", lambda: yard.see(lambda other: other.scalar(text(f"SELECT count(*) {_WAITING}"))))
        with away(yard):
            yard.hear(worker, "database_away")
    yard.eventually("the run", lambda: yard.get(run).state == "succeeded")
    assert (yard.get(run).attempt, yard.get(run).fence, yard.get(run).failures) == (1, 1, 0)
    assert yard.story(run) == ["queued", "running", "succeeded"]
