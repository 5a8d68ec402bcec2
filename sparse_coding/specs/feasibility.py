"""Whether what a spec asks for can be done on a dataset, from what is known of it without opening it.

Knows no tensors: the API server and the supervisor use it without importing torch or numpy.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import DatasetChoice, Mlp, TrainSpec

MAX_PARAMETERS: Final = 200_000_000
"""Largest network that may be asked for, in weights and biases: 2.4 GB with Adam's two moments in float32."""

MAX_PREPARATIONS: Final = 8
"""Different `dataset` parts among a sweep's members: for each the rows lie in memory once more."""


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of a dataset without opening it: enough to judge a spec."""

    kind: Literal["images", "vectors"]
    image_shape: tuple[int, int, int] | None
    """[channels, height, width]; None for vectors."""
    n_inputs: int
    train_rows: int
    test_rows: int
    minimum: float | None = None
    """Smallest value over all vectors; None for images, whose bytes are divided by 255."""
    maximum: float | None = None


@dataclass(frozen=True)
class Objection:
    """One reason why a spec does not fit its dataset; `pointer` is a JSON pointer into the spec."""

    pointer: str
    detail: str


def n_inputs(choice: DatasetChoice, facts: DatasetFacts) -> int:
    """Width of one row after preprocessing."""
    if choice.image_size is not None and facts.image_shape is not None:
        return facts.image_shape[0] * choice.image_size**2
    return facts.n_inputs


def layer_widths(model: Mlp, inputs: int) -> tuple[int, ...]:
    """Widths from input to code, both ends included; the decoder mirrors them."""
    return (inputs, *model.hidden, model.n_latents)


def count_parameters(model: Mlp, inputs: int) -> int:
    """Weights and biases of encoder and decoder."""
    widths = layer_widths(model, inputs)
    pairs = list(itertools.pairwise(widths))
    return sum(a * b + b for a, b in pairs) + sum(a * b + a for a, b in pairs)


def training_rows(choice: DatasetChoice, facts: DatasetFacts) -> int:
    """Rows that one epoch passes over: the limit applied first, then the validation slice taken out."""
    rows = min(facts.train_rows, choice.train_limit or facts.train_rows)
    # rounded down: a small fraction of few rows leaves them all for training
    return rows - int(rows * choice.validation_fraction)


def sweep_objections(sweep: SweepSpec, facts: DatasetFacts) -> Iterator[Objection]:
    """Every reason why some member of `sweep` cannot be trained on such a dataset, or not all of them together."""
    members = sweep.expanded()
    yield from dict.fromkeys(  # an objection to a shared part is reported once
        Objection(sweep.pointer(member.number, found.pointer), found.detail)
        for member in members
        for found in objections(member.spec, facts)
    )
    parameters = sum(count_parameters(one.spec.model, n_inputs(one.spec.dataset, facts)) for one in members)
    if parameters > MAX_PARAMETERS:
        yield Objection(
            "", f"all members together ask for {parameters:,} parameters; at most {MAX_PARAMETERS:,} are trained"
        )
    preparations = len({member.spec.dataset for member in members})
    if preparations > MAX_PREPARATIONS:
        yield Objection(
            "", f"at most {MAX_PREPARATIONS} different selections of rows fit into one sweep; {preparations} came"
        )


def objections(spec: TrainSpec, facts: DatasetFacts) -> Iterator[Objection]:
    """Every reason why `spec` cannot be trained on a dataset with these facts; none if it can."""
    if spec.dataset.image_size is not None and facts.kind == "vectors":
        yield Objection("/dataset/image_size", "must be null: this dataset holds vectors, not images")
    rows = training_rows(spec.dataset, facts)
    if spec.training.batch_size > rows:
        yield Objection(
            "/training/batch_size", f"must be at most the {rows} training rows, got {spec.training.batch_size}"
        )
    parameters = count_parameters(spec.model, n_inputs(spec.dataset, facts))
    if parameters > MAX_PARAMETERS:
        yield Objection("/model", f"asks for {parameters:,} parameters; at most {MAX_PARAMETERS:,} are trained")
    outside = facts.minimum is not None and facts.maximum is not None and (facts.minimum < 0 or facts.maximum > 1)
    if outside and spec.model.output == "sigmoid" and spec.dataset.scaling == "none":
        yield Objection(
            "/model/output",
            f"a sigmoid output needs inputs in [0, 1], and this dataset spans [{facts.minimum:g}, {facts.maximum:g}]: "
            'ask for "output": "identity" or "scaling": "minmax"',
        )
