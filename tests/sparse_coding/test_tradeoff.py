"""The Pareto front and its knee: a toy written out by hand, a naive oracle, and what must not matter."""

import itertools
import math
import random
from collections.abc import Sequence

import pytest

from sparse_coding import tradeoff
from sparse_coding.tradeoff import Point

TOY: Sequence[Point] = [
    (0.1, 100.0),  # the dense end of the front
    (0.2, 10.0),  # log10: u = (1 - 0) / 2 = 0.5, v = 0.301 / 2 = 0.151, depth 1 - 0.651 = 0.349: the knee
    (1.0, 9.0),  # u = 0.954 / 2 = 0.477, v = 1 / 2 = 0.5, depth 0.023
    (10.0, 1.0),  # the sparse end
    (0.3, 50.0),  # behind the second
    (10.0, 9.0),  # behind the third and the fourth
]
ON_THE_FRONT = [True, True, True, True, False, False]


def random_points(seed: int, count: int = 12) -> list[Point]:
    """Points with ties in either axis, and some that are equal."""
    rng = random.Random(seed)
    points = [(rng.choice((0.1, 0.3, rng.random() + 0.01)), float(rng.randint(1, 8))) for _ in range(count)]
    return [*points, *points[:2]]


def naive_front(points: Sequence[Point]) -> set[Point]:
    """Walk by rising error and keep whatever has fewer latents than all before."""
    front: set[Point] = set()
    fewest = math.inf
    for point in sorted(points):
        if point[1] < fewest:
            front.add(point)
            fewest = point[1]
    return front


def test_the_front_of_a_toy() -> None:
    assert tradeoff.pareto(TOY) == ON_THE_FRONT


def test_the_knee_of_a_toy() -> None:
    suggestion = tradeoff.suggest(TOY)
    assert (suggestion.index, suggestion.reason) == (1, None)
    assert suggestion.rule.startswith("knee.chord: ")


def test_equal_points_stand_on_the_front_together_and_the_first_is_suggested() -> None:
    doubled = [TOY[2], TOY[1], *TOY]
    assert tradeoff.pareto(doubled) == [True, True, *ON_THE_FRONT]
    assert tradeoff.suggest(doubled).index == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_the_one_that_a_walk_finds(seed: int) -> None:
    points = random_points(seed)
    flagged = {point for point, kept in zip(points, tradeoff.pareto(points), strict=True) if kept}
    assert flagged == naive_front(points)


@pytest.mark.parametrize("seed", range(20))
def test_neither_order_nor_the_scale_of_an_axis_matters(seed: int) -> None:
    points = random_points(seed)
    shuffled = random.Random(seed).sample(points, len(points))
    found, again = tradeoff.suggest(points), tradeoff.suggest(shuffled)
    assert (found.index is None) == (again.index is None)
    if found.index is not None and again.index is not None:
        assert points[found.index] == shuffled[again.index]
    for a, b in ((784.0, 1.0), (1.0, 0.01), (1e-6, 1e3)):
        scaled = [(a * mse, b * l0) for mse, l0 in points]
        assert tradeoff.pareto(scaled) == tradeoff.pareto(points)
        assert tradeoff.suggest(scaled).index == found.index


@pytest.mark.parametrize("seed", range(20))
def test_the_knee_is_farthest_from_the_line_between_the_ends(seed: int) -> None:
    points = random_points(seed)
    found = tradeoff.suggest(points).index
    if found is None:
        return
    front = sorted(naive_front(points))
    unit = {
        point: tuple(
            (math.log(point[axis]) - math.log(min(p[axis] for p in front)))
            / (math.log(max(p[axis] for p in front)) - math.log(min(p[axis] for p in front)))
            for axis in (0, 1)
        )
        for point in front
    }
    # signed distance of p from the line through the ends (0, 1) and (1, 0)
    distance = {point: (1 - v - u) / math.sqrt(2) for point, (v, u) in unit.items()}
    assert distance[points[found]] == pytest.approx(max(distance.values()))


def test_of_two_points_equally_deep_the_sparser_one_is_suggested() -> None:
    mirrored = [(1.0, 1000.0), (2.0, 100.0), (100.0, 2.0), (1000.0, 1.0)]
    for order in itertools.permutations(mirrored):
        index = tradeoff.suggest(order).index
        assert index is not None
        assert order[index] == (100.0, 2.0)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "0 different points"),
        ([(1.0, 2.0)], "1 different points"),
        ([(1.0, 2.0), (2.0, 1.0), (2.0, 1.0), (3.0, 3.0)], "2 different points"),
        ([(0.1, 100.0), (1.0, 10.0), (10.0, 1.0)], "no knee"),  # a power law
        ([(0.1, 100.0), (5.0, 50.0), (10.0, 1.0)], "no knee"),  # above the chord
        ([(0.1, 100.0), (0.2, 10.0), (9.0, 0.0)], "2 different points"),  # a code that is silent has no logarithm
    ],
)
def test_where_there_is_no_knee_the_reason_is_said(points: Sequence[Point], why: str) -> None:
    suggestion = tradeoff.suggest(points)
    assert suggestion.index is None
    assert suggestion.reason is not None
    assert why in suggestion.reason
    assert suggestion.rule == tradeoff.RULE
