"""Arrays to PNG files, and tiles to grids: the same pixels always make the same bytes.

`spread`, `centred` and `unit` turn numbers into bytes with different contrasts.
"""

import io
import math
from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
from PIL import Image, PngImagePlugin

from sparse_coding.data import variation

PAPER: Final = 255
"""Grey between and beside the tiles."""
MARK: Final = (213, 94, 0)
"""Colour of the frame around a marked tile: the vermilion of Okabe and Ito, visible to colour-blind readers too."""
TILE_SIDE: Final = 84
"""Side in pixels that `whole_factor` aims at: three times MNIST's."""


def encode(pixels: np.ndarray, text: Mapping[str, str] | None = None) -> bytes:
    """A PNG of uint8 pixels, [height, width] grey or [height, width, 3] RGB, with tEXt chunks in the order given."""
    chunks = PngImagePlugin.PngInfo()
    for keyword, value in (text or {}).items():
        chunks.add_text(keyword, value)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", pnginfo=chunks, compress_level=6)
    return buffer.getvalue()


def grid(
    tiles: np.ndarray, *, columns: int, gap: int = 4, scale: int = 1, marked: Collection[int] = (), above: int = 0
) -> np.ndarray:
    """Tiles uint8 [m, channels, height, width] in rows of `columns`, each pixel drawn `scale` times in both directions.

    Channels are 1 (grey) or 3 (RGB). Tiles whose position is in `marked` get a coloured frame, drawn in the gap so that
    no pixel of theirs is lost. Each row has so many pixels of paper `above` it, beside the gap. Returns uint8 [h, w],
    or [h, w, 3] where there is colour.
    """
    count, channels, height, width = tiles.shape
    if marked and channels == 1:
        tiles, channels = tiles.repeat(3, axis=1), 3
    rows = math.ceil(count / columns)
    step = np.array([height * scale + gap + above, width * scale + gap])
    sheet = np.full((rows * step[0] + gap, columns * step[1] + gap, channels), PAPER, np.uint8)
    enlarged = tiles.transpose(0, 2, 3, 1).repeat(scale, axis=1).repeat(scale, axis=2)
    for position in range(count):
        top, left = np.array(divmod(position, columns)) * step + gap + np.array([above, 0])
        if position in marked:
            border = max(1, gap // 2)
            bottom, right = top + height * scale + border, left + width * scale + border
            sheet[top - border : bottom, left - border : right] = MARK
        sheet[top : top + height * scale, left : left + width * scale] = enlarged[position]
    return sheet[:, :, 0] if channels == 1 else sheet


def stacked(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Tiles uint8 [m, channels, height, width], each above its counterpart with a line of paper between: [m, channels,
    2 height + 1, width]."""
    line = np.full((*upper.shape[:2], 1, upper.shape[3]), PAPER, np.uint8)
    return np.concatenate([upper, line, lower], axis=2)


def whole_factor(image: np.ndarray, side: int = TILE_SIDE) -> int:
    """How often each pixel of an image [height, width] is drawn to make it `side` wide or a little less; at least 1."""
    height, width = image.shape
    return max(1, int(side // max(height, width)))


def spread(images: np.ndarray) -> np.ndarray:
    """Float [m, ...] to uint8, each image from its own minimum (0) to its own maximum (255).

    One that is constant, but for rounding, is 0.
    """
    low, high = _ends(images)
    span = np.where(variation.varies(low, high), high - low, 1)
    return _bytes((images - low) / span)


def centred(images: np.ndarray) -> np.ndarray:
    """Float [m, ...] to uint8, each image symmetric about mid grey: 0 is 128, its largest magnitude 1 or 255."""
    low, high = _ends(images)
    reach = np.maximum(np.abs(low), np.abs(high))
    return np.asarray(np.rint(128 + 127 * images / np.where(reach > 0, reach, 1)), np.uint8)


def unit(images: np.ndarray) -> np.ndarray:
    """Float [m, ...] in [0, 1] to uint8; what lies outside is cut."""
    return _bytes(np.clip(images, 0, 1))


def _ends(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inner = tuple(range(1, images.ndim))
    return images.min(axis=inner, keepdims=True), images.max(axis=inner, keepdims=True)


def _bytes(images: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(images * 255), np.uint8)
