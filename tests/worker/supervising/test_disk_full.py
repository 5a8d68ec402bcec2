"""A disk that takes no more while a checkpoint is written: the one before is whole, and the run goes on from it."""

import hashlib
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry import checkpoints, runs
from registry.database.tables import Run
from sparse_coding.specs import runs as run_specs

WIDE = {"n_latents": 16, "hidden": [512, 512]}
"""Its checkpoint has 7 MB: far more than anything else that is written here."""
LIMIT = 2_000_000
ENDLESS = {"epochs": 100_000, "batch_size": 480}
BASE = {"dataset": {"name": "digits"}, "model": WIDE, "training": ENDLESS}
SWEEP = {"kind": "sweep", "name": "s", "base": BASE, "grid": {"training.seed": [1, 2]}}


DISK = 40_000_000
"""Bytes of a disk for work in progress: some checkpoints fit."""


def ask(yard: Any, asked: dict[str, Any]) -> Run:
    columns = {"kind": asked.get("kind", "train"), "spec": asked, "spec_version": run_specs.SPEC_VERSION}
    return yard.do(runs.enqueue, **columns, dataset_name="digits").run  # type: ignore[no-any-return]


def newest_is_whole(yard: Any, run: Run) -> int:
    """The epoch of the newest checkpoint, whose file is what its name says."""
    kept = yard.see(checkpoints.latest, run.id)
    assert hashlib.sha256(yard.path(kept.sha256).read_bytes()).hexdigest() == kept.sha256
    return int(kept.epoch)


@pytest.fixture
def small_disk(either_yard: Any) -> Iterator[Path]:
    """A disk of its own for work in progress; only root can have one."""
    folder: Path = either_yard.settings.work_dir
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
def test_a_run_whose_checkpoint_finds_no_room_waits_and_goes_on(either_yard: Any, asked: dict[str, Any]) -> None:
    yard = either_yard
    run = ask(yard, asked)
    worker = yard.worker(checkpoint_seconds=0, reap_seconds=600)
    yard.eventually("a checkpoint", lambda: yard.see(checkpoints.latest, run.id))
    resource.prlimit(yard.trainer_of(worker), resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    yard.eventually("the end of the attempt", lambda: yard.attempts(run)[0].ended_at)
    first = yard.attempts(run)[0]
    assert (first.outcome, first.error_code) == ("failed", "STORAGE_FAILED")
    assert "disk" in first.error_detail
    assert (yard.get(run).state, yard.get(run).failures) == ("queued", 1)
    kept = newest_is_whole(yard, run)
    yard.eventually("the end of all that was half written", lambda: not list(yard.settings.work_dir.iterdir()))

    yard.skip_the_wait(run)
    yard.eventually("a newer checkpoint", lambda: yard.see(checkpoints.latest, run.id).epoch > kept)
    assert yard.attempts(run)[1].resumed_epoch == kept
    assert yard.get(run).failures == 0
    assert worker.poll() is None


def test_a_run_that_finds_no_room_three_times_fails_and_keeps_what_it_had(either_yard: Any, small_disk: Path) -> None:
    yard = either_yard
    run = ask(yard, BASE)
    worker = yard.worker(checkpoint_seconds=0)
    yard.eventually("a checkpoint", lambda: yard.see(checkpoints.latest, run.id))

    def charged(times: int) -> bool:
        fill(small_disk)
        return bool(yard.get(run).failures >= times)

    for times in (1, 2, 3):
        yard.eventually("no room", lambda times=times: charged(times))
        if times < 3:
            yard.skip_the_wait(run)
    ended = yard.get(run)
    assert (ended.state, ended.error_code, ended.failures) == ("failed", "STORAGE_FAILED", 3)
    assert "disk" in ended.error_detail
    kept = newest_is_whole(yard, run)
    assert [attempt.resumed_epoch for attempt in yard.attempts(run)][-2:] == [kept, kept]

    (small_disk / "ballast").unlink()
    other = yard.enqueue(name="other", model={"n_latents": 8, "hidden": [8]}, training={"epochs": 2})
    yard.eventually("another run", lambda: yard.get(other).state == "succeeded")
    assert worker.poll() is None, "the worker has lived through it"
