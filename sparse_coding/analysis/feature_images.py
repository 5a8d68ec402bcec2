"""Feature images and statistics of latents: decoded one-hot codes, and the rows that activate a latent most.

Knows arrays only; no image files and no responses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from sparse_coding import errors
from sparse_coding.analysis.evaluation import THRESHOLD
from sparse_coding.data import variation
from sparse_coding.models.weights import TrainedModel

Mode = Literal["raw", "difference"]
PERCENTILE: Final = 95
"""Of a latent's positive activations: the amplitude `p95`."""
VERSIONS: Final[Mapping[str, int]] = {"lifetime_sparsity": 1, "p95": 1, "dead_latents": 1, "top_inputs": 1}
"""Formula id -> version, which grows with every change of its numbers: cached results of an older one are not read."""


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Statistics of every latent over all rows of a split."""

    lifetime_sparsity: Float64[np.ndarray, " n_latents"]
    """Share of rows on which it is active."""
    mean: Float64[np.ndarray, " n_latents"]
    max: Float32[np.ndarray, " n_latents"]
    p95: Float64[np.ndarray, " n_latents"]
    """95th percentile of its positive activations; NaN without any."""
    dead: Bool[np.ndarray, " n_latents"]
    """Whether its maximum is at or below the threshold."""


def statistics(codes: Float32[np.ndarray, "rows n_latents"], threshold: float = THRESHOLD) -> FeatureStatistics:
    """The statistics of every latent, from the codes of a whole split of at least one row."""
    highest = codes.max(0)
    return FeatureStatistics(
        lifetime_sparsity=(codes > threshold).mean(0, dtype=np.float64),
        mean=codes.mean(0, dtype=np.float64),
        max=highest,
        p95=np.array([_p95(activations) for activations in codes.T]),
        dead=highest <= threshold,
    )


def _p95(activations: Float32[np.ndarray, " rows"]) -> float:
    # positive ones only: over all rows, the percentile of a latent that is active on fewer than 5 % would be 0
    positive = activations[activations > 0]
    return float(np.percentile(positive.astype(np.float64), PERCENTILE)) if len(positive) else np.nan


def decoded(
    model: TrainedModel,
    latents: Sequence[int],
    *,
    mode: Mode = "raw",
    amplitude: float | Literal["p95"] = 1.0,
    p95: Float[np.ndarray, " n_latents"] | None = None,
) -> Float32[np.ndarray, "m c h w"]:
    """Feature images in raw units: decode(a e_j), or decode(a e_j) - decode(0) with the mode `difference`.

    decode(0) of a deep decoder, or of one with a sigmoid output, is not black: `raw` images all contain it.
    With the amplitude `p95`, a is the latent's own entry in `p95`, or 0 if that is NaN.
    Raises `NotAnImage` for a model of vectors and `IndexOutOfRange`.
    """
    shape = model.preprocessing.image_shape
    if shape is None:
        raise errors.NotAnImage("The model was trained on vectors: its features have no image.")
    if not all(0 <= latent < model.n_latents for latent in latents):
        raise errors.IndexOutOfRange(f"The model's latents are numbered from 0 to {model.n_latents - 1}.")
    codes = np.zeros((len(latents), model.n_latents), np.float32)
    codes[np.arange(len(latents)), list(latents)] = _amplitudes(amplitude, p95, latents)
    images = model.decode(codes)
    if mode == "difference":
        images = variation.difference(images, model.decode(np.zeros((1, model.n_latents), np.float32)))
    return images.reshape(len(latents), *shape)


def _amplitudes(
    amplitude: float | Literal["p95"], p95: np.ndarray | None, latents: Sequence[int]
) -> np.ndarray | float:
    if amplitude != "p95":
        return amplitude
    if p95 is None:
        raise ValueError("the amplitude p95 needs the percentiles of the latents")
    chosen: np.ndarray = np.nan_to_num(p95[list(latents)], nan=0.0)
    return chosen


def top_inputs(
    codes: Float32[np.ndarray, "rows n_latents"], latent: int, k: int
) -> tuple[Int64[np.ndarray, " k"], Float32[np.ndarray, " k"]]:
    """The k rows that activate a latent most, strongest first (of equals, the earlier row), and their activations."""
    strongest = np.argsort(-codes[:, latent], kind="stable")[:k]
    return strongest, codes[strongest, latent]
