"""A disk that takes no more while a checkpoint is written: the one before is whole, and the run goes on from it."""

import hashlib
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from registry import checkpoints, runs
from registry.database.tables import Run
from sparse_coding.specs import runs as run_specs
from testing.waiting import eventually
from testing.worker_harness import WorkerHarness

WIDE = {"n_latents": 16, "hidden": [512, 512]}
"""Its checkpoint has 7 MB: far more than anything else that is written here."""
LIMIT = 2_000_000
ENDLESS = {"epochs": 100_000, "batch_size": 480}
BASE = {"dataset": {"name": "digits"}, "model": WIDE, "training": ENDLESS}
SWEEP = {"kind": "sweep", "name": "s", "base": BASE, "grid": {"training.seed": [1, 2]}}


DISK = 40_000_000
"""Bytes of a disk for work in progress: some checkpoints fit."""


def ask(harness: WorkerHarness, asked: dict[str, Any]) -> Run:
    columns = {"kind": asked.get("kind", "train"), "spec": asked, "spec_version": run_specs.SPEC_VERSION}
    return harness.write(runs.enqueue, **columns, dataset_name="digits").run


def newest_is_whole(harness: WorkerHarness, run: Run) -> int:
    """The epoch of the newest checkpoint, whose file is what its name says."""
    kept = harness.read(checkpoints.latest, run.id)
    assert hashlib.sha256(harness.path(kept.sha256).read_bytes()).hexdigest() == kept.sha256
    return int(kept.epoch)


@pytest.fixture
def small_disk(either_empty_harness: WorkerHarness) -> Iterator[Path]:
    """A disk of its own for work in progress; only root can have one."""
    folder: Path = either_empty_harness.settings.work_dir
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be made here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """To the last byte, and again where something was removed meanwhile."""
    with suppress(OSError), (disk / "ballast").open("ab", buffering=0) as ballast:
        while ballast.write(bytes(65_536)):
            pass


@pytest.mark.parametrize("asked", [BASE, SWEEP], ids=["train", "sweep"])
def test_a_run_whose_checkpoint_cannot_be_written_waits_and_continues(
    either_empty_harness: WorkerHarness, asked: dict[str, Any]
) -> None:
    harness = either_empty_harness
    run = ask(harness, asked)
    worker = harness.worker(checkpoint_seconds=0, reap_seconds=600)
    eventually("a checkpoint", lambda: harness.read(checkpoints.latest, run.id))
    resource.prlimit(harness.trainer_of(worker), resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    eventually("the end of the attempt", lambda: harness.attempts(run)[0].ended_at)
    first = harness.attempts(run)[0]
    assert (first.outcome, first.error_code) == ("failed", "STORAGE_FAILED")
    assert "disk" in first.error_detail
    assert (harness.get(run).state, harness.get(run).failures) == ("queued", 1)
    kept = newest_is_whole(harness, run)
    eventually("the end of all that was half written", lambda: not list(harness.settings.work_dir.iterdir()))

    harness.skip_backoff(run)
    eventually("a newer checkpoint", lambda: harness.read(checkpoints.latest, run.id).epoch > kept)
    assert harness.attempts(run)[1].resumed_epoch == kept
    assert harness.get(run).failures == 0
    assert worker.poll() is None


def test_a_run_that_finds_a_full_disk_three_times_fails_and_keeps_its_files(
    either_empty_harness: WorkerHarness, small_disk: Path
) -> None:
    harness = either_empty_harness
    run = ask(harness, BASE)
    worker = harness.worker(checkpoint_seconds=0)
    eventually("a checkpoint", lambda: harness.read(checkpoints.latest, run.id))

    def charged(times: int) -> bool:
        fill(small_disk)
        return bool(harness.get(run).failures >= times)

    for times in (1, 2, 3):
        eventually("a full disk", partial(charged, times))
        if times < 3:
            harness.skip_backoff(run)
    ended = harness.get(run)
    assert (ended.state, ended.error_code, ended.failures) == ("failed", "STORAGE_FAILED", 3)
    assert "disk" in ended.error_detail
    kept = newest_is_whole(harness, run)
    assert [attempt.resumed_epoch for attempt in harness.attempts(run)][-2:] == [kept, kept]

    (small_disk / "ballast").unlink()
    other = harness.enqueue(name="other", model={"n_latents": 8, "hidden": [8]}, training={"epochs": 2})
    eventually("another run", lambda: harness.get(other).state == "succeeded")
    assert worker.poll() is None, "the worker has lived through it"
