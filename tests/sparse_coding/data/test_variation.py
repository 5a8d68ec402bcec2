"""What counts as variation, and that nothing is divided by a spread that is only rounding."""

import math

import numpy as np
import pytest
import torch

from sparse_coding.analysis import probe, tradeoff
from sparse_coding.analysis.evaluation import HeldOut, hold_out
from sparse_coding.data import preprocessing, variation
from sparse_coding.data.preprocessing import Preprocessing

ONE_UP = np.nextafter(np.float32(0.1), np.float32(1))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.1, False),
        (0.1, float(ONE_UP), False),
        (0.0, 0.0, False),
        (1e6, 1e6 + 1, True),
        (1.7e9, 1.7e9 + 128, False),
        (0.0, 1e-30, True),
        (-1e-9, 1e-9, True),
        (0, 1 / 255, True),
    ],
)
def test_a_range_of_a_few_roundings_is_no_variation(low: float, high: float, expected: bool) -> None:
    assert bool(variation.varies(low, high)) is expected
    assert bool(variation.varies(torch.tensor(low), torch.tensor(high))) is expected


def jittered(rows: int) -> np.ndarray:
    """A column of 0.1 and its upper neighbour, by turns."""
    return np.where(np.arange(rows) % 2, ONE_UP, np.float32(0.1))


def test_columns_of_rounding_are_not_standardised() -> None:
    """A column that is rounding, and happens to tell the training rows' classes apart, is not looked at."""
    labels = np.arange(60) % 2
    rng = np.random.default_rng(0)
    train = np.stack([jittered(60), labels + rng.normal(0, 0.5, 60)], axis=1).astype(np.float32)
    test = np.stack([jittered(60)[::-1], labels + rng.normal(0, 0.5, 60)], axis=1).astype(np.float32)
    alone = probe.accuracy(train[:, 1:], labels, test[:, 1:], labels)
    assert probe.columns_used(train) == 1
    assert probe.accuracy(train, labels, test, labels) == alone
    single = probe.k_sparse(train[:, 1:], labels, test[:, 1:], labels)[1]
    assert probe.k_sparse(train, labels, test, labels)[1] == single


def test_rows_without_a_column_that_varies_are_of_the_most_frequent_class() -> None:
    labels = np.array([0, 1, 1, 1])
    for columns in (np.full((4, 2), 0.1, np.float32), np.empty((4, 0), np.float32)):
        assert probe.accuracy(columns, labels, columns, labels) == 0.75


def test_an_input_of_rounding_is_not_scaled_up() -> None:
    unscaled = Preprocessing(2, None, None)
    rows = np.stack([jittered(8), np.arange(8, dtype=np.float32)], axis=1)
    minimum, span = preprocessing.range_of(unscaled, [rows[:5], rows[5:]])
    assert span.tolist() == [1, 7]
    torch.testing.assert_close(minimum, torch.tensor([0.1, 0.0]))


def test_rows_that_are_equal_but_for_rounding_have_no_explained_variance() -> None:
    constant = torch.from_numpy(np.stack([jittered(50), jittered(50)], axis=1))
    held_out = hold_out(constant, constant, Preprocessing(2, None, None))
    assert held_out.variation == 0
    measured = HeldOut(50, 1e-3, 2, held_out.variation, torch.zeros(3, dtype=torch.int64), torch.zeros(3))
    assert measured.explained_variance is None
    varying = torch.stack([torch.from_numpy(jittered(50)), torch.linspace(0, 1, 50)], dim=1)
    found = hold_out(varying, varying, Preprocessing(2, None, None)).variation
    assert found == pytest.approx(float(np.var(np.linspace(0, 1, 50)) * 50), rel=1e-5)


def test_a_difference_of_rounding_is_no_direction() -> None:
    base = np.array([[0.1, 0.5, 1.0]], np.float32)
    outputs = np.concatenate([np.nextafter(base, np.float32(2)), base + np.float32([[0, 0.25, 0]])])
    assert variation.difference(outputs, base).tolist() == [[0, 0, 0], [0, 0.25, 0]]


def test_a_front_whose_errors_differ_by_rounding_has_no_knee() -> None:
    """The logarithms of neighbouring floats can be equal: scaling them divided by 0."""
    errors = [0.1, math.nextafter(0.1, 1), math.nextafter(math.nextafter(0.1, 1), 1)]
    found = tradeoff.suggest(list(zip(errors, (9.0, 5.0, 1.0), strict=True)))
    assert found.index is None
    assert "rounding" in str(found.reason)


@pytest.mark.parametrize(("rows", "width"), [(40, 64), (300, 20)])
def test_components_are_as_many_as_the_rank(rows: int, width: int) -> None:
    """Float32 rows of rank 7, far from the origin: numpy's singular values beyond it are rounding."""
    rng = np.random.default_rng(3)
    low = (5 + rng.normal(size=(rows, 7)) @ rng.normal(size=(7, width))).astype(np.float32)
    assert probe.fit_components(low, width).axes.shape == (7, width)
    exact = np.linalg.svd(low.astype(np.float64) - low.mean(0, dtype=np.float64))[1]
    assert exact[6] > 1e5 * exact[7] > 0
