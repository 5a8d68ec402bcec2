"""Pictures: their bytes depend on their pixels alone, and every pixel stands where it belongs."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.pictures import png


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize(("shape", "mode"), [((3, 5), "L"), ((3, 5, 3), "RGB")])
def test_an_encoded_picture_has_the_same_pixels_and_texts(shape: tuple[int, ...], mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    image = opened(png.encode(pixels, {"latents": "[0,1]", "mode": "raw"}))
    assert (image.mode, image.size) == (mode, (5, 3))
    assert image.text == {"latents": "[0,1]", "mode": "raw"}  # type: ignore[attr-defined]
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_the_same_pixels_make_the_same_bytes() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert png.encode(pixels, {"a": "b"}) == png.encode(pixels.copy(), {"a": "b"})


def test_rows_of_a_grid_have_a_margin_and_frames_surround_their_tiles() -> None:
    tiles = np.zeros((4, 1, 2, 3), np.uint8)
    sheet = png.grid(tiles, columns=2, gap=4, marked=[3], above=7)
    assert sheet.shape == (2 * (2 + 4 + 7) + 4, 2 * (3 + 4) + 4, 3)
    for row, column in np.ndindex(2, 2):
        top, left = 4 + 7 + 13 * row, 4 + 7 * column
        assert (sheet[top : top + 2, left : left + 3] == 0).all()
    assert (sheet == png.MARK).all(axis=2).sum() == (2 + 4) * (3 + 4) - 2 * 3
    assert (sheet[:9] == png.PAPER).all()


def test_a_grid_puts_tiles_row_by_row_with_gaps_and_whole_enlargement() -> None:
    tiles = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(2, axis=2).repeat(3, axis=3)
    sheet = png.grid(tiles, columns=2, gap=4, scale=2)
    assert sheet.shape == (3 * (2 * 2 + 4) + 4, 2 * (3 * 2 + 4) + 4)
    for position in range(5):
        row, column = divmod(position, 2)
        top, left = 4 + 8 * row, 4 + 10 * column
        assert (sheet[top : top + 4, left : left + 6] == position).all()
    sixth = sheet[20:24, 14:20]
    assert (sixth == png.PAPER).all(), "the place after the last tile is empty"
    assert (sheet[:4] == png.PAPER).all()
    assert (sheet[8:12] == png.PAPER).all()


def test_a_colour_tile_keeps_its_channels() -> None:
    tile = np.zeros((1, 3, 2, 2), np.uint8)
    tile[0, 0] = 200
    sheet = png.grid(tile, columns=1, gap=0)
    assert sheet.shape == (2, 2, 3)
    assert sheet[0, 0].tolist() == [200, 0, 0]


def test_a_marked_tile_has_a_frame_and_loses_no_pixel() -> None:
    tiles = np.full((2, 1, 2, 2), 7, np.uint8)
    plain, marked = png.grid(tiles, columns=2, gap=4), png.grid(tiles, columns=2, gap=4, marked=[1])
    assert marked.shape == (*plain.shape, 3)
    np.testing.assert_array_equal(marked[4:6, 4:6], np.full((2, 2, 3), 7))
    np.testing.assert_array_equal(marked[4:6, 10:12], np.full((2, 2, 3), 7))
    frame = (marked == png.MARK).all(axis=-1)
    assert frame.sum() == 6 * 6 - 2 * 2, "two pixels around the second tile"
    assert frame[2:8, 8:14].sum() == frame.sum()


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_spread_goes_from_black_to_white_whatever_the_range(scale: float) -> None:
    images = np.array([[[0.0, 1.0, 2.0]], [[-3.0, -3.0, -1.0]]], np.float32) * scale
    assert png.spread(images).tolist() == [[[0, 128, 255]], [[0, 0, 255]]]


def test_a_constant_image_is_black_when_spread_and_grey_when_centred_at_zero() -> None:
    assert png.spread(np.full((1, 2, 2), 5.0)).max() == 0
    assert png.centred(np.zeros((1, 2, 2))).tolist() == [[[128, 128], [128, 128]]]


def test_centred_is_symmetric_about_mid_grey() -> None:
    images = np.array([[[-2.0, -1.0, 0.0, 1.0]]])
    values = png.centred(images)[0, 0].astype(int) - 128
    assert values.tolist() == [-127, -64, 0, 64]


def test_unit_cuts_what_lies_outside() -> None:
    images: NDArray[np.float32] = np.array([[-1, 0, 0.5, 1, 2]], np.float32)
    assert png.unit(images).tolist() == [[0, 0, 128, 255, 255]]


@pytest.mark.parametrize(("side", "factor"), [(8, 10), (28, 3), (84, 1), (512, 1)])
def test_tiles_are_enlarged_by_a_whole_factor(side: int, factor: int) -> None:
    assert png.whole_factor(np.zeros((side, side))) == factor
