"""Training as an iterator: it changes a state and yields small records at points where training can stop.

The rows are in the device's memory, an epoch is a shuffled index, and no number is read inside the loop, because
reading one waits for the device. Knows no clock, no files and no queue; a caller stops training by leaving the loop.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from sparse_coding import errors
from sparse_coding.analysis import evaluation
from sparse_coding.analysis.evaluation import HeldOutRows
from sparse_coding.data import batches, sampling
from sparse_coding.data.batches import CHUNK_ROWS
from sparse_coding.data.datasets import Dataset
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.models import autoencoder as networks
from sparse_coding.models import objectives
from sparse_coding.models.autoencoder import Autoencoder
from sparse_coding.specs.training import Training, TrainSpec
from sparse_coding.training.adam import Adam
from sparse_coding.training.gradients import BatchGradient

PULSE_STEPS: Final = 8
"""Steps between two points where training can stop: some 10 ms for the tutorial's network, seconds for the largest."""

SQUARABLE: Final = math.sqrt(float(np.finfo(np.float32).max)) / 2
"""Magnitude up to which an input can be squared in float32, and so can its difference from an output as large."""

LARGE_INPUT: Final = 100.0
"""Inputs above this may make steps too long: torch's initial weights are meant for inputs of about 1."""


@dataclass(eq=False)
class TrainingState:
    """Everything that changes during training; a checkpoint is this state, written between two epochs."""

    autoencoder: Autoencoder
    """One network, or several stacked networks of the same shapes."""
    optimizer: Adam
    epoch: int = 0
    """Completed epochs."""
    rows: int = 0
    """Rows of the next epoch that training has used already; 0 between two epochs."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Rows in the device's memory as they are stored after resizing: uint8 or float32."""

    train: Shaped[Tensor, "n d"]
    test: HeldOutRows
    preprocessing: Preprocessing
    """On the same device."""
    validation: HeldOutRows | None = None
    """The validation slice, if the spec has one."""


@dataclass(frozen=True)
class Pulse:
    """A point inside an epoch where training can stop: `rows` of epoch number `epoch` (from 1) are done."""

    epoch: int
    rows: int


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's figures: three means over its batches, each batch weighing the same, and the held-out split's."""

    epoch: int
    loss: float
    """reconstruction + weight * sparsity."""
    reconstruction: float
    """`mse.mean`."""
    sparsity: float
    """The penalty, without its weight."""
    test_mse: float
    explained_variance: float | None
    l0: float
    dead_latents: int


@dataclass(frozen=True)
class MemberRecord:
    """One epoch's figures of one network."""

    member: int
    record: EpochRecord


@dataclass(frozen=True)
class MemberDiverged:
    """A network whose numbers are no longer finite: it has no figures of this epoch."""

    member: int
    detail: str
    """What happened, and what may help."""


def load(dataset: Dataset, preprocessing: Preprocessing, spec: TrainSpec, device: torch.device | str) -> TrainingData:
    """Load both splits, resized, into the memory of `device`; of the training rows those that the spec selects.

    Raises `InputsOutOfRange` if a sigmoid output cannot reach the rows, `SpecDoesNotFit` for too few rows.
    """
    learned, validated = sampling.learned(spec.dataset, dataset), sampling.validation(spec.dataset, dataset)
    if len(learned) < spec.training.batch_size:
        raise errors.SpecDoesNotFit(
            f"A batch of {spec.training.batch_size} rows needs as many training rows; there are {len(learned)}."
        )
    stored = dataset.split("train").rows
    slices = [stored[validated]] if len(validated) else []
    splits = [stored[learned], dataset.split("test").rows, *slices]
    train, test, *others = [_on_device(preprocessing.rows(rows), device) for rows in splits]
    if spec.model.output == "sigmoid" and preprocessing.scaling == "none":
        for rows in (train, test, *others):
            _check_range(rows)
    placed = preprocessing.to(device)
    held_out, *validation = [evaluation.hold_out(train, rows, placed) for rows in (test, *others)]
    return TrainingData(train, held_out, placed, *validation)


def _on_device(rows: np.ndarray, device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.array(rows)).to(device)  # copied, because a mapped file is read-only


def _check_range(rows: Shaped[Tensor, "n d"]) -> None:
    low, high = float(rows.min()), float(rows.max())
    if rows.dtype is not torch.uint8 and (low < 0 or high > 1):
        raise errors.InputsOutOfRange(
            f"A sigmoid output needs inputs in [0, 1]; these rows span [{low:g}, {high:g}]. "
            'Use "output": "identity" or "scaling": "minmax".'
        )


def start(spec: TrainSpec, n_inputs: int, device: torch.device | str) -> TrainingState:
    """A new network of `n_inputs` with torch's default initialisation under the spec's seed, and a fresh Adam."""
    network = networks.build(spec.model, spec.sparsity, n_inputs, spec.training.seed).to(device)
    return TrainingState(network, optimizer_for(network, spec.training))


def optimizer_for(network: Autoencoder, spec: Training) -> Adam:
    """A fresh Adam for a network, or for several that are stacked."""
    return Adam(dict(network.named_parameters()), spec.learning_rate)


def epochs(state: TrainingState, data: TrainingData, spec: TrainSpec) -> Iterator[Pulse | EpochRecord]:
    """Train from `state.epoch` to the spec's last epoch: a `Pulse` every few steps, a record after each epoch.

    After a record and before the next step, the state can be written to a checkpoint; at a pulse it can only be
    discarded, because the order of rows follows from (seed, epoch) and an epoch cannot be entered in the middle.
    Raises `TrainingDiverged` after an epoch in which a number stopped being finite.
    """
    if state.rows:
        raise ValueError(f"the state was left inside epoch {state.epoch + 1}: start from a checkpoint")
    while state.epoch < spec.training.epochs:
        for event in epoch(state, data, {0: spec}):
            match event:
                case Pulse():
                    yield event
                case MemberRecord():
                    yield event.record
                case MemberDiverged():
                    raise errors.TrainingDiverged(event.detail)


def epoch(
    state: TrainingState, data: TrainingData, numbered: Mapping[int, TrainSpec]
) -> Iterator[Pulse | MemberRecord | MemberDiverged]:
    """Train one network, or several stacked ones, for one epoch; last come the figures of each network.

    `numbered` has the spec of every network by its number, in the order in which they are stacked. Stacked networks can
    differ only in seed, weight and rho. A network that diverges does not affect the others.
    """
    specs, stacked = list(numbered.values()), state.autoencoder.stacked
    gradient = BatchGradient(state.autoencoder, _objective(state.autoencoder, specs))
    # in float64: hundreds of losses added in float32 would lose digits; on the device: reading one waits for it
    sums = torch.zeros(2, *([len(specs)] if stacked else []), dtype=torch.float64, device=data.train.device)
    yield from _one_pass(state, data, _shuffled(state, data, specs, stacked), gradient, sums)
    # the tutorial's averages: every batch counts the same, the last, short one too
    steps = math.ceil(len(data.train) / specs[0].training.batch_size)
    means = (sums / steps).view(2, len(specs)).T.tolist()
    for (member, spec), network, (error, sparsity) in zip(numbered.items(), members(state), means, strict=True):
        record = _record(network, state.epoch, data, spec, error, sparsity)
        if _is_finite(network, record):
            yield MemberRecord(member, record)
        else:
            detail = f"The loss was no longer a finite number in epoch {state.epoch}: {_remedy(data, spec)}."
            yield MemberDiverged(member, detail)


def members(state: TrainingState) -> list[Autoencoder]:
    """The single networks of a state, sharing its memory."""
    return networks.unstacked(state.autoencoder) if state.autoencoder.stacked else [state.autoencoder]


def _objective(network: Autoencoder, specs: Sequence[TrainSpec]) -> objectives.Objective:
    if network.stacked:
        return objectives.stacked([spec.sparsity for spec in specs], next(network.parameters()))
    return objectives.objective_for(specs[0].sparsity)


def _shuffled(state: TrainingState, data: TrainingData, specs: Sequence[TrainSpec], stacked: bool) -> Iterator[Tensor]:
    """The batches of the next epoch: rows [B, d], or [networks, B, d] with an order of its own for each network."""
    orders = [batches.order(len(data.train), spec.training.seed, state.epoch) for spec in specs]
    size = specs[0].training.batch_size
    if stacked:
        return batches.shuffled_together(data.train, torch.stack(orders), size)
    return batches.shuffled(data.train, orders[0], size)


def _one_pass(
    state: TrainingState, data: TrainingData, shuffled: Iterator[Tensor], gradient: BatchGradient, sums: Tensor
) -> Iterator[Pulse]:
    """Train on every batch once; add its reconstruction error and its penalty to the two `sums`."""
    reconstruction_sum, penalty_sum = sums.unbind()
    for step, rows in enumerate(shuffled, 1):
        state.rows += rows.shape[-2]
        reconstruction, penalty = gradient(data.preprocessing.to_inputs(rows))
        state.optimizer.step()
        reconstruction_sum.add_(reconstruction)
        penalty_sum.add_(penalty)
        if step % PULSE_STEPS == 0:
            yield Pulse(state.epoch + 1, state.rows)
    state.epoch, state.rows = state.epoch + 1, 0


def _record(
    network: Autoencoder, epoch: int, data: TrainingData, spec: TrainSpec, reconstruction: float, sparsity: float
) -> EpochRecord:
    held_out = evaluation.evaluate(network, data.preprocessing, data.test)
    return EpochRecord(
        epoch=epoch,
        loss=reconstruction + objectives.weight_of(spec.sparsity) * sparsity,
        reconstruction=reconstruction,
        sparsity=sparsity,
        test_mse=held_out.mse,
        explained_variance=held_out.explained_variance,
        l0=held_out.l0,
        dead_latents=held_out.dead_latents,
    )


def _is_finite(network: Autoencoder, record: EpochRecord) -> bool:
    """Whether the losses and all weights are finite numbers."""
    # the weights too: the last step can break them after the recorded loss was computed
    weights = torch.stack([weight.isfinite().all() for weight in network.parameters()])
    return math.isfinite(record.loss) and math.isfinite(record.test_mse) and bool(weights.all())


def _remedy(data: TrainingData, spec: TrainSpec) -> str:
    """Suggest a remedy for a loss that is not finite, by its likely cause."""
    largest = max(float(data.preprocessing.to_inputs(rows).abs().max()) for rows in torch.split(data.train, CHUNK_ROWS))
    # the loss adds up this many squares before it divides, so that the sum can overflow where no single square does
    numbers = spec.training.batch_size * data.train.shape[1]
    if largest > SQUARABLE / math.sqrt(numbers):
        return (
            f"the inputs reach {largest:.3g}, and the squares of a batch overflow float32; "
            'divide them by a constant, or use "scaling": "minmax"'
        )
    if largest > LARGE_INPUT:
        return f'the inputs reach {largest:.3g}: "scaling": "minmax" or a smaller learning_rate may help'
    return "a smaller learning_rate may help"


def summary(network: Autoencoder, data: TrainingData, spec: TrainSpec) -> dict[str, Any]:
    """A finished network's figures on the held-out split as JSON values, and the reason if it collapsed.

    `validation` has the figures that a choice among several networks can use; None without a validation slice.
    """
    held_out = evaluation.evaluate(network, data.preprocessing, data.test)
    formulas = objectives.objective_for(spec.sparsity).formulas | evaluation.FORMULAS
    figures = evaluation.summary(held_out, data.test)
    return figures | {
        "error_units": data.preprocessing.error_units,
        "formulas": formulas,
        "validation": _validation(network, data),
    }


def _validation(network: Autoencoder, data: TrainingData) -> dict[str, Any] | None:
    if data.validation is None:
        return None
    measured = evaluation.evaluate(network, data.preprocessing, data.validation)
    figures = {"mse": measured.mse, "explained_variance": measured.explained_variance, "l0": measured.l0}
    return figures | {"num_samples": measured.rows}
