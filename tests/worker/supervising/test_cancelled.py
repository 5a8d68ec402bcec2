"""Runs of every kind, cancelled while a worker has them: soon over, whatever their trainer does, and for good."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry import checkpoints, events, models, runs
from registry.database.tables import ModelVersion, Run

SMALL = {"n_latents": 16, "hidden": [16]}
ENDLESS = {"epochs": 100_000, "batch_size": 64}
SOON = 15.0
"""Seconds until a cancel has come to pass, on a busy machine; benchmarks/real_runs.py measures what it really takes."""
NEVER = 3600.0
"""Seconds; a test that waited for this grace would fail."""


@pytest.fixture
def knowing_yard(either_yard: Any) -> Any:
    either_yard.know_digits()
    return either_yard


def train(yard: Any) -> Run:
    return yard.enqueue(name="endless", model=SMALL, training=ENDLESS)


def sweep(yard: Any) -> Run:
    base = {"dataset": {"name": "digits"}, "model": SMALL, "training": ENDLESS}
    asked = {"kind": "sweep", "name": "endless", "base": base, "grid": {"sparsity.weight": [0.001, 0.1]}}
    return yard.do(runs.enqueue, kind="sweep", spec=asked, spec_version=1, dataset_name="digits").run


def baselines(yard: Any) -> Run:
    """Dictionary learning of a thousand iterations, on a model of one epoch that is made for it."""
    made = yard.enqueue(name="judged", model=SMALL, training={"epochs": 1})
    yard.drained()
    version = yard.see(models.resolve, f"judged@{yard.get(made).model_version}")
    asked = {"kind": "baselines", "model": version.reference, "methods": ["ksvd"], "iterations": 1000}
    inputs = {"model": version.digest, "dataset": version.dataset_digest}
    return yard.do(runs.enqueue, kind="baselines", spec=asked, spec_version=1, dataset_name="digits", inputs=inputs).run


def cancelled(yard: Any, run: Run) -> Run:
    """The run once it is cancelled, with its end told last and nothing published."""
    ended: Run = yard.eventually("an end", lambda: yard.get(run) if yard.get(run).finished_at else None, within=SOON)
    assert (ended.state, ended.error_code, ended.stop_requested, ended.lease_owner) == ("cancelled", None, None, None)
    assert yard.see(events.read, run.id)[-1].type == "cancelled"
    assert yard.attempts(run)[-1].ended_at is not None
    published = select(ModelVersion).where(ModelVersion.run_id == run.id)
    assert yard.see(lambda session: session.scalars(published).all()) == []
    return ended


@pytest.mark.parametrize("ask", [train, sweep, baselines])
def test_a_run_is_cancelled_when_its_trainer_is_gone(knowing_yard: Any, ask: Callable[[Any], Run]) -> None:
    yard = knowing_yard
    run = ask(yard)
    worker = yard.worker(grace_seconds=NEVER)
    trainer = yard.trainer_of(worker)
    yard.eventually("progress", lambda: (yard.get(run).progress or {}).get("epoch", 0) > 1)
    yard.do(runs.cancel, run.id)
    yard.do(runs.cancel, run.id)
    cancelled(yard, run)
    assert not yard.lives(trainer)
    assert worker.poll() is None, "the worker goes on"
    yard.do(runs.cancel, run.id)
    cancelled(yard, run)


@pytest.mark.parametrize("phase", ["importing", "training"])
def test_a_trainer_that_does_nothing_any_more_holds_up_no_cancel(knowing_yard: Any, phase: str) -> None:
    """However long a worker that leaves may take: of a cancelled run nothing is wanted."""
    yard = knowing_yard
    run = train(yard)
    worker = yard.worker(grace_seconds=NEVER, stall_seconds=NEVER)
    trainer = yard.trainer_of(worker)
    if phase == "training":
        yard.training(run)
    os.kill(trainer, signal.SIGSTOP)
    yard.do(runs.cancel, run.id)
    cancelled(yard, run)
    assert not yard.lives(trainer)


def test_a_cancel_by_force_ends_the_run_before_its_worker_knows(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = train(yard)
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    yard.training(run)
    os.kill(worker.pid, signal.SIGSTOP)
    fenced = yard.do(runs.cancel, run.id, force=True)
    known = yard.epochs(run)
    cancelled(yard, run)
    os.kill(worker.pid, signal.SIGCONT)
    yard.eventually("the death of the trainer", lambda: not yard.lives(trainer))
    yard.eventually("the end of its folder", lambda: not list(yard.settings.work_dir.iterdir()))
    assert yard.epochs(run) == known
    after = cancelled(yard, run)
    assert (after.fence, after.progress) == (fenced.fence, fenced.progress)
    assert worker.poll() is None, "the worker goes on"


def test_a_cancel_overtakes_a_pause_that_takes_long(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = train(yard)
    worker = yard.worker(grace_seconds=NEVER)
    trainer = yard.trainer_of(worker)
    yard.training(run)
    os.kill(trainer, signal.SIGSTOP)
    yard.do(runs.pause, run.id)
    yard.hear(worker, "trainer_asked_to_stop")
    assert yard.lives(trainer), "a pause is patient"
    yard.do(runs.cancel, run.id)
    yard.do(runs.pause, run.id)
    cancelled(yard, run)


def test_a_cancelled_run_keeps_the_checkpoints_that_it_has(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = train(yard)
    yard.worker(checkpoint_seconds=0)
    yard.eventually("a checkpoint", lambda: yard.see(checkpoints.latest, run.id))
    yard.do(runs.cancel, run.id)
    cancelled(yard, run)
    assert yard.path(yard.see(checkpoints.latest, run.id).sha256).is_file()
