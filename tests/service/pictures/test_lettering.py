"""Words on pictures: where they were to stand, no wider than allowed, and the same each time."""

import numpy as np
import pytest

from service.pictures import lettering
from service.pictures.lettering import Word


@pytest.mark.parametrize("shape", [(40, 120), (40, 120, 3)])
def test_a_word_stands_at_its_place_and_nowhere_else(shape: tuple[int, ...]) -> None:
    sheet = np.full(shape, 255, np.uint8)
    drawn = lettering.written(sheet, [Word("128", 60, 20, centred=True), Word("boot", 2, 20)])
    assert drawn.shape == shape
    assert (sheet == 255).all(), "the picture that was given is as it was"
    inked = np.argwhere(drawn.reshape(40, 120, -1).min(axis=2) < 255)
    number, name = (inked[(inked[:, 1] > 45) == right] for right in (True, False))
    assert abs(number[:, 1].mean() - 60) < 2
    assert 2 <= name[:, 1].min() <= 4
    assert name[:, 1].max() < 2 + lettering.width("boot")
    assert 20 - lettering.LINE / 2 <= inked[:, 0].min() <= inked[:, 0].max() <= 20 + lettering.LINE / 2
    np.testing.assert_array_equal(
        drawn, lettering.written(sheet, [Word("128", 60, 20, centred=True), Word("boot", 2, 20)])
    )


@pytest.mark.parametrize("text", ["i" * 1000, "W" * 1000, "a name of several words " * 9 + "1", "two\nlines " * 9])
def test_a_long_word_loses_its_middle(text: str) -> None:
    short = lettering.shortened(text)
    assert lettering.width(short) <= lettering.WIDEST
    assert lettering.width(short) > lettering.WIDEST - 30
    assert "\n" not in short
    assert (short[0], short[-1]) == (text[0], text.strip()[-1])
    assert "..." in short


def test_a_short_word_stays() -> None:
    assert lettering.shortened("Ankle boot") == "Ankle boot"


@pytest.mark.parametrize(("text", "legible"), [("Ankle boot", True), ("", True), ("樹", False), ("café", False)])
def test_letters_that_the_font_lacks_are_known(text: str, legible: bool) -> None:
    assert lettering.is_legible(text) is legible
