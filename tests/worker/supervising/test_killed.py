"""Processes that are killed in the middle of a run: it goes on from its checkpoint, charged once, and ends the same."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry import checkpoints, runs
from registry.database.tables import Run

ENDLESS = {"model": {"n_latents": 16, "hidden": [16]}, "training": {"epochs": 100_000, "batch_size": 64}}
ORPHAN_SECONDS = 2.0
"""How long a trainer may outlive its supervisor."""


def is_gone(yard: Any, trainer: int) -> None:
    began = time.monotonic()
    yard.eventually("the death of the trainer", lambda: not yard.lives(trainer))
    assert time.monotonic() - began < ORPHAN_SECONDS


def last_charge(yard: Any, run: Run) -> tuple[str, str, int]:
    """How the last attempt that is over ended, and what the run has been charged with."""
    over = [attempt for attempt in yard.attempts(run) if attempt.outcome is not None]
    return over[-1].outcome, over[-1].error_code, yard.get(run).failures


@pytest.mark.parametrize("kind", ["train", "sweep"])
def test_a_run_that_is_killed_in_every_way_ends_as_one_that_was_not(knowing_yard: Any, whole: Any, kind: str) -> None:
    """Three deaths, as many as are too many at one place; each comes after a newer checkpoint, and is charged alone."""
    yard = knowing_yard
    run = yard.ask(kind)
    worker = yard.worker(checkpoint_seconds=0)

    trainer = yard.checkpointed(run, worker)
    os.kill(trainer, signal.SIGKILL)
    yard.skip_the_wait(run)
    assert last_charge(yard, run) == ("failed", "OUT_OF_MEMORY_OR_KILLED", 1)

    trainer = yard.checkpointed(run, worker)  # of the same worker: it goes on
    yard.known(worker)
    worker.kill()
    is_gone(yard, trainer)
    worker = yard.worker(checkpoint_seconds=0)  # it proves the other dead, long before that one's lease is over
    yard.hear(worker, "run_reaped")
    assert last_charge(yard, run) == ("lost", "WORKER_LOST", 1)

    trainer = yard.checkpointed(run, worker)
    yard.known(worker)
    worker.kill()
    os.kill(trainer, signal.SIGKILL)
    yard.worker()
    assert yard.end(run) == whole.ends[kind]
    assert last_charge(yard, run) == ("succeeded", None, 1)
    attempts = yard.attempts(run)
    assert [attempt.outcome for attempt in attempts] == ["failed", "lost", "lost", "succeeded"]
    began = [attempt.resumed_epoch for attempt in attempts]
    assert began[0] is None
    assert 0 < began[1] < began[2] < began[3], "each goes on where the one before was"
    assert yard.story(run) == ["queued", "running"] * 4 + ["succeeded"]
    yard.eventually("the sweeping of what they left", lambda: list(yard.settings.work_dir.iterdir()) == [])


@pytest.mark.parametrize(("kind", "killed"), [("train", "supervisor"), ("sweep", "trainer")])
def test_a_run_that_is_killed_before_its_first_epoch_and_after_its_last_ends_the_same(
    either_yard: Any, whole: Any, kind: str, killed: str
) -> None:
    """Before: its dataset is just being made. After: nothing is left to do but to tell the result."""
    yard = either_yard
    run = yard.ask(kind)
    worker = yard.worker()
    yard.known(worker)
    yard.eventually("the preparation", lambda: (yard.get(run).progress or {}).get("phase") == "preparing")
    trainer = yard.trainer_of(worker)
    os.kill(worker.pid if killed == "supervisor" else trainer, signal.SIGKILL)
    is_gone(yard, trainer)
    assert yard.epochs(run) == []

    if killed == "supervisor":
        worker = yard.worker()
        yard.hear(worker, "run_claimed")
        yard.known(worker)
        with yard.database.write() as session:  # so that the outcome has to wait
            session.execute(select(Run.id).where(Run.id == run.id).with_for_update())
            trainer = yard.trainer_of(worker)
            yard.eventually("the result", lambda: not yard.lives(trainer))
            worker.kill()
            worker.wait()
        worker = yard.worker()
        yard.hear(worker, "run_reaped")
    else:
        yard.skip_the_wait(run)
        trainer, unread = yard.trainer_of(worker), yard.settings.work_dir
        yard.hear(worker, "trainer_ready")
        deadline = time.monotonic() + 60
        while not list(unread.glob("*/weights-*.safetensors")):  # without a pause: the next member does not take long
            assert time.monotonic() < deadline
        os.kill(trainer, signal.SIGKILL)
    yard.skip_the_wait(run)
    assert yard.see(checkpoints.latest, run.id) is None, "it begins anew"
    assert yard.end(run) == whole.ends[kind]
    assert yard.get(run).failures == 2
    outcome = "lost" if killed == "supervisor" else "failed"
    assert [attempt.outcome for attempt in yard.attempts(run)] == [outcome, outcome, "succeeded"]


def test_baselines_that_were_killed_begin_anew_and_end_the_same(knowing_yard: Any, whole: Any) -> None:
    yard = knowing_yard
    run = yard.ask("baselines", judged=whole.judged)
    worker = yard.worker()
    yard.known(worker)
    yard.eventually("progress", lambda: (yard.get(run).progress or {}).get("epoch"))
    trainer = yard.trainer_of(worker)
    worker.kill()
    is_gone(yard, trainer)
    yard.worker()
    assert yard.end(run) == whole.ends["baselines"]
    assert [(each.outcome, each.resumed_epoch) for each in yard.attempts(run)] == [("lost", None), ("succeeded", None)]


@pytest.mark.parametrize(("wish", "state"), [(runs.pause, "paused"), (runs.cancel, "cancelled")])
def test_a_wish_comes_to_pass_though_its_worker_is_killed_before_it_has_heard_of_it(
    knowing_yard: Any, wish: Callable[..., Run], state: str
) -> None:
    yard = knowing_yard
    run = yard.enqueue(**ENDLESS)
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    yard.known(worker)
    yard.stop(worker)
    assert yard.do(wish, run.id).state == "running"
    worker.kill()
    is_gone(yard, trainer)
    yard.worker()
    yard.eventually("what was wished", lambda: yard.get(run).state == state)
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["lost"]
    assert yard.story(run) == ["queued", "running", state]


def test_a_trainer_that_is_killed_while_a_pause_is_wished_is_a_failure_and_not_a_pause_as_wished(
    knowing_yard: Any,
) -> None:
    yard = knowing_yard
    run = yard.enqueue(**ENDLESS)
    worker = yard.worker()
    yard.training(run)
    trainer = yard.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    yard.do(runs.pause, run.id)
    yard.hear(worker, "trainer_asked_to_stop")
    os.kill(trainer, signal.SIGKILL)
    yard.eventually("the end of the attempt", lambda: yard.attempts(run)[0].ended_at)
    assert last_charge(yard, run) == ("failed", "OUT_OF_MEMORY_OR_KILLED", 1)
    assert yard.get(run).state == "paused"


# --- runs that kill their workers ------------------------------------------------------------------------------------


def test_a_run_whose_workers_die_three_times_at_one_place_is_failed_and_says_what_to_do(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = yard.enqueue(**ENDLESS)
    for number in (1, 2, 3):
        worker = yard.worker()
        if number == 3:  # the second loss has to be waited for
            yard.hear(worker, "run_reaped")
            yard.skip_the_wait(run)
        yard.trainer_of(worker)
        yard.known(worker)  # else its lease decides
        worker.kill()
        worker.wait()
    yard.worker()
    yard.eventually("the failure", lambda: yard.get(run).state == "failed")
    ended = yard.get(run)
    assert (ended.error_code, ended.attempt, ended.failures) == ("WORKER_LOST", 3, 3)
    assert "ask for the run once more" in ended.error_detail
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["lost"] * 3


def test_a_run_whose_trainers_die_three_times_at_one_place_is_failed_with_what_they_died_of(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = yard.enqueue(**ENDLESS)
    worker = yard.worker()
    for number in (1, 2, 3):
        yard.hear(worker, "run_claimed")
        os.kill(yard.trainer_of(worker), signal.SIGKILL)
        if number < 3:
            yard.skip_the_wait(run)
    yard.eventually("the failure", lambda: yard.get(run).state == "failed")
    ended = yard.get(run)
    assert (ended.error_code, ended.attempt, ended.failures) == ("OUT_OF_MEMORY_OR_KILLED", 3, 3)
    assert "memory" in ended.error_detail
    assert "then create it again" in ended.error_detail
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["failed"] * 3
    assert yard.story(run) == ["queued", "running"] * 3 + ["failed"]
    assert worker.poll() is None, "the worker goes on"


def test_a_trainer_that_crashes_by_itself_fails_its_run_at_once(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = yard.enqueue(**ENDLESS)
    os.kill(yard.trainer_of(yard.worker()), signal.SIGSEGV)
    yard.eventually("the failure", lambda: yard.get(run).state == "failed")
    assert (yard.get(run).error_code, yard.get(run).failures) == ("CRASHED", 1)


def test_a_trainer_that_stalls_is_killed_and_charged(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = yard.enqueue(**ENDLESS)
    trainer = yard.trainer_of(yard.worker(stall_seconds=0.5))
    os.kill(trainer, signal.SIGSTOP)
    yard.eventually("the charge", lambda: yard.get(run).state == "queued")
    assert not yard.lives(trainer)
    assert yard.attempts(run)[0].error_code == "STALLED"
    assert yard.get(run).available_at > yard.attempts(run)[0].ended_at, "it waits before the next attempt"
