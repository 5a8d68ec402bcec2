"""The Pareto front and its knee: a toy written out by hand, a naive oracle, and what must not matter."""

import itertools
import math
import random
from collections.abc import Sequence

import pytest

from sparse_coding.analysis import tradeoff
from sparse_coding.analysis.tradeoff import Point

TOY: Sequence[Point] = [
    (0.1, 100.0),  # the dense end of the front: mse 10^-1 is u = 0, L0 is v = 1
    (1.0, 20.0),  # mse 10^0: u = 1 / 2, v = (20 - 0) / 100 = 0.2, depth 1 - 0.7 = 0.3: the knee
    (3.0, 12.0),  # u = (0.477 + 1) / 2 = 0.739, v = 0.12, depth 0.141
    (10.0, 0.0),  # the sparse end, silent: u = 1, v = 0
    (1.5, 50.0),  # behind the second
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
    (least, most), (best, worst) = (front[-1][1], front[0][1]), (front[0][0], front[-1][0])
    unit = {
        (mse, l0): (math.log(mse / best) / math.log(worst / best), (l0 - least) / (most - least)) for mse, l0 in front
    }
    # signed distance of p from the line through the ends (0, 1) and (1, 0)
    distance = {point: (1 - u - v) / math.sqrt(2) for point, (u, v) in unit.items()}
    assert distance[points[found]] == pytest.approx(max(distance.values()))


def test_of_two_points_equally_deep_the_sparser_one_is_suggested() -> None:
    mirrored = [(1.0, 10.0), (2.0, 5.0), (32.0, 1.0), (1024.0, 0.0)]  # depths 0, 1 - 0.1 - 0.5, 1 - 0.5 - 0.1, 0
    for order in itertools.permutations(mirrored):
        index = tradeoff.suggest(order).index
        assert index is not None
        assert order[index] == (32.0, 1.0)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([], "this one has 0"),
        ([(1.0, 2.0)], "this one has 1"),
        ([(1.0, 2.0), (2.0, 1.0), (2.0, 1.0), (3.0, 3.0)], "this one has 2"),
        ([(0.1, 20.0), (1.0, 10.0), (10.0, 0.0)], "no knee"),  # every ten latents a tenth of the error
        ([(0.1, 100.0), (5.0, 50.0), (10.0, 1.0)], "no knee"),  # above the chord
        ([(0.0, 100.0), (0.2, 10.0), (9.0, 1.0)], "this one has 2"),  # no error has no logarithm
    ],
)
def test_where_there_is_no_knee_the_reason_is_said(points: Sequence[Point], why: str) -> None:
    suggestion = tradeoff.suggest(points)
    assert suggestion.index is None
    assert suggestion.reason is not None
    assert why in suggestion.reason
    assert suggestion.rule == tradeoff.RULE
