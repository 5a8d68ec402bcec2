"""Runs of every kind, cancelled while a worker has them: soon over, whatever their trainer does, and for good."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry import checkpoints, events, models, runs
from registry.database.tables import ModelVersion, Run
from testing.processes import is_alive
from testing.waiting import eventually
from testing.worker_harness import WorkerHarness

SMALL = {"n_latents": 16, "hidden": [16]}
ENDLESS = {"epochs": 100_000, "batch_size": 64}
SOON = 15.0
"""Seconds until a cancel has come to pass, on a busy machine; benchmarks/real_runs.py measures what it really takes."""
NEVER = 3600.0
"""Seconds; a test that waited for this grace would fail."""


@pytest.fixture
def either_harness(either_empty_harness: WorkerHarness) -> WorkerHarness:
    either_empty_harness.add_digits()
    return either_empty_harness


def train(harness: WorkerHarness) -> Run:
    return harness.enqueue(name="endless", model=SMALL, training=ENDLESS)


def sweep(harness: WorkerHarness) -> Run:
    base = {"dataset": {"name": "digits"}, "model": SMALL, "training": ENDLESS}
    asked = {"kind": "sweep", "name": "endless", "base": base, "grid": {"sparsity.weight": [0.001, 0.1]}}
    return harness.write(runs.enqueue, kind="sweep", spec=asked, spec_version=1, dataset_name="digits").run


def baselines(harness: WorkerHarness) -> Run:
    """Dictionary learning of a thousand iterations, on a model of one epoch that is made for it."""
    made = harness.enqueue(name="judged", model=SMALL, training={"epochs": 1})
    harness.run_until_idle()
    version = harness.read(models.resolve, f"judged@{harness.get(made).model_version}")
    asked = {"kind": "baselines", "model": version.reference, "methods": ["ksvd"], "iterations": 1000}
    inputs = {"model": version.digest, "dataset": version.dataset_digest}
    return harness.write(
        runs.enqueue, kind="baselines", spec=asked, spec_version=1, dataset_name="digits", inputs=inputs
    ).run


def cancelled(harness: WorkerHarness, run: Run) -> Run:
    """The run once it is cancelled, with its end as the last event and nothing published."""
    ended = eventually("an end", lambda: harness.get(run) if harness.get(run).finished_at else None, within=SOON)
    assert ended is not None
    assert (ended.state, ended.error_code, ended.stop_requested, ended.lease_owner) == ("cancelled", None, None, None)
    assert harness.read(events.read, run.id)[-1].type == "cancelled"
    assert harness.attempts(run)[-1].ended_at is not None
    published = select(ModelVersion).where(ModelVersion.run_id == run.id)
    assert harness.read(lambda session: session.scalars(published).all()) == []
    return ended


@pytest.mark.parametrize("ask", [train, sweep, baselines])
def test_a_run_is_cancelled_when_its_trainer_is_gone(either_harness: WorkerHarness, ask: Callable[[Any], Run]) -> None:
    harness = either_harness
    run = ask(harness)
    worker = harness.worker(grace_seconds=NEVER)
    trainer = harness.trainer_of(worker)
    eventually("progress", lambda: (harness.get(run).progress or {}).get("epoch", 0) > 1)
    harness.write(runs.cancel, run.id)
    harness.write(runs.cancel, run.id)
    cancelled(harness, run)
    assert not is_alive(trainer)
    assert worker.poll() is None, "the worker goes on"
    harness.write(runs.cancel, run.id)
    cancelled(harness, run)


@pytest.mark.parametrize("phase", ["importing", "training"])
def test_a_trainer_that_does_nothing_any_more_holds_up_no_cancel(either_harness: WorkerHarness, phase: str) -> None:
    """However long a worker that leaves may take: of a cancelled run nothing is wanted."""
    harness = either_harness
    run = train(harness)
    worker = harness.worker(grace_seconds=NEVER, stall_seconds=NEVER)
    trainer = harness.trainer_of(worker)
    if phase == "training":
        harness.wait_until_training(run)
    os.kill(trainer, signal.SIGSTOP)
    harness.write(runs.cancel, run.id)
    cancelled(harness, run)
    assert not is_alive(trainer)


def test_a_cancel_by_force_ends_the_run_before_its_worker_knows(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run = train(harness)
    worker = harness.worker()
    trainer = harness.trainer_of(worker)
    harness.wait_until_training(run)
    os.kill(worker.pid, signal.SIGSTOP)
    fenced = harness.write(runs.cancel, run.id, force=True)
    known = harness.epochs(run)
    cancelled(harness, run)
    os.kill(worker.pid, signal.SIGCONT)
    eventually("the death of the trainer", lambda: not is_alive(trainer))
    eventually("the end of its folder", lambda: not list(harness.settings.work_dir.iterdir()))
    assert harness.epochs(run) == known
    after = cancelled(harness, run)
    assert (after.fence, after.progress) == (fenced.fence, fenced.progress)
    assert worker.poll() is None, "the worker goes on"


def test_a_cancel_overtakes_a_pause_that_takes_long(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run = train(harness)
    worker = harness.worker(grace_seconds=NEVER)
    trainer = harness.trainer_of(worker)
    harness.wait_until_training(run)
    os.kill(trainer, signal.SIGSTOP)
    harness.write(runs.pause, run.id)
    worker.wait_for_event("trainer_asked_to_stop")
    assert is_alive(trainer), "a pause is patient"
    harness.write(runs.cancel, run.id)
    harness.write(runs.pause, run.id)
    cancelled(harness, run)


def test_a_cancelled_run_keeps_the_checkpoints_that_it_has(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run = train(harness)
    harness.worker(checkpoint_seconds=0)
    eventually("a checkpoint", lambda: harness.read(checkpoints.latest, run.id))
    harness.write(runs.cancel, run.id)
    cancelled(harness, run)
    assert harness.path(harness.read(checkpoints.latest, run.id).sha256).is_file()
