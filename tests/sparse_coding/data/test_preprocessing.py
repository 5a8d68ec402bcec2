"""What is done to rows, undone again, and what a client may send."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sparse_coding import errors
from sparse_coding.data import preprocessing, sampling
from sparse_coding.data.datasets import Dataset
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.models.weights import TrainedModel
from testing.core_library import Ask

GREY = Preprocessing(6, (1, 2, 3), None)
COLOUR = Preprocessing(12, (3, 2, 2), None)
VECTORS = Preprocessing(3, None, None)


def test_bytes_are_divided_by_255_and_floats_are_left() -> None:
    assert GREY.to_inputs(torch.tensor([[0, 51, 255]], dtype=torch.uint8)).tolist() == [[0, torch.tensor(0.2), 1]]
    values = torch.tensor([[-3.0, 0.5, 900.0]])
    assert torch.equal(VECTORS.to_inputs(values), values)


def test_scaling_is_fitted_on_the_rows_that_are_learned_from(dataset_of: Callable[..., Dataset], ask: Ask) -> None:
    rows = np.array([[0, 5, -1], [10, 5, 1], [4, 5, 0], [1000, 1000, 1000]], np.float32)
    choice = ask(dataset={"scaling": "minmax", "train_limit": 3}).dataset
    fitted = preprocessing.fit(choice, dataset_of(rows))
    assert fitted.minimum is not None
    assert fitted.span is not None
    assert fitted.minimum.tolist() == [0, 5, -1]
    assert fitted.span.tolist() == [10, 1, 2], "a constant input is divided by 1"
    scaled = fitted.to_inputs(torch.from_numpy(rows))
    assert scaled.tolist()[:3] == [[0, 0, 0], [1, 0, 1], [pytest.approx(0.4), 0, 0.5]]
    assert scaled[3].tolist() == [100, 995, 500.5], "values outside the range pass unclamped"


def test_the_validation_slice_does_not_reach_the_scaling(dataset_of: Callable[..., Dataset], ask: Ask) -> None:
    rows = np.arange(10, dtype=np.float32)[:, None]
    choice = ask(dataset={"scaling": "minmax", "validation_fraction": 0.3, "validation_seed": None}).dataset
    fitted = preprocessing.fit(choice, dataset_of(rows))
    assert fitted.span is not None
    assert fitted.span.item() == 6
    drawn = ask(dataset={"scaling": "minmax", "validation_fraction": 0.3, "validation_seed": 1}).dataset
    learned = sampling.learned(drawn, dataset_of(rows))
    fitted = preprocessing.fit(drawn, dataset_of(rows))
    assert fitted.span is not None
    assert fitted.span.item() == np.ptp(learned)


def test_images_are_scaled_in_units_of_zero_to_one(digits: Dataset, ask: Ask) -> None:
    fitted = preprocessing.fit(ask(dataset={"scaling": "minmax", "image_size": 12}).dataset, digits)
    scaled = fitted.to_inputs(torch.from_numpy(fitted.rows(digits.split("train").rows).copy()))
    assert scaled.amin(0).tolist() == [0] * 144
    assert set(scaled.amax(0).tolist()) <= {0, 1}


@given(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3))
def test_undo_takes_scaled_rows_back(row: list[float]) -> None:
    fitted = Preprocessing(3, None, None, torch.tensor([-5.0, 0, 2]), torch.tensor([1.0, 0.25, 40]))
    rows = torch.tensor([row])
    torch.testing.assert_close(fitted.undo(fitted.to_inputs(rows)), rows, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 5), (1, 4)])
def test_images_are_resized_as_pillow_does_and_stay_bytes(channels: int, size: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, channels, 8, 9), dtype=np.uint8)
    rows = Preprocessing(channels * size * size, (channels, size, size), size).rows(images)
    assert rows.dtype == np.uint8
    mode = images[2].transpose(1, 2, 0).squeeze()
    expected = np.asarray(Image.fromarray(mode).resize((size, size), Image.Resampling.BICUBIC))
    found = rows[2].reshape(channels, size, size).transpose(1, 2, 0).squeeze()
    np.testing.assert_array_equal(found, expected)


def test_without_an_image_size_other_images_are_refused() -> None:
    with pytest.raises(errors.WrongWidth, match="takes 6 values per row; got 64"):
        GREY.rows(np.zeros((1, 1, 8, 8), np.uint8))


@pytest.mark.parametrize(
    ("fitted", "shape"), [(GREY, (2, 6)), (GREY, (2, 2, 3)), (COLOUR, (2, 12)), (COLOUR, (2, 3, 2, 2))]
)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1"])
def test_a_body_may_be_flat_or_shaped_as_images(fitted: Preprocessing, shape: tuple[int, ...], dtype: str) -> None:
    sent = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    rows = fitted.from_body(sent)
    assert rows.dtype == np.float32
    expected = sent.reshape(2, -1).astype(np.float32)
    np.testing.assert_array_equal(rows, expected / np.float32(255) if dtype == "u1" else expected)


@pytest.mark.parametrize(
    ("fitted", "sent", "error"),
    [
        (GREY, np.zeros((2, 5)), errors.WrongWidth),
        (GREY, np.zeros(6), errors.WrongWidth),
        (GREY, np.zeros((2, 3, 2)), errors.WrongWidth),
        (COLOUR, np.zeros((2, 2, 2)), errors.WrongWidth),
        (COLOUR, np.zeros((2, 2, 2, 3)), errors.WrongWidth),
        (VECTORS, np.zeros((1, 1, 3)), errors.WrongWidth),
        (VECTORS, np.zeros((0, 3)), errors.EmptyInput),
        (VECTORS, np.array([[0, np.nan, 1]]), errors.NotFinite),
        (VECTORS, np.array([[0, -np.inf, 1]]), errors.NotFinite),
        (VECTORS, np.array([[0, 1e39, 1]]), errors.NotFinite),
        (VECTORS, np.zeros((1, 3), np.int64), errors.UnsupportedDtype),
        (VECTORS, np.zeros((1, 3), bool), errors.UnsupportedDtype),
        (VECTORS, np.zeros((1, 3), complex), errors.UnsupportedDtype),
    ],
)
def test_a_body_that_does_not_fit_is_refused_in_words(
    fitted: Preprocessing, sent: np.ndarray, error: type[errors.InvalidInput]
) -> None:
    with pytest.raises(error) as caught:
        fitted.from_body(sent)
    assert str(caught.value).endswith(".")


def test_a_body_of_bytes_and_a_dataset_row_of_bytes_are_the_same_input(trained: TrainedModel, digits: Dataset) -> None:
    stored = digits.split("test").rows[:5]
    body = trained.preprocessing.from_body(stored.reshape(5, 64))
    np.testing.assert_array_equal(body, trained.prepare(stored))
