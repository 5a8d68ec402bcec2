"""Selectivity of three latents to two classes by hand, of any codes by a naive oracle, and what cannot change it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sparse_coding.analysis import selectivity

# Four rows of two classes. Latent 0 speaks on class 0 alone, latent 1 never, latent 2 on both and more on class 1.
HAND = np.array([[4, 0, 1], [0, 0, 1], [0, 0, 2], [0, 0, 4]], np.float32)
CLASSES = np.array([0, 0, 1, 1])

codes_and_labels = st.integers(1, 12).flatmap(
    lambda rows: st.tuples(
        arrays.arrays(np.float32, st.tuples(st.just(rows), st.integers(1, 6)), elements=st.floats(0, 9, width=16)),
        arrays.arrays(np.int64, rows, elements=st.integers(0, 3)),
    )
)


def naive(codes: np.ndarray, labels: np.ndarray, latent: int) -> float:
    """The definition, read aloud."""
    means = [float(codes[labels == number, latent].mean(dtype=np.float64)) for number in sorted(set(labels.tolist()))]
    best = means.index(max(means))
    rest = [mean for position, mean in enumerate(means) if position != best]
    if not rest or means[best] == 0:
        return 0.0
    return (means[best] - float(np.mean(rest))) / (means[best] + float(np.mean(rest)))


def test_the_toy_by_hand() -> None:
    found = selectivity.analyse(HAND, CLASSES, 2)
    assert found.class_means.tolist() == [[2, 0, 1], [0, 0, 3]]
    assert found.index.tolist() == [1, 0, (3 - 1) / (3 + 1)]
    assert found.preferred[[0, 2]].tolist() == [0, 1]
    assert found.silent.tolist() == [False, True, False]
    assert found.mean == 0.5, "a silent latent counts as 0"


def test_the_rest_is_the_mean_over_the_other_classes_whatever_their_rows() -> None:
    codes = np.array([[6], [1], [1], [1], [3]], np.float32)
    found = selectivity.analyse(codes, np.array([0, 1, 1, 1, 2]), 3)
    assert found.index.tolist() == [(6 - 2) / (6 + 2)]


def test_a_class_without_rows_is_left_out() -> None:
    found = selectivity.analyse(HAND, CLASSES * 2, 4)
    np.testing.assert_array_equal(found.class_means, [[2, 0, 1], [np.nan] * 3, [0, 0, 3], [np.nan] * 3])
    assert found.index.tolist() == [1, 0, 0.5]
    assert found.preferred[[0, 2]].tolist() == [0, 2]


def test_of_equal_classes_the_lowest_is_preferred_and_nothing_is_selective() -> None:
    found = selectivity.analyse(np.full((6, 2), 0.1, np.float32), np.array([2, 2, 1, 1, 0, 0]), 3)
    assert found.index.tolist() == [0, 0]
    assert found.preferred.tolist() == [0, 0]


def test_a_single_class_leaves_nothing_to_tell_apart() -> None:
    assert selectivity.analyse(HAND, np.zeros(4, np.int64), 1).index.tolist() == [0, 0, 0]


def test_silent_latents_are_neither_the_most_nor_the_least_selective() -> None:
    codes = np.array([[4, 0, 1, 1, 2], [0, 0, 1, 3, 0]], np.float32)
    found = selectivity.analyse(codes, np.array([0, 1]), 2)
    assert found.index.tolist() == [1, 0, 0, 0.5, 1]
    assert found.most(9).tolist() == [0, 4, 3, 2]
    assert found.least(9).tolist() == [2, 3, 0, 4]
    assert (found.most(2).tolist(), found.least(1).tolist()) == ([0, 4], [2])
    assert [latents.tolist() for latents in found.by_class(9)] == [[0, 4, 2], [3]]
    assert [latents.tolist() for latents in found.by_class(1)] == [[0], [3]]


@given(codes_and_labels)
def test_any_codes_are_measured_as_the_definition_says(case: tuple[np.ndarray, np.ndarray]) -> None:
    codes, labels = case
    found = selectivity.analyse(codes, labels, 4)
    assert found.index.min() >= 0
    assert found.index.max() <= 1
    for latent in range(codes.shape[1]):
        assert found.index[latent] == pytest.approx(naive(codes, labels, latent), abs=1e-12)
        means = found.class_means[:, latent]
        assert means[found.preferred[latent]] == np.nanmax(means)
        assert found.silent[latent] == (not codes[:, latent].any())


@given(codes_and_labels, st.floats(0.125, 8, width=16))
def test_a_louder_latent_is_not_more_selective(case: tuple[np.ndarray, np.ndarray], factor: float) -> None:
    codes, labels = case
    louder = codes.copy()
    louder[:, 0] *= np.float32(factor)
    before, after = (selectivity.analyse(each, labels, 4) for each in (codes, louder))
    np.testing.assert_allclose(after.index, before.index, atol=1e-6)


@given(codes_and_labels, st.randoms())
def test_the_order_of_rows_does_not_matter(case: tuple[np.ndarray, np.ndarray], chance: object) -> None:
    codes, labels = case
    order = list(range(len(labels)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    shuffled = selectivity.analyse(codes[order], labels[order], 4)
    np.testing.assert_allclose(shuffled.index, selectivity.analyse(codes, labels, 4).index, atol=1e-12)
