"""Processes that are killed in the middle of a run: it goes on from its checkpoint, charged once, and ends the same."""

import os
import signal
import time
from typing import Any

import pytest
from sqlalchemy import update

from registry import checkpoints, models, workers
from registry.tables import Run
from sparse_coding import weights

SMALL = {"n_latents": 16, "hidden": [16]}
LONG = {"epochs": 400, "batch_size": 64}
ENDLESS = {"epochs": 100_000, "batch_size": 64}
ORPHAN_SECONDS = 2.0
"""How long a trainer may outlive its supervisor."""


@pytest.fixture
def knowing_yard(either_yard: Any) -> Any:
    either_yard.know_digits()
    return either_yard


def tensors(yard: Any, run: Run) -> dict[str, bytes]:
    """The published weights, as bytes."""
    assert run.state == "succeeded", run.error_detail
    version = yard.see(models.resolve, f"{run.model_name}@{run.model_version}")
    network = weights.read(yard.path(version.digest)).autoencoder.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in network.items()}


def known(yard: Any, pid: int) -> bool:
    """Whether that worker has said which process it is."""
    return pid in [row.pid for row in yard.see(workers.alive, 600)]


def skip_the_wait(yard: Any, run: Run) -> None:
    """Let the next attempt begin at once, whatever its back-off."""
    at_once = update(Run).where(Run.id == run.id).values(available_at=run.created_at)
    yard.do(lambda session: session.execute(at_once))


@pytest.mark.parametrize("killed", ["trainer", "supervisor", "both"])
def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(knowing_yard: Any, killed: str) -> None:
    yard = knowing_yard
    run = yard.enqueue(name="killed", model=SMALL, training=LONG)
    worker = yard.worker(checkpoint_seconds=0)
    trainer = yard.trainer_of(worker)
    yard.hear(worker, "checkpoint_kept")
    os.kill(trainer, signal.SIGSTOP)  # so that it is not done before it is killed
    yard.eventually("a checkpoint", lambda: yard.see(checkpoints.latest, run.id))
    if killed in ("supervisor", "both"):
        worker.kill()
    if killed in ("trainer", "both"):
        os.kill(trainer, signal.SIGKILL)
    began = time.monotonic()
    yard.eventually("the death of the trainer", lambda: not yard.lives(trainer))
    assert time.monotonic() - began < ORPHAN_SECONDS
    if killed == "trainer":
        yard.eventually("the charge", lambda: yard.get(run).state == "queued")
        worker.terminate()
        worker.communicate(timeout=60)
        skip_the_wait(yard, run)
    yard.worker(reap_seconds=1)  # its first look proves a dead one dead, long before that one's lease is over
    whole = yard.enqueue(name="whole", model=SMALL, training=LONG)
    for one in (run, whole):
        yard.eventually("the end", lambda one=one: yard.get(one).state == "succeeded")

    assert tensors(yard, yard.get(run)) == tensors(yard, yard.get(whole))
    assert yard.epochs(run) == list(range(1, LONG["epochs"] + 1))
    first, second = yard.attempts(run)
    assert (first.outcome, second.outcome) == ("failed" if killed == "trainer" else "lost", "succeeded")
    assert second.resumed_epoch > 0


def test_a_run_whose_workers_die_three_times_at_one_place_is_failed_and_says_what_to_do(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = yard.enqueue(model=SMALL, training=ENDLESS)
    for _ in range(3):
        worker = yard.worker(checkpoint_seconds=3600)
        yard.trainer_of(worker)
        yard.eventually("its sign of life", lambda pid=worker.pid: known(yard, pid))  # else its lease decides
        worker.kill()
        worker.wait()
    yard.worker()
    yard.eventually("the failure", lambda: yard.get(run).state == "failed")
    ended = yard.get(run)
    assert (ended.error_code, ended.attempt, ended.failures) == ("WORKER_LOST", 3, 3)
    assert "ask for the run once more" in ended.error_detail
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["lost"] * 3
