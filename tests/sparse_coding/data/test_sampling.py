"""Drawn rows: the same for a seed, in the classes' proportions, and one rule for all that measure training rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparse_coding.data import datasets, sampling
from sparse_coding.data.datasets import Dataset
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import TrainSpec
from testing.core_library import Ask


def test_sorted_classes_are_drawn_in_their_proportions() -> None:
    labels = np.repeat(np.arange(10), [1400] * 8 + [2600, 200])
    drawn = sampling.draw(14_000, 10_000, labels)
    assert drawn.rule == "stratified"
    counts = np.bincount(labels[drawn.indices], minlength=10)
    assert np.abs(counts - np.bincount(labels) * 10 / 14).max() <= 1
    assert (np.diff(drawn.indices) > 0).all()


def test_every_class_is_there_once_the_sample_is_as_large_as_the_classes() -> None:
    labels = np.repeat(np.arange(5), [1000, 1, 1, 1, 1])
    assert set(labels[sampling.draw(1004, 5, labels).indices]) == {0, 1, 2, 3, 4}


def test_a_draw_is_that_of_its_seed_and_a_part_of_larger_draws() -> None:
    labels = np.arange(500) % 3
    for known in (None, labels):
        small, large = (sampling.draw(500, most, known).indices for most in (50, 200))
        assert set(small) <= set(large)
        np.testing.assert_array_equal(small, sampling.draw(500, 50, known).indices)
        assert small.tolist() != sampling.draw(500, 50, known, seed=1).indices.tolist()
    assert sampling.draw(500, 50).rule == "random"


def test_a_whole_split_is_taken_in_its_order() -> None:
    for sample in (sampling.draw(5, 9), sampling.draw(5, 5, np.arange(5)), sampling.first(5, 7)):
        assert (sample.indices.tolist(), sample.rule) == ([0, 1, 2, 3, 4], "all")
    assert (sampling.first(5, 2).indices.tolist(), sampling.first(5, 2).rule) == ([0, 1], "first")


@pytest.fixture(scope="module")
def by_class(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """100 rows sorted by class, ten of each."""
    path: Path = tmp_path_factory.mktemp("sorted") / "rows"
    rows, labels = np.arange(100, dtype=np.float32)[:, None], np.repeat(np.arange(10), 10)
    datasets.write(path, train=rows, test=rows, train_labels=labels, test_labels=labels)
    return datasets.open(path)


def choice(**changes: Any) -> Any:
    return run_specs.parse({"dataset": {"name": "mine", **changes}}).dataset


def test_the_validation_slice_is_drawn_from_every_class(by_class: Dataset) -> None:
    asked = choice(validation_fraction=0.2, train_limit=80)
    learned, kept = sampling.learned(asked, by_class), sampling.validation(asked, by_class)
    assert sorted([*learned, *kept]) == list(range(80))
    labels = by_class.split("train").labels
    assert labels is not None
    assert np.bincount(labels[kept]).tolist() == [2] * 8


def test_the_validation_slice_follows_from_the_training_seed_unless_one_is_given(by_class: Dataset) -> None:
    def kept(**parts: Any) -> list[int]:
        dataset = {"name": "mine", "validation_fraction": 0.2, **parts.pop("dataset", {})}
        asked = run_specs.parse({"dataset": dataset, **parts})
        assert isinstance(asked, TrainSpec)
        return [int(row) for row in sampling.validation(asked.dataset, by_class)]

    assert kept() == kept(training={"seed": 42}) != kept(training={"seed": 43})
    assert kept(training={"seed": 43}) == kept(training={"seed": 7}, dataset={"validation_seed": 43})


def test_all_members_of_a_sweep_keep_the_same_rows(by_class: Dataset) -> None:
    asked = run_specs.parse(
        {"kind": "sweep", "base": {"dataset": {"name": "mine"}}, "grid": {"training.seed": [1, 2, 3]}}
    )
    assert isinstance(asked, SweepSpec)
    kept = {tuple(sampling.validation(member.spec.dataset, by_class)) for member in asked.expanded()}
    assert len(kept) == 1
    assert len(kept.pop()) == 10


def test_a_stored_spec_of_version_1_keeps_the_last_rows(by_class: Dataset) -> None:
    document = run_specs.document(run_specs.parse({"dataset": {"name": "mine", "validation_fraction": 0.1}}))
    del document["dataset"]["validation_seed"]
    old = run_specs.parse(document, 1)
    assert isinstance(old, TrainSpec)
    assert sampling.validation(old.dataset, by_class).tolist() == list(range(90, 100))
    assert run_specs.parse(run_specs.document(old)) == old
    swept = run_specs.document(
        run_specs.parse({"kind": "sweep", "base": document, "grid": {"sparsity.weight": [0.1, 1]}}, 1)
    )
    assert swept["base"]["dataset"]["validation_seed"] is None


def test_rows_of_a_split_are_all_of_them_or_drawn(by_class: Dataset) -> None:
    assert sampling.of_split(by_class.split("test"), 100).rule == "all"
    assert sampling.of_split(by_class.split("test"), 99).rule == "stratified"


def test_figures_of_training_rows_leave_the_validation_slice_out(by_class: Dataset, ask: Ask) -> None:
    asked = ask(dataset={"validation_fraction": 0.3}).dataset
    sample = sampling.of_learned(asked, by_class, 20)
    assert len(sample.indices) == 20
    assert set(sample.indices) <= set(sampling.learned(asked, by_class))
