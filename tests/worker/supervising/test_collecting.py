"""A worker keeps few checkpoints of its run, and removes what nothing needs while it works."""

import os
from typing import Any

import pytest
from sqlalchemy import select, update

from registry import checkpoints
from registry.database.tables import Artifact
from registry.stores.directory import DirectoryStore

SMALL = {"n_latents": 16, "hidden": [16]}
TRAIN = {"model": SMALL, "training": {"epochs": 12, "batch_size": 480}}


def test_a_run_keeps_its_newest_checkpoints_and_its_best(either_yard: Any) -> None:
    yard = either_yard
    run = yard.enqueue(**TRAIN)
    yard.drained(checkpoint_seconds=0)
    assert yard.get(run).state == "succeeded"
    kept = [row.epoch for row in yard.see(checkpoints.of_run, run.id)]
    errors = {row.epoch: row.record["test_mse"] for row in yard.metrics(run) if row.epoch < 12}
    assert kept == sorted({10, 11, min(errors, key=errors.__getitem__)})


def test_zero_keeps_every_checkpoint(yard: Any) -> None:
    run = yard.enqueue(**TRAIN)
    yard.drained(checkpoint_seconds=0, keep_last=0)
    assert [row.epoch for row in yard.see(checkpoints.of_run, run.id)] == list(range(1, 12))


@pytest.mark.parametrize("keep_last", [1, 2])
def test_a_worker_collects_beside_its_work(yard: Any, keep_last: int) -> None:
    old = yard.enqueue(**TRAIN)
    yard.drained(checkpoint_seconds=0, keep_last=0)
    stored = [row.sha256 for row in yard.see(checkpoints.of_run, old.id)]
    yard.do(lambda session: session.execute(update(Artifact).values(touched_at=old.created_at.replace(year=2000))))
    for sha256 in stored:
        os.utime(yard.path(sha256), (1, 1))
    yard.enqueue(model=SMALL, training={"epochs": 100_000, "batch_size": 64})
    worker = yard.worker(collect_seconds=1, keep_last=keep_last)
    yard.hear(worker, "files_collected")
    kept = [row.sha256 for row in yard.see(checkpoints.of_run, old.id)]
    assert set(kept) < set(stored)
    assert all(yard.path(sha256).exists() for sha256 in kept)
    files = {path.name for path in yard.settings.artifacts_dir.glob("??/*")}
    assert files >= set(yard.see(lambda session: session.scalars(select(Artifact.sha256)).all()))
    assert files & set(stored) == set(kept)
    assert DirectoryStore(yard.settings.artifacts_dir).path(kept[-1]).stat().st_size > 0
