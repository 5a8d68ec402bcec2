"""Cost of checkpoints in a real run, and time from a cancel request to the end of the run.

Real workers with real trainers on SQLite. Checkpoints: the tutorial's network on 60,000 images in MNIST's format; runs
with a checkpoint per epoch alternate with runs without any. The durations are those in the epochs' metrics, which
include everything that the trainer does or waits for. Cancel: from the request to the state, with default settings.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from train_epoch import report_machine, write_mnist

from registry import metrics, runs
from registry.database import schema, sessions
from registry.database.tables import Run
from registry.settings import RegistrySettings
from sparse_coding.specs import runs as run_specs

T = TypeVar("T")

SHARE_GOAL = 0.02
CANCEL_GOAL = 2.0
"""Seconds, in addition to the time of a step."""
PATIENCE = 600.0
NEVER = 3600.0


@dataclass(frozen=True)
class Installation:
    """A data folder with a database, and workers on it."""

    settings: RegistrySettings
    database: sessions.Database
    threads: int

    def enqueue(self, name: str, epochs: int) -> str:
        """Create a run of the tutorial's network on MNIST; returns its id."""
        asked = {"kind": "train", "name": name, "dataset": {"name": "mnist"}, "training": {"epochs": epochs}}
        with self.database.write() as session:
            columns = {"kind": "train", "spec": asked, "spec_version": run_specs.SPEC_VERSION, "dataset_name": "mnist"}
            return runs.enqueue(session, **columns).run.id

    def get(self, run_id: str) -> Run:
        with self.database.read() as session:
            return runs.get(session, run_id)

    def cancel(self, run_id: str) -> None:
        with self.database.write() as session:
            runs.cancel(session, run_id)

    def seconds(self, run_id: str) -> list[float]:
        """The metrics record of each epoch."""
        with self.database.read() as session:
            return [row.record["seconds"] for row in metrics.read(session, run_id)]

    @contextmanager
    def worker(self, **settings: object) -> Iterator[None]:
        """Run `python -m worker` during the block."""
        named = {f"SAE_{name.upper()}": str(value) for name, value in ({"threads": self.threads} | settings).items()}
        surroundings = {**os.environ, "SAE_DATA_DIR": str(self.settings.data_dir), "SAE_DEVICE": "cpu", **named}
        process = subprocess.Popen([sys.executable, "-m", "worker"], env=surroundings, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a short trial with few runs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the times of cancellation")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of a trainer")
    options = parser.parse_args()
    report_machine("cpu")
    with tempfile.TemporaryDirectory(prefix="sae-runs-") as folder, installation(Path(folder), options.threads) as made:
        report_checkpoints(made, pairs=1 if options.small else 5, epochs=2 if options.small else 9)
        report_cancels(made, times=3 if options.small else 20, moments=random.Random(options.seed))


@contextmanager
def installation(folder: Path, threads: int) -> Iterator[Installation]:
    """A new data folder whose sources contain images in MNIST's format."""
    write_mnist(folder)
    settings = RegistrySettings(data_dir=folder)
    schema.upgrade(settings)
    database = sessions.open(settings)
    yield Installation(settings, database, threads)
    database.dispose()


def eventually(what: str, happened: Callable[[], T], pause: float = 0.02) -> T:
    deadline = time.monotonic() + PATIENCE
    while not (answer := happened()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not happen")
        time.sleep(pause)
    return answer


# Checkpoints.


def report_checkpoints(made: Installation, pairs: int, epochs: int) -> None:
    found: dict[float, list[float]] = {NEVER: [], 0.0: []}
    for number in range(pairs):
        for checkpoint_seconds in found if number % 2 == 0 else reversed(found):
            found[checkpoint_seconds] += trained(made, checkpoint_seconds, epochs)
    without, with_one = found[NEVER], found[0.0]
    for name, values in (("without a checkpoint", without), ("with one before it", with_one)):
        print(f"epoch {name:22}{min(values):9.4f} s best{statistics.median(values):9.4f} s median of {len(values)}")
    for name, of in (("best", min), ("median", statistics.median)):
        share = of(with_one) / of(without) - 1
        kept = "kept" if share < SHARE_GOAL else "MISSED"
        print(f"a checkpoint per epoch, share of its time, by the {name:8}{share:9.2%}   goal {SHARE_GOAL:.0%}: {kept}")


def trained(made: Installation, checkpoint_seconds: float, epochs: int) -> list[float]:
    """Duration of all epochs except the first, which includes the start of threads and follows no checkpoint."""
    run_id = made.enqueue("kept", epochs)
    with made.worker(checkpoint_seconds=checkpoint_seconds):
        ended = eventually("the end", lambda: run if (run := made.get(run_id)).finished_at else None, 0.2)
    if ended.state != "succeeded":
        raise SystemExit(f"the run {ended.state}: {ended.error_detail}")
    return made.seconds(run_id)[1:]


# Cancel.


def report_cancels(made: Installation, times: int, moments: random.Random) -> None:
    """One worker; each run is cancelled at a random time in its first seconds of training."""
    with made.worker():
        waits = sorted(cancelled(made, moments.uniform(0, 2)) for _ in range(times))
    p50, p95 = waits[times // 2], waits[min(times - 1, times * 95 // 100)]
    kept = "kept" if p95 < CANCEL_GOAL else "MISSED"
    print(
        f"from request to cancelled, {times} runs: p50 {p50:.2f} s, p95 {p95:.2f} s, longest {waits[-1]:.2f} s; ",
        end="",
    )
    print(f"limit {CANCEL_GOAL:g} s and a step, ratio {p95 / CANCEL_GOAL:.2f}: {kept}")


def cancelled(made: Installation, after: float) -> float:
    run_id = made.enqueue("cancelled", 1000)
    eventually("training", lambda: phase(made.get(run_id)) == "training")
    time.sleep(after)
    began = time.monotonic()
    made.cancel(run_id)
    eventually("the cancellation", lambda: made.get(run_id).state == "cancelled", 0.005)
    return time.monotonic() - began


def phase(run: Run) -> Any:
    return (run.progress or {}).get("phase")


if __name__ == "__main__":
    main()
