"""Statistics of single latents, and the inputs that activate each most: one pass over the test split, cached."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from service.analyses.analysis import Analysis, ArrayForm
from service.analyses.subjects import Subject
from service.answers.features import MAX_TOP, Feature, TopInput
from sparse_coding.analysis import feature_images, sparsity

SPLIT: Final = "test"
"""Statistics and the inputs that activate a latent most are taken from rows that the model was not trained on."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of all n latents over one split."""

    lifetime_sparsity: np.ndarray
    mean: np.ndarray
    max: np.ndarray
    p95: np.ndarray
    """NaN for a latent without a positive activation."""
    dead: np.ndarray
    top_indices: np.ndarray
    """[n, MAX_TOP or fewer]: rows by falling activation."""
    top_activations: np.ndarray
    num_samples: np.ndarray
    """[1]: number of rows."""

    def of(self, latent: int) -> Feature:
        """One latent's statistics."""
        p95 = float(self.p95[latent])
        return Feature(
            latent=latent,
            lifetime_sparsity=float(self.lifetime_sparsity[latent]),
            mean=float(self.mean[latent]),
            max=float(self.max[latent]),
            p95=None if math.isnan(p95) else p95,
            dead=bool(self.dead[latent]),
        )


def analysis(subject: Subject) -> Analysis[Statistics]:
    """The statistics of all latents, on as many rows of the test split as fit."""
    inputs = {**subject.identity, "split": SPLIT, "top": MAX_TOP}
    form = ArrayForm(Statistics)
    return Analysis("features", inputs, feature_images.VERSIONS, form, lambda: _measured(subject))


def top_inputs(subject: Subject, statistics: Statistics, latent: int, top: int) -> list[TopInput]:
    """The rows that activate a latent most, at most `top`; rows that leave it at 0 are left out."""
    labels, classes = subject.dataset.split(SPLIT).labels, subject.dataset.classes
    indices, activations = statistics.top_indices[latent, :top], statistics.top_activations[latent, :top]
    return [
        TopInput(
            split=SPLIT,
            index=index,
            activation=activation,
            label=None if labels is None or classes is None else classes[labels[index]],
        )
        for index, activation in zip(indices.tolist(), activations.tolist(), strict=True)
        if activation > 0
    ]


def _measured(subject: Subject) -> Statistics:
    rows = subject.dataset.split(SPLIT).rows
    codes = sparsity.encode_all(subject.model, rows[: subject.fitting(len(rows))])
    tops = [feature_images.top_inputs(codes, latent, MAX_TOP) for latent in range(codes.shape[1])]
    return Statistics(
        **vars(feature_images.statistics(codes)),
        top_indices=np.stack([indices for indices, _ in tops]),
        top_activations=np.stack([activations for _, activations in tops]),
        num_samples=np.array([len(codes)]),
    )
