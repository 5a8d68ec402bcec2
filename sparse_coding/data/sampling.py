"""Samples of rows of a split: drawn with a seed, in the proportions of the classes if rows have labels.

The first rows of a file that is sorted by class have few classes; they are used only if the first rows were requested.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Int64, Integer

from sparse_coding.data.datasets import Dataset, Split
from sparse_coding.specs.feasibility import training_rows
from sparse_coding.specs.training import DatasetChoice

SEED: Final = 0
"""Seed of every draw for which a spec has none: a split always gives the same sample."""

Rule = Literal["all", "first", "random", "stratified"]
"""How rows were sampled: all rows, the first ones, drawn, or drawn in the proportions of the classes."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Some rows of a split."""

    indices: Int64[np.ndarray, " m"]
    """Ascending."""
    rule: Rule

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The sampled rows, or labels, of the split; a sample of all rows does not copy a mapped file."""
        return rows if len(self.indices) == len(rows) else rows[self.indices]


def draw(count: int, most: int, labels: Integer[np.ndarray, " n"] | None = None, seed: int = SEED) -> Sample:
    """Draw at most `most` of `count` rows under `seed`; a smaller sample is part of every larger one.

    With labels, each class has its share of the sample, rounded up as long as rows are left: a sample of at least as
    many rows as classes has every class.
    """
    if most >= count:
        return Sample(np.arange(count), "all")
    # one permutation whatever `most` is, of which a sample is the beginning: so samples are nested
    order = np.random.default_rng(seed).permutation(count)
    if labels is None:
        return Sample(np.sort(order[:most]), "random")
    return Sample(np.sort(order[np.argsort(_places(labels[order]), kind="stable")][:most]), "stratified")


def first(count: int, most: int) -> Sample:
    """The first `most` of `count` rows."""
    return Sample(np.arange(min(count, most)), "all" if most >= count else "first")


def _places(labels: Integer[np.ndarray, " n"]) -> np.ndarray:
    """For each row, the share of its class that comes before it: sorted by it, every beginning is stratified."""
    by_class = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    places = np.empty(len(labels))
    places[by_class] = (np.arange(len(labels)) - np.repeat(starts, counts)) / np.repeat(counts, counts)
    return places


def learned(choice: DatasetChoice, dataset: Dataset) -> Int64[np.ndarray, " n"]:
    """Indices of the rows that a spec learns from, ascending: the first `train_limit` minus the validation slice."""
    return _divided(choice, dataset)[0]


def validation(choice: DatasetChoice, dataset: Dataset) -> Int64[np.ndarray, " n"]:
    """Indices of the training rows in the validation slice of a spec, ascending."""
    return _divided(choice, dataset)[1]


def _divided(choice: DatasetChoice, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    limit = min(dataset.facts.train_rows, choice.train_limit or dataset.facts.train_rows)
    count = training_rows(choice, dataset.facts)
    if choice.validation_seed is None or count == limit:  # a spec of version 1 has the last rows
        return np.arange(count), np.arange(count, limit)
    labels = dataset.split("train").labels
    kept = draw(limit, limit - count, None if labels is None else labels[:limit], choice.validation_seed).indices
    return np.setdiff1d(np.arange(limit), kept, assume_unique=True), kept


def of_learned(choice: DatasetChoice, dataset: Dataset, most: int) -> Sample:
    """A sample of at most `most` of the training rows that a spec learns from."""
    rows, labels = learned(choice, dataset), dataset.split("train").labels
    chosen = draw(len(rows), most, None if labels is None else labels[rows])
    return Sample(rows[chosen.indices], chosen.rule)


def of_split(split: Split, most: int) -> Sample:
    """A sample of at most `most` rows of a split."""
    return draw(len(split.rows), most, split.labels)
