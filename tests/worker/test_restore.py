"""A backup that was made while a worker trained, restored into a new data folder: everything goes on from there."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import update

from registry import backup, checkpoints, models, runs, schema, sessions
from registry.settings import RegistrySettings
from registry.tables import Run
from sparse_coding import weights

SMALL = {"n_latents": 16, "hidden": [16]}


def weights_of(yard: Any, reference: str) -> Path:
    return yard.path(yard.see(models.resolve, reference).digest)


def codes(file: Path) -> bytes:
    rows = np.random.default_rng(0).random((50, 64), np.float32)
    return np.asarray(weights.read(file).encode(rows)).tobytes()


def test_a_copy_made_while_training_goes_on_in_a_new_folder(yard: Any, tmp_path: Path) -> None:
    yard.enqueue(name="before", model=SMALL, training={"epochs": 3})
    yard.drained()
    run = yard.enqueue(name="long", model=SMALL, training={"epochs": 250, "batch_size": 256})
    worker = yard.worker(checkpoint_seconds=0, exit_when_idle=True)
    yard.eventually("a checkpoint", lambda: yard.see(checkpoints.latest, run.id))
    target = tmp_path / "backup"
    backup.make(yard.settings, target)
    worker.communicate(timeout=60)
    assert yard.get(run).state == "succeeded"

    shutil.copytree(target, tmp_path / "restored")
    settings = RegistrySettings(data_dir=tmp_path / "restored")
    schema.upgrade(settings)
    restored = dataclasses.replace(yard, settings=settings, database=sessions.open(settings), workers=yard.workers)
    assert codes(weights_of(restored, "before")) == codes(weights_of(yard, "before"))

    left = restored.get(run)
    assert left.state == "running"
    resumed = restored.see(checkpoints.latest, run.id).epoch
    lapse(restored, run, lease_expires_at=run.created_at)
    restored.do(runs.reap)
    lapse(restored, run, available_at=run.created_at)
    restored.drained()
    assert restored.get(run).state == "succeeded"
    assert restored.attempts(run)[-1].resumed_epoch == resumed > 0
    assert restored.epochs(run) == list(range(1, 251))
    assert weights_of(restored, "long").read_bytes() == weights_of(yard, "long").read_bytes()
    restored.database.dispose()


def lapse(yard: Any, run: Run, **columns: Any) -> None:
    """Let a lease or a wait be over, which takes a minute otherwise."""
    yard.do(lambda session: session.execute(update(Run).where(Run.id == run.id).values(**columns)))
