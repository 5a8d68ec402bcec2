"""Feature images of selective latents: one square of them, or a line for each class with its name beside it."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from service.answers.looks import Look
from service.pictures import features, lettering, png
from service.pictures.lettering import Word

Lines = Sequence[Sequence[int]]
"""Latents of each line."""
_MARGIN: Final = 2 * features.GAP
"""Pixels on both sides of the names."""


def longest(lines: Lines) -> int:
    """Tiles of the longest line; a picture has one even where there is nothing to show."""
    return max(1, *map(len, lines))


def square(look: Look, images: np.ndarray) -> np.ndarray:
    """Tiles in lines that make the picture about square; a blank tile where there are none."""
    tiles = _placed([list(range(len(images)))], look, images)
    columns = math.ceil(math.sqrt(len(tiles)))
    return png.grid(tiles, columns=columns, gap=features.GAP, scale=png.whole_factor(tiles[0, 0]))


def by_class(look: Look, images: np.ndarray, lines: Lines, classes: Sequence[str]) -> np.ndarray:
    """A line of tiles for each class, its name beside it; `images` are those of all lines in their order."""
    tiles = _placed(lines, look, images)
    scale = png.whole_factor(tiles[0, 0])
    step = features.GAP + scale * tiles.shape[2]
    above = max(0, lettering.LINE - step)  # a line is high enough for its name
    sheet = png.grid(tiles, columns=longest(lines), gap=features.GAP, scale=scale, above=above)
    return _named(sheet, classes, step + above)


def _placed(lines: Lines, look: Look, images: np.ndarray) -> np.ndarray:
    """Tiles of all lines, shorter lines filled up with blank ones."""
    width = longest(lines)
    tiles = np.full((len(lines) * width, *images.shape[1:]), png.PAPER, np.uint8)
    places = [row * width + place for row, line in enumerate(lines) for place in range(len(line))]
    tiles[places] = features.tiles(look, images)
    return tiles


def _named(sheet: np.ndarray, classes: Sequence[str], step: int) -> np.ndarray:
    """Lines that are `step` pixels apart, with the name of its class beside each."""
    names = [_name(number, name) for number, name in enumerate(classes)]
    width = max(map(lettering.width, names)) + _MARGIN
    margin = np.full((len(sheet), width, *sheet.shape[2:]), png.PAPER, np.uint8)
    middles = [features.GAP // 2 + step * number + step // 2 for number in range(len(names))]
    written = [Word(name, _MARGIN, middle) for name, middle in zip(names, middles, strict=True)]
    return lettering.written(np.concatenate([margin, sheet], axis=1), written)


def _name(number: int, name: str) -> str:
    """The name of a class, or its number where the font lacks a letter of it."""
    short = lettering.shortened(name)
    return short if lettering.is_legible(short) else f"class {number}"
