"""Processes that are killed in the middle of a run: it goes on from its checkpoint, charged once, and ends the same."""

import os
import signal
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from registry import checkpoints, runs
from registry.database.tables import Run
from testing.processes import is_alive
from testing.waiting import eventually
from testing.worker_harness import Uninterrupted, WorkerHarness

ENDLESS = {"model": {"n_latents": 16, "hidden": [16]}, "training": {"epochs": 100_000, "batch_size": 64}}
NEVER = 3600.0
ORPHAN_SECONDS = 10.0
"""How long a trainer may be seen after its supervisor, on a busy machine."""


def is_gone(harness: WorkerHarness, trainer: int) -> None:
    began = time.monotonic()
    eventually("the death of the trainer", lambda: not is_alive(trainer))
    assert time.monotonic() - began < ORPHAN_SECONDS


def wait_for_file(harness: WorkerHarness, pattern: str) -> None:
    """Wait, without a pause, for a file that a trainer has for some tens of milliseconds."""
    eventually(pattern, lambda: list(harness.settings.work_dir.glob(pattern)), pause=0)


def last_charge(harness: WorkerHarness, run: Run) -> tuple[str | None, str | None, int]:
    """How the last attempt that is over ended, and what the run has been charged with."""
    over = [attempt for attempt in harness.attempts(run) if attempt.outcome is not None]
    return over[-1].outcome, over[-1].error_code, harness.get(run).failures


@pytest.mark.parametrize(
    ("database_url", "kind"), [("sqlite", "sweep"), ("postgresql", "train")], indirect=["database_url"]
)
def test_a_run_that_is_killed_in_every_way_ends_as_one_that_was_not(
    either_harness: WorkerHarness, uninterrupted: Uninterrupted, kind: str
) -> None:
    """Three deaths, as many as are too many at one place; each comes after a newer checkpoint, and is charged alone."""
    harness = either_harness
    run = harness.request(kind)
    worker = harness.worker(own_fork_server=True, checkpoint_seconds=0)

    trainer = harness.stop_trainer_at_checkpoint(run, worker)
    os.kill(trainer, signal.SIGKILL)
    harness.skip_backoff(run)
    assert last_charge(harness, run) == ("failed", "OUT_OF_MEMORY_OR_KILLED", 1)

    trainer = harness.stop_trainer_at_checkpoint(run, worker)  # of the same worker: it goes on
    harness.wait_until_registered(worker)
    worker.kill()
    is_gone(harness, trainer)
    worker = harness.worker(
        own_fork_server=True, checkpoint_seconds=0
    )  # it proves the other dead, long before that one's lease is over
    worker.wait_for_event("run_reaped")
    assert last_charge(harness, run) == ("lost", "WORKER_LOST", 1)

    trainer = harness.stop_trainer_at_checkpoint(run, worker)
    harness.wait_until_registered(worker)
    worker.kill()
    os.kill(trainer, signal.SIGKILL)
    harness.worker(checkpoint_seconds=NEVER)  # a newer checkpoint would clear the charge
    assert harness.outcome(run) == uninterrupted.outcomes[kind]
    assert last_charge(harness, run) == ("succeeded", None, 1)
    attempts = harness.attempts(run)
    assert [attempt.outcome for attempt in attempts] == ["failed", "lost", "lost", "succeeded"]
    began = [attempt.resumed_epoch for attempt in attempts]
    assert began[0] is None
    assert 0 < began[1] < began[2] < began[3], "each goes on where the one before was"
    assert harness.states(run) == ["queued", "running"] * 4 + ["succeeded"]
    eventually("the sweeping of what they left", lambda: list(harness.settings.work_dir.iterdir()) == [])


@pytest.mark.parametrize(
    ("database_url", "kind", "killed"),
    [("sqlite", "train", "supervisor"), ("postgresql", "sweep", "trainer")],
    indirect=["database_url"],
)
def test_a_run_that_is_killed_before_its_first_epoch_and_after_its_last_ends_the_same(
    either_empty_harness: WorkerHarness, kind: str, killed: str
) -> None:
    """Before: its dataset is just being made. After: nothing is left to do but to tell the result."""
    harness = either_empty_harness
    worker = harness.worker(checkpoint_seconds=NEVER)
    harness.wait_until_registered(worker)
    run = harness.request(kind, epochs=30)
    wait_for_file(harness, "*/digits.safetensors*")
    trainer = harness.trainer_of(worker)
    os.kill(worker.pid if killed == "supervisor" else trainer, signal.SIGKILL)
    is_gone(harness, trainer)
    assert harness.epochs(run) == []

    if killed == "supervisor":
        worker = harness.worker(checkpoint_seconds=NEVER)
        worker.wait_for_event("run_claimed")
        harness.wait_until_registered(worker)
        trainer = harness.trainer_of(worker)  # not under the lock: the worker may have to write before it starts one
        with harness.database.write() as session:  # so that the outcome has to wait
            session.execute(select(Run.id).where(Run.id == run.id).with_for_update())
            eventually("the result", lambda: not is_alive(trainer))
            worker.kill()
            worker.wait()
        worker = harness.worker(checkpoint_seconds=NEVER)
        worker.wait_for_event("run_reaped")
    else:
        harness.skip_backoff(run)
        trainer = harness.trainer_of(worker)
        worker.wait_for_event("trainer_ready")
        wait_for_file(harness, "*/weights-*.safetensors")
        os.kill(trainer, signal.SIGKILL)
    harness.skip_backoff(run)
    assert harness.read(checkpoints.latest, run.id) is None, "it begins anew"
    assert harness.outcome(run) == harness.outcome(harness.request(kind, epochs=30))
    assert harness.get(run).failures == 2
    outcome = "lost" if killed == "supervisor" else "failed"
    assert [attempt.outcome for attempt in harness.attempts(run)] == [outcome, outcome, "succeeded"]


def test_baselines_that_were_killed_begin_anew_and_end_the_same(
    either_harness: WorkerHarness, uninterrupted: Uninterrupted
) -> None:
    harness = either_harness
    run = harness.request("baselines", judged=uninterrupted.judged)
    worker = harness.worker()
    harness.wait_until_registered(worker)
    eventually("progress", lambda: (harness.get(run).progress or {}).get("epoch"))
    trainer = harness.trainer_of(worker)
    worker.kill()
    is_gone(harness, trainer)
    harness.worker()
    assert harness.outcome(run) == uninterrupted.outcomes["baselines"]
    assert [(each.outcome, each.resumed_epoch) for each in harness.attempts(run)] == [
        ("lost", None),
        ("succeeded", None),
    ]


@pytest.mark.parametrize(("stop", "state"), [(runs.pause, "paused"), (runs.cancel, "cancelled")])
def test_a_stop_request_is_carried_out_though_its_worker_is_killed_before_reading_it(
    either_harness: WorkerHarness, stop: Callable[..., Run], state: str
) -> None:
    harness = either_harness
    run = harness.enqueue(**ENDLESS)
    worker = harness.worker()
    trainer = harness.trainer_of(worker)
    harness.wait_until_registered(worker)
    harness.stop(worker)
    assert harness.write(stop, run.id).state == "running"
    worker.kill()
    is_gone(harness, trainer)
    harness.worker()
    eventually("what was requested", lambda: harness.get(run).state == state)
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["lost"]
    assert harness.states(run) == ["queued", "running", state]


def test_a_trainer_that_is_killed_while_a_pause_is_requested_is_a_failure(
    either_harness: WorkerHarness,
) -> None:
    harness = either_harness
    run = harness.enqueue(**ENDLESS)
    worker = harness.worker()
    harness.wait_until_training(run)
    trainer = harness.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    harness.write(runs.pause, run.id)
    worker.wait_for_event("trainer_asked_to_stop")
    os.kill(trainer, signal.SIGKILL)
    eventually("the end of the attempt", lambda: harness.attempts(run)[0].ended_at)
    assert last_charge(harness, run) == ("failed", "OUT_OF_MEMORY_OR_KILLED", 1)
    assert harness.get(run).state == "paused"


# --- runs that kill their workers ------------------------------------------------------------------------------------


def test_a_run_whose_workers_die_three_times_at_one_place_is_failed_and_says_what_to_do(
    either_harness: WorkerHarness,
) -> None:
    harness = either_harness
    run = harness.enqueue(**ENDLESS)
    for number in (1, 2, 3):
        worker = harness.worker()
        if number == 3:  # the second loss has to be waited for
            worker.wait_for_event("run_reaped")
            harness.skip_backoff(run)
        harness.trainer_of(worker)
        harness.wait_until_registered(worker)  # else its lease decides
        worker.kill()
        worker.wait()
    harness.worker()
    eventually("the failure", lambda: harness.get(run).state == "failed")
    ended = harness.get(run)
    assert (ended.error_code, ended.attempt, ended.failures) == ("WORKER_LOST", 3, 3)
    assert "create the run again, perhaps smaller" in ended.error_detail
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["lost"] * 3


def test_a_run_whose_trainers_die_three_times_at_one_place_is_failed_with_what_they_died_of(
    either_harness: WorkerHarness,
) -> None:
    harness = either_harness
    run = harness.enqueue(**ENDLESS)
    worker = harness.worker()
    for number in (1, 2, 3):
        worker.wait_for_event("run_claimed")
        os.kill(harness.trainer_of(worker), signal.SIGKILL)
        if number < 3:
            harness.skip_backoff(run)
    eventually("the failure", lambda: harness.get(run).state == "failed")
    ended = harness.get(run)
    assert (ended.error_code, ended.attempt, ended.failures) == ("OUT_OF_MEMORY_OR_KILLED", 3, 3)
    assert "memory" in ended.error_detail
    assert "then create it again" in ended.error_detail
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["failed"] * 3
    assert harness.states(run) == ["queued", "running"] * 3 + ["failed"]
    assert worker.poll() is None, "the worker goes on"


def test_a_trainer_that_crashes_by_itself_fails_its_run_at_once(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run = harness.enqueue(**ENDLESS)
    os.kill(harness.trainer_of(harness.worker()), signal.SIGSEGV)
    eventually("the failure", lambda: harness.get(run).state == "failed")
    assert (harness.get(run).error_code, harness.get(run).failures) == ("CRASHED", 1)


def test_a_trainer_that_stalls_is_killed_and_charged(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run = harness.enqueue(**ENDLESS)
    trainer = harness.trainer_of(harness.worker(stall_seconds=0.5))
    os.kill(trainer, signal.SIGSTOP)
    eventually("the charge", lambda: harness.get(run).state == "queued")
    assert not is_alive(trainer)
    assert harness.attempts(run)[0].error_code == "STALLED"
    assert harness.get(run).available_at > harness.attempts(run)[0].ended_at, "it waits before the next attempt"
