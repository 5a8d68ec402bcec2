"""A worker keeps few checkpoints of its run, and removes what nothing needs while it works."""

import os

import pytest
from sqlalchemy import select, update

from registry import checkpoints
from registry.database.tables import Artifact
from registry.stores.directory import DirectoryStore
from testing.worker_harness import WorkerHarness

SMALL = {"n_latents": 16, "hidden": [16]}
TRAIN = {"model": SMALL, "training": {"epochs": 12, "batch_size": 480}}


def test_a_run_keeps_its_newest_checkpoints_and_its_best(either_empty_harness: WorkerHarness) -> None:
    harness = either_empty_harness
    run = harness.enqueue(**TRAIN)
    harness.run_until_idle(checkpoint_seconds=0)
    assert harness.get(run).state == "succeeded"
    kept = [row.epoch for row in harness.read(checkpoints.of_run, run.id)]
    errors = {row.epoch: row.record["test_mse"] for row in harness.metrics(run) if row.epoch < 12}
    assert kept == sorted({10, 11, min(errors, key=errors.__getitem__)})


def test_zero_keeps_every_checkpoint(harness: WorkerHarness) -> None:
    run = harness.enqueue(**TRAIN)
    harness.run_until_idle(checkpoint_seconds=0, keep_last=0)
    assert [row.epoch for row in harness.read(checkpoints.of_run, run.id)] == list(range(1, 12))


@pytest.mark.parametrize("keep_last", [1, 2])
def test_a_worker_collects_beside_its_work(harness: WorkerHarness, keep_last: int) -> None:
    old = harness.enqueue(**TRAIN)
    harness.run_until_idle(checkpoint_seconds=0, keep_last=0)
    stored = [row.sha256 for row in harness.read(checkpoints.of_run, old.id)]
    harness.write(
        lambda session: session.execute(update(Artifact).values(touched_at=old.created_at.replace(year=2000)))
    )
    for sha256 in stored:
        os.utime(harness.path(sha256), (1, 1))
    harness.enqueue(model=SMALL, training={"epochs": 100_000, "batch_size": 64})
    worker = harness.worker(collect_seconds=1, keep_last=keep_last)
    worker.wait_for_event("files_collected")
    kept = [row.sha256 for row in harness.read(checkpoints.of_run, old.id)]
    assert set(kept) < set(stored)
    assert all(harness.path(sha256).exists() for sha256 in kept)
    files = {path.name for path in harness.settings.artifacts_dir.glob("??/*")}
    assert files >= set(harness.read(lambda session: session.scalars(select(Artifact.sha256)).all()))
    assert files & set(stored) == set(kept)
    assert DirectoryStore(harness.settings.artifacts_dir).path(kept[-1]).stat().st_size > 0
