"""Workers that are asked to leave: they keep a checkpoint, give their run back uncharged, and end with 0."""

import os
import signal
from datetime import datetime
from functools import partial

import psycopg
import pytest
from sqlalchemy import text

from registry import checkpoints, workers
from registry.database.tables import Run
from testing.processes import is_alive
from testing.waiting import PATIENCE, eventually
from testing.worker_harness import Uninterrupted, WorkerHarness
from testing.worker_process import WorkerProcess

NEVER = 3600.0
"""Seconds; a test that waited for this grace would fail."""


def is_given_back(harness: WorkerHarness, run: Run) -> None:
    after = harness.get(run)
    assert (after.state, after.failures, after.lease_owner) == ("queued", 0, None)
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["released"]
    assert list(harness.settings.work_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("database_url", "kind"), [("sqlite", "train"), ("postgresql", "sweep")], indirect=["database_url"]
)
def test_a_run_that_is_given_back_goes_on_elsewhere_and_ends_the_same(
    either_harness: WorkerHarness, uninterrupted: Uninterrupted, kind: str
) -> None:
    harness = either_harness
    run = harness.request(kind, "interrupted")
    worker = harness.worker(checkpoint_seconds=NEVER)
    trainer = harness.trainer_of(worker)
    eventually("training", lambda: harness.epochs(run))
    os.kill(trainer, signal.SIGSTOP)  # so that it is not done before it is asked
    os.killpg(worker.pid, signal.SIGINT if kind == "train" else signal.SIGTERM)  # as a terminal does, or a container
    worker.wait_for_event("trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    assert worker.wait(PATIENCE) == 0
    assert not is_alive(trainer)
    is_given_back(harness, run)
    done = harness.read(checkpoints.latest, run.id).epoch
    assert done == max(harness.epochs(run)), "not an epoch is lost"
    assert harness.read(workers.alive, 60) == [], "it is known that it left"

    harness.worker()
    assert harness.outcome(run) == uninterrupted.outcomes[kind]
    assert [(attempt.outcome, attempt.resumed_epoch) for attempt in harness.attempts(run)] == [
        ("released", None),
        ("succeeded", done),
    ]
    assert harness.states(run) == ["queued", "running", "queued", "running", "succeeded"]
    recorded = sum(row.record["seconds"] for row in harness.metrics(run))
    assert harness.get(run).result["train_seconds"] == pytest.approx(recorded), "of both attempts"


def test_baselines_that_are_given_back_begin_anew_and_end_the_same(
    either_harness: WorkerHarness, uninterrupted: Uninterrupted
) -> None:
    harness = either_harness
    run = harness.request("baselines", judged=uninterrupted.judged)
    worker = harness.worker()
    trainer = harness.trainer_of(worker)
    eventually("progress", lambda: (harness.get(run).progress or {}).get("epoch"))
    os.kill(trainer, signal.SIGSTOP)
    worker.terminate()
    worker.wait_for_event("trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    assert worker.wait(PATIENCE) == 0
    is_given_back(harness, run)
    harness.worker()
    assert harness.outcome(run) == uninterrupted.outcomes["baselines"]
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["released", "succeeded"]


def test_heartbeats_stop_last_and_a_second_signal_is_immediate(either_harness: WorkerHarness) -> None:
    """A trainer that does not come to its end holds up the worker for as long as it may, and the run stays its own."""
    harness = either_harness
    run = harness.request("train")
    worker = harness.worker(grace_seconds=NEVER, stall_seconds=NEVER, renew_seconds=0.3)
    trainer = harness.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    worker.terminate()
    worker.wait_for_event("trainer_asked_to_stop")
    for _ in range(3):
        before = harness.get(run).lease_expires_at
        eventually("a renewal", partial(is_renewed, harness, run, before))
    assert is_alive(trainer)
    worker.terminate()
    assert worker.wait(timeout=20) == 0
    assert not is_alive(trainer)
    is_given_back(harness, run)


def is_renewed(harness: WorkerHarness, run: Run, before: datetime) -> bool:
    return harness.get(run).lease_expires_at > before


def ended_by_another(worker: WorkerProcess) -> bool:
    """Ask a worker once more to stop, for two at once count as one; tell whether it has ended."""
    worker.terminate()
    return worker.poll() is not None


def test_a_database_that_does_not_answer_holds_up_no_worker_that_was_asked_twice(
    postgres_harness: WorkerHarness,
) -> None:
    harness = postgres_harness
    run = harness.request("train")
    worker = harness.worker(grace_seconds=NEVER)
    harness.wait_until_training(run)
    trainer = harness.trainer_of(worker)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(harness.settings.database_url) as connection:
        connection.execute("LOCK TABLE runs, workers IN ACCESS EXCLUSIVE MODE")
        eventually("a wait", lambda: harness.read(lambda session: session.scalar(text(waits))))
        eventually("the end", lambda: ended_by_another(worker))
        assert worker.returncode == 1
    assert "worker_cut_off" in worker.ended()
    eventually("the death of the trainer", lambda: not is_alive(trainer))
    assert harness.get(run).state == "running", "its lease, or the proof of its worker's death, gives it to another"


def test_a_trainer_that_does_not_stop_is_killed_when_the_grace_is_over(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run = harness.request("train")
    worker = harness.worker(grace_seconds=0.5)
    trainer = harness.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    worker.terminate()
    assert worker.wait(timeout=20) == 0
    assert not is_alive(trainer)
    is_given_back(harness, run)
