"""Rows from more and more of their latents: a line of pictures for each, with the number of latents above them."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from service.pictures import features, lettering, png
from service.pictures.lettering import Word

NUMBER: Final = 44
"""Pixels that the number above a picture may take: of six digits."""


def sheet(lines: Sequence[np.ndarray], kept: Sequence[Sequence[int]], sufficient: Sequence[int]) -> np.ndarray:
    """Each line: images in [0, 1], [m, channels, height, width], the original first; shorter ones end in blank tiles.

    `kept` has the number of latents of each picture behind the original, and `sufficient` the one that is framed.
    """
    columns = max(map(len, lines))
    tiles = np.full((len(lines) * columns, *lines[0].shape[1:]), png.PAPER, np.uint8)
    for place, images in enumerate(lines):
        tiles[columns * place : columns * place + len(images)] = png.unit(images)
    framed = [columns * place + 1 + kept[place].index(number) for place, number in enumerate(sufficient)]
    scale, above = png.whole_factor(tiles[0, 0]), lettering.LINE
    drawn = png.grid(_widened(tiles, scale), columns=columns, gap=features.GAP, scale=scale, marked=framed, above=above)
    return _numbered(drawn, kept, columns)


def _widened(tiles: np.ndarray, scale: int) -> np.ndarray:
    """Tiles with as much paper at their right as the number above them needs."""
    missing = max(0, math.ceil(NUMBER / scale) - tiles.shape[-1])
    return np.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, missing)), constant_values=png.PAPER)


def _numbered(drawn: np.ndarray, kept: Sequence[Sequence[int]], columns: int) -> np.ndarray:
    """The number of latents above the middle of each picture."""
    gap, above = features.GAP, lettering.LINE
    high, wide = (len(drawn) - gap) // len(kept), (drawn.shape[1] - gap) // columns
    words = [
        Word(text, wide * column + (wide + gap) // 2, high * row + (gap + above) // 2, centred=True)
        for row, counts in enumerate(kept)
        for column, text in enumerate(["input", *(f"{count:,}" for count in counts)])
    ]
    return lettering.written(drawn, words)
