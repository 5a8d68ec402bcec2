"""The sparsity statistics on codes worked out by hand, and their independence from how rows arrive."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sparse_coding.analysis import sparsity
from sparse_coding.data import sampling
from sparse_coding.data.datasets import Dataset
from sparse_coding.models.weights import TrainedModel

HAND = np.array([[0.0, 0.2, 0.1], [0.0, 0.9, 0.0], [0.0, 0.05, 0.0], [0.0, 1.0, 0.3]], np.float32)
NOBODY = np.array([], np.int64)


def test_every_statistic_by_hand() -> None:
    report = sparsity.measure(HAND, np.array([0]), 0.1).document()
    assert report["num_samples"] == 4
    assert report["threshold"] == 0.1
    assert report["population_sparsity"]["mean"] == pytest.approx((1 + 1 + 0 + 2) / 12)
    assert report["lifetime_sparsity"]["per_latent"] == [0, 0.75, 0.25]
    assert report["lifetime_sparsity"]["mean"] == pytest.approx(1 / 3)
    assert report["inactive_latents"] == {"count": 1, "indices": [0]}
    assert report["dead_latents"] == {"count": 1, "indices": [0]}
    assert report["l0"] == {"threshold": pytest.approx(1), "nonzero": 6 / 4}


def test_histograms_have_the_bins_that_are_promised() -> None:
    report = sparsity.measure(HAND, NOBODY, 0.1).document()
    for name, values in (("population_sparsity", [1 / 3, 1 / 3, 0, 2 / 3]), ("lifetime_sparsity", [0, 0.75, 0.25])):
        histogram = report[name]["histogram"]
        np.testing.assert_allclose(histogram["edges"], np.linspace(0, 1, 51))
        expected = [0] * 50
        for value in values:
            expected[min(49, int(value * 50))] += 1
        assert histogram["counts"] == expected
    activations = report["activation_histogram"]
    np.testing.assert_allclose(activations["edges"], np.linspace(0, 1, 101))
    assert (activations["counts"][0], activations["counts"][-1], sum(activations["counts"])) == (6, 1, 12)


@example(np.array([[0, 1e-45]], np.float32))
@example(np.nextafter(np.array([[0.5, 0.5]], np.float32), np.array([[0, 1]], np.float32)))
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 20), st.integers(1, 9)), elements=st.floats(0, 4, width=32)))
def test_shares_and_counts_are_consistent_for_any_codes(codes: np.ndarray) -> None:
    report = sparsity.measure(codes, NOBODY, 0.1).document()
    assert report["population_sparsity"]["mean"] == pytest.approx(report["lifetime_sparsity"]["mean"])
    assert sum(report["population_sparsity"]["histogram"]["counts"]) == len(codes)
    assert sum(report["lifetime_sparsity"]["histogram"]["counts"]) == codes.shape[1]
    assert sum(report["activation_histogram"]["counts"]) == codes.size
    assert len(report["activation_histogram"]["edges"]) == 101
    assert report["l0"]["threshold"] <= report["l0"]["nonzero"]


def test_a_model_is_analysed_as_its_codes_say(trained: TrainedModel, digits: Dataset) -> None:
    rows = digits.split("train").rows
    codes = trained.encode(trained.prepare(rows))
    report = sparsity.analyse(trained, rows, threshold=0.05).document()
    assert report["num_samples"] == 1000
    active = codes[:1000] > 0.05
    np.testing.assert_allclose(report["lifetime_sparsity"]["per_latent"], active.mean(0))
    assert report["population_sparsity"]["mean"] == pytest.approx(active.mean())


@pytest.mark.parametrize(("asked", "used"), [(1, 1), (1024, 1024), (1025, 1025), (5000, 1437)])
def test_the_number_of_rows_used_is_reported(trained: TrainedModel, digits: Dataset, asked: int, used: int) -> None:
    rows = digits.split("train").rows
    report = sparsity.analyse(trained, rows, chosen=sampling.first(len(rows), asked))
    assert report.num_samples == used
    assert len(report.population) == used


def test_a_latent_is_dead_only_if_the_whole_split_leaves_it_silent(trained: TrainedModel, digits: Dataset) -> None:
    rows = digits.split("train").rows
    codes = sparsity.encode_all(trained, rows)
    threshold = float(np.median(codes.max(0)))
    report = sparsity.analyse(trained, rows, threshold=threshold, chosen=sampling.first(len(rows), 1))
    assert report.dead.tolist() == np.flatnonzero(codes.max(0) <= threshold).tolist()
    assert 0 < len(report.dead) < len(report.inactive)


def arrivals(rows: np.ndarray) -> dict[str, Any]:
    padded = np.zeros((len(rows), 2, *rows.shape[1:]), np.uint8)
    padded[:, 1] = rows
    forms = {"mapped": rows, "copied": rows.copy(), "strided": padded[:, 1]}
    return forms | {"in Fortran's order": np.asfortranarray(rows)}


def test_statistics_do_not_depend_on_how_rows_arrive(trained: TrainedModel, digits: Dataset) -> None:
    rows = digits.split("test").rows
    documents = [sparsity.analyse(trained, form).document() for form in arrivals(rows).values()]
    assert all(document == documents[0] for document in documents)


def test_codes_of_a_prefix_are_the_prefix_of_the_codes_to_the_last_bit(trained: TrainedModel, digits: Dataset) -> None:
    rows = digits.split("train").rows
    whole = sparsity.encode_all(trained, rows)
    assert whole.shape == (1437, 12)
    for count in (1, 500, 1100):
        np.testing.assert_array_equal(sparsity.encode_all(trained, rows[:count]), whole[:count])
