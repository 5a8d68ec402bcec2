"""A disk that takes no more while a checkpoint is written: the one before is whole, and the run goes on from it."""

import hashlib
import resource
from typing import Any

import pytest
from sqlalchemy import update

from registry import checkpoints, runs
from registry.tables import Run
from sparse_coding import spec

WIDE = {"n_latents": 16, "hidden": [512, 512]}
"""Its checkpoint has 7 MB: far more than anything else that is written here."""
LIMIT = 2_000_000
ENDLESS = {"epochs": 100_000, "batch_size": 480}
BASE = {"dataset": {"name": "digits"}, "model": WIDE, "training": ENDLESS}
SWEEP = {"kind": "sweep", "name": "s", "base": BASE, "grid": {"training.seed": [1, 2]}}


@pytest.mark.parametrize("asked", [BASE, SWEEP], ids=["train", "sweep"])
def test_a_run_whose_checkpoint_finds_no_room_waits_and_goes_on(either_yard: Any, asked: dict[str, Any]) -> None:
    yard = either_yard
    columns = {"kind": asked.get("kind", "train"), "spec": asked, "spec_version": spec.SPEC_VERSION}
    run = yard.do(runs.enqueue, **columns, dataset_name="digits").run
    worker = yard.worker(checkpoint_seconds=0, reap_seconds=600)
    yard.eventually("a checkpoint", lambda: yard.see(checkpoints.latest, run.id))
    resource.prlimit(yard.trainer_of(worker), resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    yard.eventually("the end of the attempt", lambda: yard.attempts(run)[0].ended_at)
    first = yard.attempts(run)[0]
    assert (first.outcome, first.error_code) == ("failed", "STORAGE_FAILED")
    assert "disk" in first.error_detail
    assert (yard.get(run).state, yard.get(run).failures) == ("queued", 1)
    kept = yard.see(checkpoints.latest, run.id)
    assert hashlib.sha256(yard.path(kept.sha256).read_bytes()).hexdigest() == kept.sha256
    yard.eventually("the end of all that was half written", lambda: not list(yard.settings.work_dir.iterdir()))

    due = update(Run).where(Run.id == run.id).values(available_at=run.created_at)
    yard.do(lambda session: session.execute(due))
    yard.eventually("a newer checkpoint", lambda: yard.see(checkpoints.latest, run.id).epoch > kept.epoch)
    assert yard.attempts(run)[1].resumed_epoch == kept.epoch
    assert yard.get(run).failures == 0
    assert worker.poll() is None
