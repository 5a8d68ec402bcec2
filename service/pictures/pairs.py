"""Images above each other: originals and reconstructions, features and atoms that were matched."""

from typing import Final

import numpy as np

from service.pictures import features, png, words

COLUMNS: Final = 10
"""Pairs beside each other."""
GAP: Final = 2 * features.GAP
"""Pixels between pairs."""


def reconstructions(originals: np.ndarray, outputs: np.ndarray, errors: np.ndarray) -> bytes:
    """A PNG of images in [0, 1], [m, channels, height, width], each above its reconstruction."""
    text = {"layout": "each original above its reconstruction", "contrast": words.UNIT, **words.chunks({"mse": errors})}
    return png.encode(_sheet(png.unit(originals), png.unit(outputs), png.TILE_SIDE), text)


def symmetric(upper: np.ndarray, lower: np.ndarray, side: int = png.TILE_SIDE) -> np.ndarray:
    """Images [m, channels, height, width] above each other, each symmetric about mid grey and about `side` wide."""
    return _sheet(png.centred(upper), png.centred(lower), side)


def _sheet(upper: np.ndarray, lower: np.ndarray, side: int) -> np.ndarray:
    tiles = png.stacked(upper, lower)
    return png.grid(tiles, columns=min(len(tiles), COLUMNS), gap=GAP, scale=png.whole_factor(upper[0, 0], side=side))
