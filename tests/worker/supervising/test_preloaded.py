"""Workers whose fork server is killed: a run goes on from its checkpoint, the next begins at once, nothing is left."""

import os
import signal

import pytest

from registry.database.tables import Run
from testing.processes import fork_servers_of, is_alive
from testing.waiting import PATIENCE, eventually
from testing.worker_harness import Uninterrupted, WorkerHarness
from testing.worker_process import WorkerProcess

SMALL = {"n_latents": 16, "hidden": [16]}
TRAINING = {"epochs": 3, "batch_size": 480}


def server_of(harness: WorkerHarness, worker: WorkerProcess) -> int:
    return eventually("a fork server", lambda: fork_servers_of(worker.pid))[0]


def learned(harness: WorkerHarness) -> Run:
    """A small run that has succeeded."""
    run = harness.enqueue(model=SMALL, training=TRAINING)
    eventually("success", lambda: harness.get(run).state == "succeeded")
    return harness.get(run)


def test_one_server_is_kept_for_one_run_after_another(harness: WorkerHarness) -> None:
    worker = harness.worker(own_fork_server=True)
    server = server_of(harness, worker)
    assert [learned(harness).attempt, learned(harness).attempt] == [1, 1]
    assert server_of(harness, worker) == server


def test_a_server_that_is_killed_while_idle_is_started_again(harness: WorkerHarness) -> None:
    worker = harness.worker(own_fork_server=True)
    learned(harness)
    server = server_of(harness, worker)
    os.kill(server, signal.SIGKILL)
    eventually("another server", lambda: fork_servers_of(worker.pid) not in ([], [server]))
    assert learned(harness).attempt == 1


def test_a_run_whose_server_is_killed_goes_on_and_ends_the_same(
    either_harness: WorkerHarness, uninterrupted: Uninterrupted
) -> None:
    harness = either_harness
    run = harness.request("train")
    worker = harness.worker(own_fork_server=True, checkpoint_seconds=0)
    trainer = harness.stop_trainer_at_checkpoint(run, worker)
    os.kill(server_of(harness, worker), signal.SIGKILL)
    eventually("the death of the trainer", lambda: not is_alive(trainer))
    harness.skip_backoff(run)
    assert harness.outcome(run) == uninterrupted.outcomes["train"]
    attempts = harness.attempts(run)
    assert [(one.outcome, one.error_code) for one in attempts] == [
        ("failed", "OUT_OF_MEMORY_OR_KILLED"),
        ("succeeded", None),
    ]
    assert (attempts[1].resumed_epoch or 0) > 0


def test_a_crash_of_one_attempt_leaves_the_server_for_the_next(harness: WorkerHarness) -> None:
    worker = harness.worker(own_fork_server=True)
    run = harness.enqueue(model=SMALL, training=TRAINING | {"epochs": 100_000})
    os.kill(harness.trainer_of(worker), signal.SIGSEGV)
    eventually("the failure", lambda: harness.get(run).state == "failed")
    server = server_of(harness, worker)
    learned(harness)
    assert server_of(harness, worker) == server


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_is_left_of_a_worker_that_was_killed_or_asked_to_stop(harness: WorkerHarness, number: int) -> None:
    harness.enqueue(model=SMALL, training=TRAINING | {"epochs": 100_000})
    worker = harness.worker(own_fork_server=True)
    trainer, server = harness.trainer_of(worker), server_of(harness, worker)
    os.kill(worker.pid, number)
    worker.wait(PATIENCE)
    eventually("the end of both", lambda: not is_alive(trainer) and not is_alive(server), within=10)
