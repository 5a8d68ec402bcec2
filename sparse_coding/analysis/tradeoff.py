"""Trade-off between error and sparsity of several models: the Pareto front and its knee.

Knows numbers only; no models and no tensors. The caller leaves out collapsed members.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sparse_coding.data import variation

Point = tuple[float, float]
"""(mse, l0) of a model: finite, not negative; smaller is better in both."""

FORMULAS: Final = {"pareto": "pareto", "suggested": "knee.chord"}  # field -> formula id
RULE: Final = (
    "knee.chord: the member of the Pareto front farthest below the straight line between the front's two ends, "
    "log mse and L0 each scaled to [0, 1] over the front"
)
MIN_FRONT: Final = 3
"""Two points are their own chord: nothing can lie below it."""
LEAST_DEPTH: Final = 1e-9
"""Smallest depth that counts as below the chord; less is rounding."""


@dataclass(frozen=True)
class Suggestion:
    """The member in the knee, or the reason why there is none."""

    index: int | None
    """Index into the points."""
    rule: str
    reason: str | None
    """None if a member is suggested."""


def pareto(points: Sequence[Point]) -> list[bool]:
    """For each point, whether no other is at least as good in both numbers and better in one; equal points agree."""
    return [not any(_dominates(other, point) for other in points) for point in points]


def suggest(points: Sequence[Point]) -> Suggestion:
    """The knee of the front; of equally deep points the sparser one, of equal points the first.

    The chord is the triangle rule (Zack, Rogers & Latt 1977) that Kneedle uses as well (Satopaa et al. 2011). The
    axes are those on which image coders are compared: quality as PSNR, which is -log mse, against a rate, here the
    number of coefficients. Along them rate and distortion of a Gaussian source lie on a straight line (Shannon 1959),
    which has no bend. On a linear axis of errors, the worst member would determine the knee; on a logarithmic axis of
    L0, as in the L-curve (Hansen & O'Leary 1993), a code that is silent on nearly every row would.
    """
    front = sorted({point for point, kept in zip(points, pareto(points), strict=True) if kept and point[0] > 0})
    if len(front) < MIN_FRONT:
        return _none(f"a knee needs a front of {MIN_FRONT} points with an mse above 0; this one has {len(front)}")
    if not _spread(front):
        return _none("the errors or the L0 of the front differ by no more than rounding: it has no knee")
    depths = _depths(front)
    deepest = max(depths)
    if deepest <= LEAST_DEPTH:
        return _none("no member of the front lies below the line between its ends: it has no knee")
    # ascending mse is descending L0 on a front: the last of equally deep points is the sparsest
    knee = max(place for place, depth in enumerate(depths) if depth >= deepest - LEAST_DEPTH)
    return Suggestion(points.index(front[knee]), RULE, None)


def _dominates(one: Point, other: Point) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


def _depths(front: Sequence[Point]) -> list[float]:
    """How far each point of a front lies below the chord u + v = 1; the ends are at 0."""
    errors, counts = _scaled([math.log(mse) for mse, _ in front]), _scaled([l0 for _, l0 in front])
    return [1 - u - v for u, v in zip(errors, counts, strict=True)]


def _spread(front: Sequence[Point]) -> bool:
    """Whether both numbers vary over the front by more than rounding; less, scaled to [0, 1], would be noise."""
    return all(bool(variation.varies(min(values), max(values))) for values in zip(*front, strict=True))


def _scaled(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) for value in values]


def _none(reason: str) -> Suggestion:
    return Suggestion(None, RULE, reason)
