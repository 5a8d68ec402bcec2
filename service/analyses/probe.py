"""What a linear classifier reads from a model's codes, beside what it reads from inputs and from their components.

Each representation is probed once and cached; models of one dataset share the results for its inputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from service.analyses.analysis import Analysis, JsonForm
from service.analyses.subjects import Subject
from service.answers.probe import KSparse, ProbeAnswer, Probed, RepresentationName
from service.answers.split import SplitName
from sparse_coding.analysis import probe, sparsity
from sparse_coding.data import sampling
from sparse_coding.data.datasets import Dataset
from sparse_coding.data.sampling import Sample
from sparse_coding.errors import NoLabels

MAX_VALUES: Final = 2**24
"""Numbers of one representation that are fitted on, and as many that are scored: 128 MiB each in float64."""


@dataclass(frozen=True, eq=False)
class _Labelled:
    """Some rows of a split and the class of each."""

    sample: Sample
    labels: np.ndarray
    source: np.ndarray
    """All rows of the split, as they are stored."""

    @property
    def rows(self) -> np.ndarray:
        """The rows of the sample, read from the file."""
        return self.sample.of(self.source)


@dataclass(frozen=True, eq=False)
class Task:
    """What is fitted on and what is scored, of one model's dataset."""

    train: _Labelled
    scored: _Labelled
    split: SplitName
    remarks: list[str]

    @property
    def counts(self) -> dict[str, Any]:
        """How many rows there are, and how they were chosen."""
        return {
            "fit_rows": len(self.train.labels),
            "fit_rows_chosen": self.train.sample.rule,
            "scored_rows": len(self.scored.labels),
            "scored_rows_chosen": self.scored.sample.rule,
        }


Represent = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Training rows and scored rows as they are stored -> what of each the probe sees."""


def task(subject: Subject, split: SplitName) -> Task:
    """The rows that a model's representations are probed on. Raises `NoLabels` and `UnsuitableLabels`."""
    source = subject.dataset
    most = max(1, MAX_VALUES // max(subject.n_inputs, subject.n_latents))
    train, scored = source.split("train"), source.split(split)
    if train.labels is None or scored.labels is None:
        raise NoLabels(_unlabelled(source))
    fitted = sampling.of_learned(subject.spec.dataset, source, min(most, probe.MAX_ROWS))  # as in tables of runs
    judged = sampling.of_split(scored, most)
    labels = fitted.of(train.labels), judged.of(scored.labels)
    probe.require_classes(labels[0])
    return Task(
        _Labelled(fitted, labels[0], train.rows),
        _Labelled(judged, labels[1], scored.rows),
        split,
        probe.remarks(*labels, source.classes or ()),
    )


def _unlabelled(source: Dataset) -> str:
    """Which split of a dataset lacks the labels that a probe needs, and what can be done."""
    if source.split("train").labels is not None:
        return "The test split of this dataset has no labels to score a probe with; split=train scores training rows."
    if source.split("test").labels is not None:
        return "A probe is fitted on the train split, and only the test split of this dataset has labels."
    return "A probe needs labels; this dataset has none."


def all_of(subject: Subject, posed: Task) -> list[Analysis[Probed]]:
    """Codes, inputs, and their principal components."""
    return [of_codes(subject, posed), _of_inputs(subject, posed), _of_components(subject, posed)]


def of_codes(subject: Subject, posed: Task) -> Analysis[Probed]:
    """What is read from the codes."""

    def represent(train: np.ndarray, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sparsity.encode_all(subject.model, train), sparsity.encode_all(subject.model, scored)

    return _analysis("codes", posed, subject.identity, represent)


def _of_inputs(subject: Subject, posed: Task) -> Analysis[Probed]:
    """What is read from the inputs: the same for all models that see them."""

    def represent(train: np.ndarray, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return subject.model.network_inputs(train), subject.model.network_inputs(scored)

    return _analysis("inputs", posed, _seen(subject), represent)


def _of_components(subject: Subject, posed: Task) -> Analysis[Probed]:
    """What is read from the inputs' principal components, as many as the code has columns if there are so many."""
    most = min(subject.n_latents, subject.n_inputs, len(posed.train.labels))

    def represent(train: np.ndarray, scored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inputs = subject.model.network_inputs
        return probe.principal_components(inputs(train), inputs(scored), most)

    return _analysis("pca", posed, {**_seen(subject), "most": most}, represent)


def _seen(subject: Subject) -> dict[str, Any]:
    """What a model's inputs depend on."""
    choice = subject.spec.dataset
    kept = {"fraction": choice.validation_fraction, "seed": choice.validation_seed}
    return {
        "dataset": subject.version.dataset_digest,
        "image_size": choice.image_size,
        "train_limit": choice.train_limit,
        "scaling": choice.scaling,
        "validation": kept if choice.validation_fraction else None,
    }


def _analysis(name: RepresentationName, posed: Task, inputs: dict[str, Any], represent: Represent) -> Analysis[Probed]:
    """The probe of one representation; `inputs` are all that it depends on beside the numbers of rows."""

    def measure() -> Probed:
        train, scored = represent(posed.train.rows, posed.scored.rows)
        return _scored(name, posed, train, scored)

    every = {**inputs, "split": posed.split, **posed.counts}
    return Analysis(f"probe-{name}", every, probe.VERSIONS, JsonForm(Probed), measure)


def _scored(name: RepresentationName, posed: Task, train: np.ndarray, scored: np.ndarray) -> Probed:
    given = train, posed.train.labels, scored, posed.scored.labels
    return Probed(
        representation=name,
        columns=train.shape[1],
        columns_used=probe.columns_used(train),
        accuracy=probe.accuracy(*given),
        k_sparse=[
            KSparse(k=k, balanced_accuracy=None if math.isnan(score) else score)
            for k, score in probe.k_sparse(*given).items()
        ],
    )


def answer(subject: Subject, posed: Task, found: list[Probed]) -> ProbeAnswer:
    """The representations, beside what one scores without looking at a row."""
    classes, counts = np.unique(posed.train.labels, return_counts=True)
    return ProbeAnswer(
        model=subject.reference,
        split=posed.split,
        **posed.counts,
        remarks=posed.remarks,
        classes=len(classes),
        majority=float(np.mean(posed.scored.labels == classes[counts.argmax()])),
        chance=0.5,
        representations=found,
        formulas=dict(probe.FORMULAS),
    )
