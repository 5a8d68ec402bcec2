"""Real workers whose runs are paused and resumed: nothing of the work is lost, and nothing of the result differs."""

import os
import signal
from typing import Any

import pytest
from sqlalchemy import select

from registry import checkpoints, events, models, runs
from registry.database.tables import ModelVersion, Run
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from testing.processes import is_alive
from testing.waiting import eventually
from testing.worker_harness import WorkerHarness
from testing.worker_process import WorkerProcess

SMALL = {"n_latents": 16, "hidden": [16]}
LONG = {"epochs": 100, "batch_size": 64}
ENDLESS = {"epochs": 100_000, "batch_size": 64}


@pytest.fixture
def either_harness(either_empty_harness: WorkerHarness) -> WorkerHarness:
    either_empty_harness.add_digits()
    return either_empty_harness


def enqueue(harness: WorkerHarness, document: dict[str, Any], inputs: dict[str, str] | None = None) -> Run:
    columns = {"kind": document["kind"], "spec": document, "spec_version": run_specs.SPEC_VERSION}
    return harness.write(runs.enqueue, **columns, dataset_name="digits", inputs=inputs).run


def train(name: str) -> dict[str, Any]:
    return {"kind": "train", "name": name, "dataset": {"name": "digits"}, "model": SMALL, "training": LONG}


def sweep(name: str) -> dict[str, Any]:
    base = {"dataset": {"name": "digits"}, "model": SMALL, "training": LONG}
    return {"kind": "sweep", "name": name, "base": base, "grid": {"sparsity.weight": [0.001, 0.1]}}


def versions(harness: WorkerHarness, run: Run) -> list[ModelVersion]:
    query = select(ModelVersion).where(ModelVersion.run_id == run.id).order_by(ModelVersion.member)
    return harness.read(lambda session: list(session.scalars(query)))


def tensors(harness: WorkerHarness, version: ModelVersion) -> dict[str, bytes]:
    network = weights.read(harness.path(version.digest)).autoencoder.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in network.items()}


def curves(harness: WorkerHarness, run: Run) -> list[Any]:
    """What every epoch measured, but for how long it took."""
    rows = [(row.member, row.epoch, dict(row.record)) for row in harness.metrics(run)]
    return [(member, epoch, {**record, "seconds": None}) for member, epoch, record in rows]


def pause(harness: WorkerHarness, run: Run, worker: WorkerProcess, trainer: int) -> None:
    """Have the run paused; its trainer stands still until it has been asked, so that it cannot end before."""
    os.kill(trainer, signal.SIGSTOP)
    harness.write(runs.pause, run.id)
    worker.wait_for_event("trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    ended = eventually("the pause", lambda: harness.get(run) if harness.get(run).state != "running" else None)
    assert ended.state == "paused", ended.error_detail


@pytest.mark.parametrize(
    ("database_url", "asked"), [("sqlite", train), ("postgresql", sweep)], indirect=["database_url"]
)
def test_a_run_that_was_paused_ends_as_one_that_was_not(either_harness: WorkerHarness, asked: Any) -> None:
    harness = either_harness
    run = enqueue(harness, asked("interrupted"))
    worker = harness.worker(checkpoint_seconds=3600)
    trainer = harness.trainer_of(worker)
    eventually("training", lambda: harness.epochs(run))
    pause(harness, run, worker, trainer)
    assert not is_alive(trainer)
    assert worker.poll() is None, "the worker goes on"
    done = harness.read(checkpoints.latest, run.id).epoch
    assert done == max(harness.epochs(run)) < LONG["epochs"], "not an epoch is lost"

    other = enqueue(harness, asked("whole"))
    eventually("the other run", lambda: harness.get(other).state == "succeeded")
    assert harness.get(run).state == "paused", "nobody takes it"
    harness.write(runs.resume, run.id)
    eventually("the end", lambda: harness.get(run).state == "succeeded")
    assert harness.get(run).failures == 0
    assert [(each.outcome, each.resumed_epoch) for each in harness.attempts(run)] == [
        ("stopped", None),
        ("succeeded", done),
    ]
    made, whole = versions(harness, run), versions(harness, other)
    assert [tensors(harness, one) for one in made] == [tensors(harness, one) for one in whole]
    assert len(made) == (2 if asked is sweep else 1)
    assert curves(harness, run) == curves(harness, other)
    states = [event.type for event in harness.read(events.read, run.id) if event.type in events.STATES]
    assert states == ["queued", "running", "paused", "queued", "running", "succeeded"]


def test_baselines_that_were_paused_begin_anew_and_end_the_same(either_harness: WorkerHarness) -> None:
    harness = either_harness
    model = enqueue(harness, {**train("small"), "training": {"epochs": 20}})
    harness.run_until_idle()
    version = harness.read(models.resolve, f"small@{harness.get(model).model_version}")
    inputs = {"model": version.digest, "dataset": version.dataset_digest}
    asked = {"kind": "baselines", "model": version.reference, "fit_rows": 300, "iterations": 300, "methods": ["ksvd"]}
    run, whole = enqueue(harness, asked, inputs), enqueue(harness, asked, inputs)
    harness.write(runs.pause, whole.id)
    worker = harness.worker()
    trainer = harness.trainer_of(worker)
    eventually("progress", lambda: (harness.get(run).progress or {}).get("epochs") == 100)
    pause(harness, run, worker, trainer)
    for each in (run, whole):
        harness.write(runs.resume, each.id)
    eventually("the ends", lambda: harness.get(run).finished_at and harness.get(whole).finished_at)
    entries = [
        [{**entry, "seconds": None} for entry in (harness.get(each).result or {}).get("entries", [])]
        for each in (run, whole)
    ]
    assert entries[0] == entries[1] != []
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["stopped", "succeeded"]


def stuck_while_pausing(harness: WorkerHarness) -> tuple[Run, Any, int]:
    """A run that was asked to pause and whose trainer does not come to it; with its worker and that trainer."""
    run = enqueue(harness, {**train("stuck"), "training": ENDLESS})
    worker = harness.worker(grace_seconds=0.3)
    trainer = harness.trainer_of(worker)
    harness.wait_until_training(run)
    os.kill(trainer, signal.SIGSTOP)
    harness.write(runs.pause, run.id)
    worker.wait_for_event("trainer_asked_to_stop")
    return run, worker, trainer


def test_a_worker_that_leaves_does_not_wait_for_a_pause_that_takes_long(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run, worker, _ = stuck_while_pausing(harness)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0
    assert (harness.get(run).state, harness.get(run).failures) == ("paused", 0)


def test_a_pause_that_is_withdrawn_too_late_costs_no_work(either_harness: WorkerHarness) -> None:
    harness = either_harness
    run, _, trainer = stuck_while_pausing(harness)
    harness.write(runs.resume, run.id)
    os.kill(trainer, signal.SIGCONT)
    eventually("the next attempt", lambda: harness.get(run).attempt == 2)
    first, second = harness.attempts(run)
    assert first.outcome == "stopped"
    assert second.resumed_epoch > 1
    harness.write(runs.cancel, run.id)
    eventually("the cancellation", lambda: harness.get(run).state == "cancelled")


def test_a_final_error_is_reported_and_not_hidden_by_a_pause(either_harness: WorkerHarness) -> None:
    harness = either_harness
    hopeless = {"n_latents": 16, "hidden": [16] * 8, "output": "identity"}
    diverging = {**train("bad"), "model": hopeless, "sparsity": {"kind": "l1"}}
    run = enqueue(harness, {**diverging, "training": {"epochs": 3, "batch_size": 8, "learning_rate": 10}})
    worker = harness.worker()
    trainer = harness.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    harness.write(runs.pause, run.id)
    worker.wait_for_event("trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    ended = eventually("an end", lambda: harness.get(run) if harness.get(run).state != "running" else None)
    assert ended.state in ("paused", "failed")  # it may have received the pause before its first row
    if ended.state == "paused":
        harness.write(runs.resume, run.id)
        eventually("the failure", lambda: harness.get(run).state == "failed")
