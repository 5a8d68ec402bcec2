"""How good the features of one model are, on its own test split: measured once, cached."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import BaseModel

from service.analyses import subjects
from service.analyses.analysis import Analysis, JsonForm
from service.analyses.subjects import Subject
from service.answers.feature_quality import FeatureQuality, Noise
from sparse_coding.analysis import feature_quality, matching, selectivity, sparsity
from sparse_coding.analysis.evaluation import THRESHOLD
from sparse_coding.analysis.matching import Dictionary
from sparse_coding.data import sampling
from sparse_coding.data.sampling import Rule
from sparse_coding.models.weights import TrainedModel

SPLIT: Final = "test"
NOISY_ROWS: Final = 1000
"""Rows drawn from the split to which noise is added."""

FORMULAS: Final = {
    **feature_quality.FORMULAS,
    "selectivity": selectivity.FORMULAS["selectivity"],
    "probe_accuracy": "probe.logistic",
    "dead_latents": "dead_latents",
}
_VERSIONS: Final = {**feature_quality.VERSIONS, **selectivity.VERSIONS, **sparsity.VERSIONS, **matching.VERSIONS}


class Measured(BaseModel):
    """What is measured without fitting a probe."""

    num_samples: int
    dead: list[int]
    """Latents, ascending."""
    hoyer: float | None
    selectivity: float | None
    noise: list[Noise]
    noise_samples: int
    noise_rows_chosen: Rule

    def live(self, n_latents: int) -> np.ndarray:
        """The latents that are not dead, ascending."""
        return np.setdiff1d(np.arange(n_latents), np.array(self.dead, np.int64))

    def answer(self, probe_accuracy: float | None) -> FeatureQuality:
        """Together with what a probe scores."""
        measured = {name: value for name, value in self if name != "dead"}
        return FeatureQuality(**measured, dead_latents=len(self.dead), probe_accuracy=probe_accuracy)


def analysis(subject: Subject) -> Analysis[Measured]:
    """The quality of a model's features, on as many rows of the test split as fit."""
    inputs = {**subject.identity, "split": SPLIT, "noisy": NOISY_ROWS}
    return Analysis("feature-quality", inputs, _VERSIONS, JsonForm(Measured), lambda: _measured(subject))


def holds_dictionary(subject: Subject) -> bool:
    """Whether the atoms of a model are few enough to be held at once."""
    return subject.n_latents * subject.n_inputs <= subjects.MAX_ACTIVATIONS


def atoms(subject: Subject) -> Dictionary:
    """The dictionary of a model, of which `holds_dictionary` is true."""
    return matching.dictionary(subject.model)


def _measured(subject: Subject) -> Measured:
    model, split = subject.model, subject.dataset.split(SPLIT)
    chosen = sampling.of_split(split, subject.fitting(len(split.rows)))
    codes = sparsity.encode_all(model, chosen.of(split.rows))
    dead = codes.max(0) <= THRESHOLD
    noisy = sampling.of_split(split, max(1, min(NOISY_ROWS, len(codes), subjects.MAX_ACTIVATIONS // model.n_inputs)))
    labels = None if split.labels is None else chosen.of(split.labels)
    return Measured(
        num_samples=len(codes),
        dead=np.flatnonzero(dead).tolist(),
        hoyer=_hoyer(subject, ~dead),
        selectivity=_selectivity(codes, labels, subject.dataset.classes, ~dead),
        noise=_noise(model, noisy.of(split.rows)),
        noise_samples=len(noisy.indices),
        noise_rows_chosen=noisy.rule,
    )


def _selectivity(
    codes: np.ndarray, labels: np.ndarray | None, classes: Sequence[str] | None, alive: np.ndarray
) -> float | None:
    if labels is None or classes is None or not alive.any():
        return None
    return float(selectivity.analyse(codes, labels, len(classes)).index[alive].mean())


def _noise(model: TrainedModel, stored: np.ndarray) -> list[Noise]:
    return [Noise(**vars(each)) for each in feature_quality.stability(model, model.prepare(stored))]


def _hoyer(subject: Subject, alive: np.ndarray) -> float | None:
    if not alive.any() or not holds_dictionary(subject):
        return None
    return float(feature_quality.hoyer(atoms(subject).atoms[alive]).mean())
