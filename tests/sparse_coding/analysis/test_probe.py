"""Probes: toys whose accuracy is known, scikit-learn itself as an oracle, and labels that no probe takes."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sparse_coding import errors
from sparse_coding.analysis import probe
from sparse_coding.data.datasets import Dataset

LABELS = np.arange(60) % 3
OWN = np.eye(3)[LABELS] * np.linspace(1, 2, 60)[:, None]
"""A code with one latent for each of three classes."""


def pixels(digits: Dataset, split: str) -> tuple[Any, Any]:
    rows = digits.split(split)
    return rows.rows.reshape(len(rows.rows), -1).astype(np.float32) / 255, rows.labels


def test_a_latent_for_each_class_tells_everything() -> None:
    assert probe.accuracy(OWN, LABELS, OWN, LABELS) == 1
    assert probe.k_sparse(OWN, LABELS, OWN, LABELS) == {1: 1, 2: 1, 5: 1}


def test_a_code_that_never_changes_tells_nothing() -> None:
    silent = np.full((60, 4), 0.1, np.float32)
    assert probe.accuracy(silent, LABELS, silent, LABELS) == pytest.approx(1 / 3)
    assert probe.k_sparse(silent, LABELS, silent, LABELS) == {1: 0.5, 2: 0.5, 5: 0.5}


def test_one_latent_for_two_classes_by_hand() -> None:
    """Latent 0 is on for classes 0 and 1 alike: k = 1 tells class 2 from the rest, and 0 and 1 only from class 2."""
    code = np.stack([LABELS < 2, np.zeros(60)], axis=1).astype(np.float32)
    wrong = (1 + 0.5) / 2  # all of class 0 are found, and half of the others (class 1) are taken for it
    assert probe.k_sparse(code, LABELS, code, LABELS)[1] == pytest.approx((wrong + wrong + 1) / 3)


def test_accuracy_is_the_share_of_rows_named_rightly() -> None:
    test = OWN[:4].copy()
    test[0] = OWN[1]
    assert probe.accuracy(OWN, LABELS, test, LABELS[:4]) == 0.75


def test_accuracy_is_that_of_a_logistic_regression_on_standardised_columns(digits: Dataset) -> None:
    train, train_labels = pixels(digits, "train")
    test, test_labels = pixels(digits, "test")
    mean, spread = train.astype(np.float64).mean(0), train.astype(np.float64).std(0)
    spread[spread == 0] = 1
    fitted = LogisticRegression(C=1, solver="lbfgs", max_iter=10_000).fit((train - mean) / spread, train_labels)
    expected = (fitted.predict((test - mean) / spread) == test_labels).mean()
    found = probe.accuracy(train, train_labels, test, test_labels)
    assert found == pytest.approx(expected, abs=1.5 / 360)
    assert found > 0.85
    assert found == pytest.approx(probe.accuracy(9 * train + 4, train_labels, 9 * test + 4, test_labels), abs=1.5 / 360)


def test_more_columns_never_tell_much_less_on_digits(digits: Dataset) -> None:
    found = probe.k_sparse(*pixels(digits, "train"), *pixels(digits, "test"))
    assert list(found) == [1, 2, 5]
    assert 0.6 < found[1] < found[2] < found[5] < 1


def test_columns_are_ranked_by_the_difference_of_means_in_magnitude() -> None:
    rows = np.array([[0, 5, 1, 0], [0, 5, 1, 0], [0, 6, 4, 9], [0, 7, 4, -9]], np.float32)
    inside = np.array([True, True, False, False])
    assert probe.most_different(rows, inside).tolist() == [2, 1, 0, 3], "differences 0, 1.5, 3 and 0"


def test_a_rare_class_is_weighted_like_the_rest() -> None:
    labels = (np.arange(200) < 10).astype(np.int64)
    code = np.where(labels == 1, 1.0, np.linspace(0, 0.99, 200))[:, None]
    assert probe.k_sparse(code, labels, code, labels)[1] > 0.7


def test_a_class_that_only_one_split_has_is_not_averaged() -> None:
    without = LABELS != 2
    assert probe.k_sparse(OWN, LABELS, OWN[without], LABELS[without])[1] == 1
    found = probe.k_sparse(OWN[without], LABELS[without], OWN, LABELS)[1]
    assert found == pytest.approx((1 + 0.75) / 2), "latent 1 serves both: where it is off, class 2 is taken for class 0"
    only = LABELS == 2
    assert np.isnan(probe.k_sparse(OWN, LABELS, OWN[only], LABELS[only])[1]), "there is nothing to distinguish"


@pytest.mark.parametrize("labels", [np.zeros(202, np.int64), np.arange(202) // 2], ids=["one class", "101 classes"])
def test_labels_that_no_probe_takes_are_refused(labels: Any) -> None:
    rows = np.random.default_rng(0).random((202, 2))
    for ask in (probe.accuracy, probe.k_sparse):
        with pytest.raises(errors.UnsuitableLabels, match=r"2 to 100 classes.* 202 training rows"):
            ask(rows, labels, rows, labels)


def test_a_regression_that_has_not_converged_warns_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "MAX_ITERATIONS", 1)
    probe.accuracy(OWN, LABELS, OWN, LABELS)


@pytest.mark.parametrize(("rows", "width"), [(50, 6), (5, 9)])
def test_principal_components_are_those_of_the_singular_vectors(rows: int, width: int) -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(3, 2, (rows, width)), rng.normal(3, 2, (7, width))
    most = min(4, rows, width)
    found_train, found_test = probe.principal_components(train, test, 4)
    directions = np.linalg.svd(train - train.mean(0), full_matrices=False)[2][:most]
    for found, given in ((found_train, train), (found_test, test)):
        np.testing.assert_allclose(np.abs(found), np.abs((given - train.mean(0)) @ directions.T), atol=1e-9)


def test_there_are_never_more_components_than_rows_or_columns() -> None:
    rng = np.random.default_rng(0)
    for rows, width, expected in ((50, 6, 6), (5, 9, 4)):
        train, test = probe.principal_components(rng.random((rows, width)), rng.random((3, width)), 100)
        assert (train.shape, test.shape) == ((rows, expected), (3, expected))


def test_whoever_needs_no_probe_does_not_load_scikit_learn() -> None:
    code = "import sys; import service.app; print(sorted({'sklearn', 'scipy.optimize'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
