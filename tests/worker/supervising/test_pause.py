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

SMALL = {"n_latents": 16, "hidden": [16]}
LONG = {"epochs": 200, "batch_size": 64}
ENDLESS = {"epochs": 100_000, "batch_size": 64}


@pytest.fixture
def knowing_yard(either_yard: Any) -> Any:
    either_yard.know_digits()
    return either_yard


def enqueue(yard: Any, document: dict[str, Any], inputs: dict[str, str] | None = None) -> Run:
    columns = {"kind": document["kind"], "spec": document, "spec_version": run_specs.SPEC_VERSION}
    return yard.do(runs.enqueue, **columns, dataset_name="digits", inputs=inputs).run


def train(name: str) -> dict[str, Any]:
    return {"kind": "train", "name": name, "dataset": {"name": "digits"}, "model": SMALL, "training": LONG}


def sweep(name: str) -> dict[str, Any]:
    base = {"dataset": {"name": "digits"}, "model": SMALL, "training": LONG}
    return {"kind": "sweep", "name": name, "base": base, "grid": {"sparsity.weight": [0.001, 0.1]}}


def versions(yard: Any, run: Run) -> list[ModelVersion]:
    query = select(ModelVersion).where(ModelVersion.run_id == run.id).order_by(ModelVersion.member)
    return yard.see(lambda session: list(session.scalars(query)))


def tensors(yard: Any, version: ModelVersion) -> dict[str, bytes]:
    network = weights.read(yard.path(version.digest)).autoencoder.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in network.items()}


def curves(yard: Any, run: Run) -> list[Any]:
    """What every epoch measured, but for how long it took."""
    rows = [(row.member, row.epoch, dict(row.record)) for row in yard.metrics(run)]
    return [(member, epoch, {**record, "seconds": None}) for member, epoch, record in rows]


def pause(yard: Any, run: Run, worker: Any, trainer: int) -> None:
    """Have the run paused; its trainer stands still until it has been asked, so that it cannot end before."""
    os.kill(trainer, signal.SIGSTOP)
    yard.do(runs.pause, run.id)
    yard.hear(worker, "trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    ended = yard.eventually("the pause", lambda: yard.get(run) if yard.get(run).state != "running" else None)
    assert ended.state == "paused", ended.error_detail


@pytest.mark.parametrize("asked", [train, sweep])
def test_a_run_that_was_paused_ends_as_one_that_was_not(knowing_yard: Any, asked: Any) -> None:
    yard = knowing_yard
    run = enqueue(yard, asked("interrupted"))
    worker = yard.worker(checkpoint_seconds=3600)
    trainer = yard.trainer_of(worker)
    yard.eventually("training", lambda: yard.epochs(run))
    pause(yard, run, worker, trainer)
    assert not yard.lives(trainer)
    assert worker.poll() is None, "the worker goes on"
    done = yard.see(checkpoints.latest, run.id).epoch
    assert done == max(yard.epochs(run)) < LONG["epochs"], "not an epoch is lost"

    other = enqueue(yard, asked("whole"))
    yard.eventually("the other run", lambda: yard.get(other).state == "succeeded")
    assert yard.get(run).state == "paused", "nobody takes it"
    yard.do(runs.resume, run.id)
    yard.eventually("the end", lambda: yard.get(run).state == "succeeded")
    assert yard.get(run).failures == 0
    assert [(each.outcome, each.resumed_epoch) for each in yard.attempts(run)] == [
        ("stopped", None),
        ("succeeded", done),
    ]
    made, whole = versions(yard, run), versions(yard, other)
    assert [tensors(yard, one) for one in made] == [tensors(yard, one) for one in whole]
    assert len(made) == (2 if asked is sweep else 1)
    assert curves(yard, run) == curves(yard, other)
    told = [event.type for event in yard.see(events.read, run.id) if event.type in events.STATES]
    assert told == ["queued", "running", "paused", "queued", "running", "succeeded"]


def test_baselines_that_were_paused_begin_anew_and_end_the_same(knowing_yard: Any) -> None:
    yard = knowing_yard
    model = enqueue(yard, {**train("small"), "training": {"epochs": 20}})
    yard.drained()
    version = yard.see(models.resolve, f"small@{yard.get(model).model_version}")
    inputs = {"model": version.digest, "dataset": version.dataset_digest}
    asked = {"kind": "baselines", "model": version.reference, "fit_rows": 300, "iterations": 300, "methods": ["ksvd"]}
    run, whole = enqueue(yard, asked, inputs), enqueue(yard, asked, inputs)
    yard.do(runs.pause, whole.id)
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    yard.eventually("progress", lambda: (yard.get(run).progress or {}).get("epochs") == 100)
    pause(yard, run, worker, trainer)
    for each in (run, whole):
        yard.do(runs.resume, each.id)
    yard.eventually("the ends", lambda: yard.get(run).finished_at and yard.get(whole).finished_at)
    entries = [
        [{**entry, "seconds": None} for entry in (yard.get(each).result or {}).get("entries", [])]
        for each in (run, whole)
    ]
    assert entries[0] == entries[1] != []
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["stopped", "succeeded"]


def stuck_while_pausing(yard: Any) -> tuple[Run, Any, int]:
    """A run that was asked to pause and whose trainer does not come to it; with its worker and that trainer."""
    run = enqueue(yard, {**train("stuck"), "training": ENDLESS})
    worker = yard.worker(grace_seconds=0.3)
    trainer = yard.trainer_of(worker)
    yard.training(run)
    os.kill(trainer, signal.SIGSTOP)
    yard.do(runs.pause, run.id)
    yard.hear(worker, "trainer_asked_to_stop")
    return run, worker, trainer


def test_a_worker_that_leaves_does_not_wait_for_a_pause_that_takes_long(knowing_yard: Any) -> None:
    yard = knowing_yard
    run, worker, _ = stuck_while_pausing(yard)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0
    assert (yard.get(run).state, yard.get(run).failures) == ("paused", 0)


def test_a_pause_that_is_withdrawn_too_late_costs_no_work(knowing_yard: Any) -> None:
    yard = knowing_yard
    run, _, trainer = stuck_while_pausing(yard)
    yard.do(runs.resume, run.id)
    os.kill(trainer, signal.SIGCONT)
    yard.eventually("the next attempt", lambda: yard.get(run).attempt == 2)
    first, second = yard.attempts(run)
    assert first.outcome == "stopped"
    assert second.resumed_epoch > 1
    yard.do(runs.cancel, run.id)
    yard.eventually("the cancellation", lambda: yard.get(run).state == "cancelled")


def test_an_error_for_good_is_told_and_not_hidden_by_a_pause(knowing_yard: Any) -> None:
    yard = knowing_yard
    hopeless = {"n_latents": 16, "hidden": [16] * 8, "output": "identity"}
    diverging = {**train("bad"), "model": hopeless, "sparsity": {"kind": "l1"}}
    run = enqueue(yard, {**diverging, "training": {"epochs": 3, "batch_size": 8, "learning_rate": 10}})
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    yard.do(runs.pause, run.id)
    yard.hear(worker, "trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    ended = yard.eventually("an end", lambda: yard.get(run) if yard.get(run).state != "running" else None)
    assert ended.state in ("paused", "failed")  # it may have heard of the pause before its first row
    if ended.state == "paused":
        yard.do(runs.resume, run.id)
        yard.eventually("the failure", lambda: yard.get(run).state == "failed")
