"""Places for the labels of a scatter plot: inside the plane, beside their points, and on no other point or label."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

Spot = tuple[float, float]
"""Pixels from the plane's left and its lower edge."""
_Box = tuple[float, float, float, float]
"""Left, bottom, right and top."""

LETTER: Final = (6.2, 13.0)
"""About the width of a character and the height of a line at the labels' size."""
NEAR: Final = 9.0
"""Points that are nearer to each other than so many pixels hide one another: they share a label."""
DOT: Final = 14.0
LINE: Final = 4.0
"""Thickness of a line that labels keep away from, and the distance between the points at which it is checked."""
OUTSIDE: Final = 1000.0
"""How much worse it is to leave the plane by a pixel than to cover a pixel of something else."""


class Place(NamedTuple):
    """Where a label stands beside its point: shift in pixels of its anchor, and which end is anchored."""

    dx: int
    dy: int
    align: Literal["left", "center", "right"]


PLACES: Final = (
    Place(14, 0, "left"),
    Place(0, -15, "center"),
    Place(-14, 0, "right"),
    Place(0, 16, "center"),
    Place(9, -13, "left"),
    Place(9, 14, "left"),
    Place(-9, -13, "right"),
    Place(-9, 14, "right"),
    Place(0, -29, "center"),
    Place(0, 30, "center"),
    Place(14, -26, "left"),
    Place(14, 28, "left"),
)


def groups(spots: Sequence[Spot]) -> list[list[int]]:
    """Indices of points that share a label, the one that it stands beside first."""
    found: list[list[int]] = []
    for index, spot in enumerate(spots):
        for group in found:
            if math.dist(spot, spots[group[0]]) < NEAR:
                group.append(index)
                break
        else:
            found.append([index])
    return found


def places(labels: Sequence[tuple[Spot, str]], spots: Sequence[Spot], line: Sequence[Spot], size: Spot) -> list[Place]:
    """For each label the first place that covers least of the points, of the line and of earlier labels."""
    taken = [_box(spot, DOT, DOT) for spot in spots] + [_box(spot, LINE, LINE) for spot in _along(line)]
    chosen = []
    for spot, text in labels:
        boxes = {place: _label_box(spot, text, place) for place in PLACES}
        place = min(boxes, key=lambda place: _clashes(boxes[place], taken, size))
        taken.append(boxes[place])
        chosen.append(place)
    return chosen


def _along(line: Sequence[Spot]) -> Iterator[Spot]:
    for (x, y), (x2, y2) in itertools.pairwise(line):
        steps = math.ceil(math.dist((x, y), (x2, y2)) / LINE)
        for step in range(steps):
            yield x + (x2 - x) * step / steps, y + (y2 - y) * step / steps


def _box(middle: Spot, width: float, height: float) -> _Box:
    x, y = middle
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _label_box(spot: Spot, text: str, place: Place) -> _Box:
    width = LETTER[0] * len(text)
    shift = {"left": width / 2, "center": 0.0, "right": -width / 2}[place.align]
    return _box((spot[0] + place.dx + shift, spot[1] - place.dy), width, LETTER[1])


def _clashes(box: _Box, taken: Sequence[_Box], size: Spot) -> float:
    """Area that is covered twice; what leaves the plane counts far more."""
    outside = max(0.0, -box[0]) + max(0.0, box[2] - size[0]) + max(0.0, -box[1]) + max(0.0, box[3] - size[1])
    overlaps = (
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    return OUTSIDE * outside + sum(overlaps)
