"""Words on pictures made of tiles, in the font that Pillow contains: the same words always make the same pixels."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE: Final = 13
"""Of a letter, in pixels."""
LINE: Final = 18
"""Height of a line of words, with space above and below."""
WIDEST: Final = 150
"""Width in pixels; of a longer word the middle is left out."""
COLOUR: Final = "black"
MISSING: Final = "\uffff"
"""A character that no font has: what is drawn instead of it is drawn instead of every other one that is missing."""

_FONT: Final = ImageFont.load_default(SIZE)


class Word(NamedTuple):
    """One line of letters, and the place of its middle (`centred`) or of its left end, at half of its height."""

    text: str
    x: int
    y: int
    centred: bool = False


def written(sheet: np.ndarray, words: Sequence[Word]) -> np.ndarray:
    """A picture, uint8 [h, w] or [h, w, 3], with words on it."""
    image = Image.fromarray(sheet)
    pen = ImageDraw.Draw(image)
    for word in words:
        pen.text((word.x, word.y), word.text, fill=COLOUR, font=_FONT, anchor="mm" if word.centred else "lm")
    return np.asarray(image)


def width(text: str) -> int:
    """Pixels that a line of letters takes, rounded up."""
    return int(np.ceil(_FONT.getlength(text)))


def shortened(text: str) -> str:
    """On one line and no wider than `WIDEST`: of a longer one the middle is left out."""
    text = " ".join(text.split())
    if width(text) <= WIDEST:
        return text
    most = min(len(text), WIDEST)
    while width(short := f"{text[: (most + 1) // 2]}...{text[-(most // 2) :]}") > WIDEST:
        most -= 1
    return short


def is_legible(text: str) -> bool:
    """Whether the font has a picture of every letter."""
    unknown = bytes(_FONT.getmask(MISSING))
    return all(bytes(_FONT.getmask(letter)) != unknown for letter in text)
