"""Class selectivity of latents: class means, selectivity, preferred class, and the most selective latents.

Class selectivity is that of Morcos et al. (2018), "On the importance of single directions for generalization". Knows
arrays only; no names of classes and no pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Integer

FORMULAS: Final = {"class_means": "class_mean", "selectivity": "class_selectivity"}  # number -> formula id
VERSIONS: Final[Mapping[str, int]] = {"class_mean": 2, "class_selectivity": 2}
"""Formula id -> version, which grows with every change of its numbers: cached results of an older one are not read."""


@dataclass(frozen=True, eq=False)
class Selectivity:
    """The selectivity of every latent over the labelled rows of a split."""

    class_means: Float64[np.ndarray, "n_classes n_latents"]
    """`class_mean`: mean activation over the rows of each class; NaN for a class without rows."""
    index: Float64[np.ndarray, " n_latents"]
    """`class_selectivity`, in [0, 1]: (mu_max - mu_rest) / (mu_max + mu_rest); 0 for a silent latent."""
    preferred: Int64[np.ndarray, " n_latents"]
    """The class with the largest mean, of equals the lowest; meaningless for a silent latent."""

    @property
    def mean(self) -> float:
        """Mean selectivity of all latents, including silent ones."""
        return float(self.index.mean())

    @property
    def silent(self) -> Bool[np.ndarray, " n_latents"]:
        """Whether a latent is 0 on every row."""
        return np.asarray(np.nanmax(self.class_means, axis=0) == 0)

    def most(self, count: int) -> Int64[np.ndarray, " m"]:
        """At most `count` latents that are not silent, by falling selectivity, of equals the lower index first."""
        return self._not_silent(np.argsort(-self.index, kind="stable"))[:count]

    def least(self, count: int) -> Int64[np.ndarray, " m"]:
        """At most `count` latents that are not silent, by rising selectivity, of equals the lower index first."""
        return self._not_silent(np.argsort(self.index, kind="stable"))[:count]

    def by_class(self, count: int) -> list[Int64[np.ndarray, " m"]]:
        """For each class, at most `count` latents that prefer it and are not silent, by falling selectivity."""
        order = self.most(len(self.index))
        preferred = self.preferred[order]
        return [order[preferred == number][:count] for number in range(len(self.class_means))]

    def _not_silent(self, latents: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
        return np.asarray(latents[~self.silent[latents]])


def analyse(codes: Float32[np.ndarray, "rows n"], labels: Integer[np.ndarray, " rows"], n_classes: int) -> Selectivity:
    """The selectivity of every latent, from codes that are nowhere negative and labels in [0, n_classes).

    At least one row. Classes without rows are left out. If all rows have one class, the selectivity is 0.
    """
    # bounded by [0, 1] only because activations are not negative: the codes here are ReLU or sigmoid outputs
    means = _class_means(codes, labels, n_classes)
    ascending = np.sort(means[~np.isnan(means).any(axis=1)], axis=0)
    highest = ascending[-1]
    # the minimum: rounding can put the mean of equal class means above the largest of them
    rest = np.minimum(ascending[:-1].mean(axis=0), highest) if len(ascending) > 1 else highest
    both = highest + rest
    index = np.divide(highest - rest, both, out=np.zeros_like(both), where=both > 0)
    return Selectivity(means, index, np.nanargmax(means, axis=0))


def _class_means(codes: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Means in float64 [n_classes, n], summed in float64 over the rows in their order."""
    means = np.full((n_classes, codes.shape[1]), np.nan)
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    for number, rows in zip(present, np.split(order, starts[1:]), strict=True):
        means[number] = codes[rows].mean(axis=0, dtype=np.float64)
    return means
