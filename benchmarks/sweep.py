"""Duration of training ten networks in one sweep, compared with the same ten one after another.

The tutorial's exercise 1: five L1 weights and five KL weights, 784-256-128-256-784, batch 128, on 60,000 images in
MNIST's format, one epoch each, including held-out figures. Repeats are interleaved; the best of each is reported.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch is loaded: what the worker gives its trainers

import torch
from train_epoch import report_machine, write_mnist

from sparse_coding.data import builtin_datasets, datasets, preprocessing
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.sweep import Member, SweepSpec
from sparse_coding.training import loop, sweeps
from sparse_coding.training.loop import EpochRecord, MemberRecord, TrainingData

WEIGHTS = {"l1": (0.0001, 0.001, 0.01, 0.1, 1.0), "kl": (0.001, 0.01, 0.1, 1.0, 10.0)}
LOSS_TOLERANCE = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    report_machine(options.device)
    members = exercise_1().expanded()
    with tempfile.TemporaryDirectory() as folder:
        data = load(Path(folder), members[0], options.device)
    best = {side_by_side: float("inf"), one_after_another: float("inf")}
    losses: dict[Callable[..., dict[int, float]], dict[int, float]] = {}
    for _ in range(options.repeats):
        for way in best:
            began = time.perf_counter()
            losses[way] = way(members, data, options.device)
            best[way] = min(best[way], time.perf_counter() - began)
    together, alone = best[side_by_side], best[one_after_another]
    print(f"ten runs one after another: {alone:.2f} s")
    print(f"one sweep of ten members:   {together:.2f} s  = {alone / together:.2f} times faster")
    report_losses(losses[side_by_side], losses[one_after_another])


def exercise_1() -> SweepSpec:
    choices = [
        {"sparsity": {"kind": kind, "weight": weight}} for kind, weights in WEIGHTS.items() for weight in weights
    ]
    base = {"dataset": {"name": "mnist", "validation_fraction": 0.0}, "training": {"epochs": 1}}
    asked = run_specs.parse({"kind": "sweep", "base": base, "members": choices})
    assert isinstance(asked, SweepSpec)
    return asked


def load(folder: Path, member: Member, device: str) -> TrainingData:
    write_mnist(folder)
    dataset = datasets.open(builtin_datasets.materialise("mnist", folder, folder / "sources"))
    return loop.load(dataset, preprocessing.fit(member.spec.dataset, dataset), member.spec, device)


def side_by_side(members: tuple[Member, ...], data: TrainingData, device: str) -> dict[int, float]:
    """Loss of each member after its epoch."""
    ensembles = sweeps.start(members, {member.spec.dataset: data for member in members}, device)
    events = [event for event in sweeps.epochs(ensembles) if isinstance(event, MemberRecord)]
    settle(device)
    return {event.member: event.record.loss for event in events}


def one_after_another(members: tuple[Member, ...], data: TrainingData, device: str) -> dict[int, float]:
    """The same, with each member trained as in a single run."""
    losses = {}
    for member in members:
        state = loop.start(member.spec, data.preprocessing.n_inputs, device)
        records = [event for event in loop.epochs(state, data, member.spec) if isinstance(event, EpochRecord)]
        losses[member.number] = records[-1].loss
    settle(device)
    return losses


def settle(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def report_losses(together: dict[int, float], alone: dict[int, float]) -> None:
    apart = max(abs(together[number] / alone[number] - 1) for number in alone)
    verdict = "within" if apart <= LOSS_TOLERANCE else "NOT within"
    print(f"losses differ by {apart:.1e} at most, {verdict} {LOSS_TOLERANCE:.0%}")


if __name__ == "__main__":
    main()
