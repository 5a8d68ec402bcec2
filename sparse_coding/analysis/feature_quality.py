"""Quality of features beyond sparsity: how local their images are, and how stable codes are under noise.

Knows arrays and models; no datasets and no labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Float64

from sparse_coding.models.weights import TrainedModel

SIGMAS: Final = (0.1, 0.2, 0.3)
"""Standard deviations of the noise, in raw units: the tutorial's second exercise."""
NOISE_SEED: Final = 0
"""The same rows always get the same noise, whatever the model, so that models can be compared."""

FORMULAS: Final = {"hoyer": "hoyer", "noise_cosine": "noise.cosine", "noise_mse": "noise.mse"}
VERSIONS: Final[Mapping[str, int]] = {"hoyer": 2, "noise.cosine": 2, "noise.mse": 2}
"""Formula id -> version, which grows with every change of its numbers: cached results of an older one are not read."""


@dataclass(frozen=True)
class Stability:
    """The effect of noise of one standard deviation on the codes."""

    sigma: float
    """Standard deviation of the noise, in raw units."""
    cosine: float
    """`noise.cosine`: mean cosine between the codes of clean and noisy rows."""
    mse: float
    """`noise.mse`: mean squared difference between them, per row and latent."""


def hoyer(images: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
    """Hoyer's sparsity of each row (2004): (sqrt(d) - l1 / l2) / (sqrt(d) - 1).

    0 if all magnitudes are equal, 1 if all but one are 0; 0 for a zero row and for rows of a single value.
    """
    # the formula does not depend on scale: divided by the largest magnitude, no square overflows or underflows
    rows = np.abs(images.astype(np.float64))
    root = np.sqrt(rows.shape[1])
    largest = rows.max(1, initial=0, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1)
    lengths = np.sqrt(np.square(rows).sum(1))
    if root <= 1:
        return np.zeros(len(rows))
    # rounding alone can leave [0, 1]
    sparsity: np.ndarray = np.clip((root - rows.sum(1) / np.where(lengths > 0, lengths, 1)) / (root - 1), 0, 1)
    return np.where(lengths > 0, sparsity, 0.0)


def stability(model: TrainedModel, rows: Float32[np.ndarray, "B d"]) -> tuple[Stability, ...]:
    """Measure how Gaussian noise of each of `SIGMAS` changes the codes of rows in raw units; at least one row.

    Noisy inputs are not clipped, even for a model of inputs in [0, 1]: clipped noise would have another strength on
    dark and bright pixels. Raises `WrongWidth`.
    """
    clean = model.encode(rows)
    noise = np.random.default_rng(NOISE_SEED).standard_normal(rows.shape, np.float32)
    return tuple(compare(sigma, clean, model.encode(rows + np.float32(sigma) * noise)) for sigma in SIGMAS)


def compare(sigma: float, clean: Float32[np.ndarray, "B n"], noisy: Float32[np.ndarray, "B n"]) -> Stability:
    """Compare clean and noisy codes. The cosine of two zero codes is 1; of a zero code with another, 0."""
    moved = np.square(clean.astype(np.float64) - noisy).mean()
    return Stability(sigma, float(_cosines(clean, noisy).mean()), float(moved))


def _cosines(first: Float32[np.ndarray, "B n"], second: Float32[np.ndarray, "B n"]) -> Float64[np.ndarray, " B"]:
    products = np.einsum("bn,bn->b", first, second, dtype=np.float64)
    lengths = [np.linalg.norm(codes.astype(np.float64), axis=1) for codes in (first, second)]
    both = lengths[0] * lengths[1]
    neither = (lengths[0] == 0) & (lengths[1] == 0)
    cosines: np.ndarray = np.where(both > 0, products / np.where(both > 0, both, 1), neither)
    return cosines
