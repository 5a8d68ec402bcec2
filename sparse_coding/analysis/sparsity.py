"""Sparsity of a model's codes: population and lifetime sparsity, dead latents, histograms.

Codes are computed in fixed chunks of 1,024 rows, so that the same rows give the same numbers in every request. Knows no
names and no charts. The definitions are the tutorial's; a latent is active if it is strictly above a threshold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, Shaped
from torch import Tensor

from sparse_coding.analysis.evaluation import INACTIVE_BELOW, THRESHOLD
from sparse_coding.data import batches, sampling
from sparse_coding.data.batches import CHUNK_ROWS
from sparse_coding.data.sampling import Sample
from sparse_coding.models.weights import TrainedModel

NUM_SAMPLES: Final = 1000
"""First rows of a split that statistics are computed on by default: the tutorial's number."""

UNIT_BINS: Final = 50
ACTIVATION_BINS: Final = 100

FORMULAS: Final = {  # number -> formula id
    "population_sparsity": "population_sparsity",
    "lifetime_sparsity": "lifetime_sparsity",
    "inactive_latents": "inactive_latents",
    "dead_latents": "dead_latents",
    "activation_histogram": "activation_histogram",
    "l0.threshold": "l0.threshold",
    "l0.nonzero": "l0.nonzero",
}
VERSIONS: Final[Mapping[str, int]] = {
    "population_sparsity": 1,
    "lifetime_sparsity": 1,
    "inactive_latents": 1,
    "dead_latents": 1,
    "activation_histogram": 1,
    "l0.threshold": 1,
    "l0.nonzero": 1,
}
"""Formula id -> version, which grows with every change of its numbers: cached results of an older one are not read."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts between edges; a value on an edge belongs to the bin above it, one on the last edge to the last bin."""

    counts: Int64[np.ndarray, " bins"]
    edges: Float64[np.ndarray, " edges"]
    """One more than bins."""

    def document(self) -> dict[str, Any]:
        return {"edges": self.edges.tolist(), "counts": self.counts.tolist()}


@dataclass(frozen=True, eq=False)
class SparsityReport:
    """The statistics of one split; the glossary defines them under their ids."""

    num_samples: int
    """Rows that were used."""
    threshold: float
    population: Float64[np.ndarray, " rows"]
    """Per row, the share of active latents."""
    lifetime: Float64[np.ndarray, " n_latents"]
    """Per latent, the share of rows on which it is active."""
    dead: Int64[np.ndarray, " dead"]
    """Latents that do not exceed the threshold on any row of the whole split."""
    activations: Histogram
    l0_threshold: float
    """`l0.threshold`: mean number of latents per row above the threshold."""
    l0_nonzero: float
    """`l0.nonzero`: mean number of latents per row that are not zero."""

    @property
    def inactive(self) -> Int64[np.ndarray, " inactive"]:
        """Latents with a lifetime sparsity below 1 %."""
        return np.flatnonzero(self.lifetime < INACTIVE_BELOW)

    def document(self) -> dict[str, Any]:
        """The statistics as JSON values."""
        return {
            "num_samples": self.num_samples,
            "threshold": self.threshold,
            "population_sparsity": {
                "mean": float(self.population.mean()),
                "histogram": _shares(self.population).document(),
            },
            "lifetime_sparsity": {
                "mean": float(self.lifetime.mean()),
                "per_latent": self.lifetime.tolist(),
                "histogram": _shares(self.lifetime).document(),
            },
            "inactive_latents": {"count": len(self.inactive), "indices": self.inactive.tolist()},
            "dead_latents": {"count": len(self.dead), "indices": self.dead.tolist()},
            "activation_histogram": self.activations.document(),
            "l0": {"threshold": self.l0_threshold, "nonzero": self.l0_nonzero},
            "formulas": FORMULAS,
        }


def analyse(
    model: TrainedModel,
    stored: Shaped[np.ndarray, "rows ..."],
    *,
    threshold: float = THRESHOLD,
    chosen: Sample | None = None,
) -> SparsityReport:
    """The statistics of the `chosen` rows of a split, given as they are stored; by default of its first 1,000.

    Whether a latent is dead is found on the whole split. At least one row.
    """
    indices = (sampling.first(len(stored), NUM_SAMPLES) if chosen is None else chosen).indices
    sample: list[np.ndarray] = []
    highest = np.full(model.n_latents, -np.inf, np.float32)
    for start, codes in _encoded(model, stored):
        highest = np.maximum(highest, codes.max(0))
        begin, end = np.searchsorted(indices, (start, start + len(codes)))
        sample.append(codes[indices[begin:end] - start])
    return measure(np.concatenate(sample), np.flatnonzero(highest <= threshold), threshold)


def measure(
    codes: Float32[np.ndarray, "rows n_latents"], dead: Int64[np.ndarray, " dead"], threshold: float
) -> SparsityReport:
    """The statistics of `codes`; `dead` are the latents that are dead on the whole split."""
    active = codes > threshold
    return SparsityReport(
        num_samples=len(codes),
        threshold=threshold,
        population=active.mean(1, dtype=np.float64),
        lifetime=active.mean(0, dtype=np.float64),
        dead=dead,
        activations=_histogram(codes, ACTIVATION_BINS, (float(codes.min()), float(codes.max()))),
        l0_threshold=np.count_nonzero(active) / len(codes),
        l0_nonzero=np.count_nonzero(codes) / len(codes),
    )


def encode_all(model: TrainedModel, stored: Shaped[np.ndarray, "rows ..."]) -> Float32[np.ndarray, "rows n_latents"]:
    """The codes of any number of dataset rows as they are stored."""
    return np.concatenate([codes for _, codes in _encoded(model, stored)])


def encode_prepared(
    model: TrainedModel, rows: Shaped[Tensor, "rows d"]
) -> Iterator[Float32[np.ndarray, "chunk n_latents"]]:
    """The codes of resized rows of their stored type, chunk by chunk."""
    for chunk, count in batches.chunks(rows):
        yield model.encode_chunk(chunk)[:count]


def _encoded(model: TrainedModel, stored: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Index of a chunk's first row, and the codes of its rows."""
    for start in range(0, len(stored), CHUNK_ROWS):
        rows = torch.from_numpy(np.array(model.preprocessing.rows(stored[start : start + CHUNK_ROWS])))
        for codes in encode_prepared(model, rows):
            yield start, codes


def _shares(values: Float64[np.ndarray, " n"]) -> Histogram:
    return _histogram(values, UNIT_BINS, (0.0, 1.0))


def _histogram(values: np.ndarray, bins: int, limits: tuple[float, float]) -> Histogram:
    low, high = limits
    if high - low < 2 * bins * float(np.spacing(np.float32(max(abs(low), abs(high))))):
        values = values.astype(np.float64)  # between the limits, float32 has fewer numbers than there are edges
    counts, edges = np.histogram(values, bins=bins, range=limits)
    return Histogram(counts.astype(np.int64), edges.astype(np.float64))
