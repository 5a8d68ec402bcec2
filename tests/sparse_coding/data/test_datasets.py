"""Dataset files: what is written comes back, equal content is equal bytes, and opening reads no rows."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparse_coding import errors
from sparse_coding.data import datasets

IMAGES = np.arange(7 * 3 * 4 * 5, dtype=np.uint8).reshape(7, 3, 4, 5)
VECTORS = np.linspace(-2, 3, 40, dtype=np.float32).reshape(8, 5)

shapes = st.one_of(
    st.tuples(st.just("uint8"), st.tuples(*[st.integers(1, 6)] * 3)),
    st.tuples(st.just("float32"), st.tuples(st.integers(1, 30))),
)


LARGEST = float(np.float32(3e18))
"""Of a row of 30 values, the squares add up to less than the largest float32; a row with more is refused."""


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """What `datasets.write` takes: any kind, any row counts, labels for both splits, one or none."""
    dtype, row = draw(shapes)
    values = st.floats(-LARGEST, LARGEST, width=32) if dtype == "float32" else None
    rows = {
        split: draw(hnp.arrays(dtype, (draw(st.integers(1, 9)), *row), elements=values)) for split in ("train", "test")
    }
    labelled = draw(st.sets(st.sampled_from(["train", "test"])))
    labels = {
        f"{split}_labels": draw(hnp.arrays(np.int64, len(rows[split]), elements=st.integers(0, 3)))
        for split in labelled
    }
    return {**rows, **labels, "classes": tuple("wxyz") if labels else None}


@settings(max_examples=60, deadline=None)
@given(content=contents())
def test_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("datasets") / "one.safetensors"
    datasets.write(path, **content)
    opened = datasets.open(path)
    for name in ("train", "test"):
        split, labels = opened.split(name), content.get(f"{name}_labels")
        np.testing.assert_array_equal(split.rows, content[name])
        assert split.rows.dtype == content[name].dtype
        assert (split.labels is None) == (labels is None)
        if labels is not None:
            np.testing.assert_array_equal(split.labels, labels)
    assert opened.classes == content["classes"]
    assert (opened.facts.train_rows, opened.facts.test_rows) == (len(content["train"]), len(content["test"]))


def test_an_image_dataset_says_its_shape(tmp_path: Path) -> None:
    datasets.write(tmp_path / "d", train=IMAGES, test=IMAGES[:2])
    opened = datasets.open(tmp_path / "d")
    assert (opened.kind, opened.image_shape, opened.n_inputs, opened.classes) == ("images", (3, 4, 5), 60, None)
    assert (opened.facts.minimum, opened.facts.maximum) == (None, None)


def test_a_vector_dataset_says_its_width_and_its_range_over_both_splits(tmp_path: Path) -> None:
    datasets.write(tmp_path / "d", train=VECTORS[2:], test=VECTORS[:2])
    opened = datasets.open(tmp_path / "d")
    assert (opened.kind, opened.image_shape, opened.n_inputs) == ("vectors", None, 5)
    assert (opened.facts.minimum, opened.facts.maximum) == (-2.0, 3.0)


def test_the_file_is_what_the_safetensors_library_would_write(tmp_path: Path) -> None:
    labels = np.arange(7) % 2
    path = tmp_path / "d"
    datasets.write(path, train=IMAGES, test=IMAGES[:3], train_labels=labels, classes=["é", "b/c"])
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    assert metadata.keys() == {"sae"}
    tensors = {"train_images": IMAGES, "test_images": IMAGES[:3].copy(), "train_labels": labels}
    assert path.read_bytes() == safetensors.numpy.save(tensors, metadata)


def test_equal_datasets_are_equal_bytes_in_every_process(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np, pathlib; from sparse_coding.data import datasets; "
        "rows = np.arange(60, dtype=np.float32).reshape(12, 5); labels = np.arange(12) % 3; "
        "datasets.write(pathlib.Path(sys.argv[1]), train=rows, test=rows[:4], train_labels=labels, "
        "test_labels=labels[:4])"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", program, str(tmp_path / seed)], check=True, env=environment)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_an_opened_dataset_cannot_be_changed(tmp_path: Path) -> None:
    datasets.write(tmp_path / "d", train=IMAGES, test=IMAGES)
    rows = datasets.open(tmp_path / "d").split("train").rows
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 0


def test_opening_a_dataset_larger_than_memory_reads_no_rows(
    tmp_path: Path, allocating_at_most: Callable[[int], AbstractContextManager[None]]
) -> None:
    path, rows = tmp_path / "sparse", 2**35 // 784
    end = rows * 784
    facts = {"format": datasets.FORMAT, "classes": None, "minimum": None, "maximum": None}
    header = {
        "__metadata__": {"sae": json.dumps(facts)},
        "test_images": {"dtype": "U8", "shape": [1, 1, 28, 28], "data_offsets": [0, 784]},
        "train_images": {"dtype": "U8", "shape": [rows, 1, 28, 28], "data_offsets": [784, 784 + end]},
    }
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + 784 + end)
    with allocating_at_most(2**20):
        taken = datasets.open(path).take("train", [rows - 1, 0])
    assert taken.rows.shape == (2, 1, 28, 28)


class Unending:
    """Images that cannot be held in memory at once, and that may break off."""

    def __init__(self, rows: int, breaks_at: int | None = None) -> None:
        self.shape, self.dtype, self.breaks_at = (rows, 1, 32, 32), np.dtype(np.uint8), breaks_at

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        if self.breaks_at is not None and rows.start >= self.breaks_at:
            raise OSError("the source broke off")
        count = len(range(*rows.indices(self.shape[0])))
        return np.full((count, 1, 32, 32), rows.start % 251, dtype=np.uint8)


def test_rows_are_written_in_pieces(
    tmp_path: Path, allocating_at_most: Callable[[int], AbstractContextManager[None]]
) -> None:
    with allocating_at_most(3 * datasets.CHUNK_BYTES):
        datasets.write(tmp_path / "d", train=Unending(100_000), test=Unending(1))
    assert datasets.open(tmp_path / "d").split("train").rows.nbytes > 20 * datasets.CHUNK_BYTES


def test_a_write_that_breaks_off_leaves_what_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "d"
    datasets.write(path, train=IMAGES, test=IMAGES)
    before = path.read_bytes()
    with pytest.raises(OSError, match="broke off"):
        datasets.write(path, train=Unending(100_000, breaks_at=50_000), test=Unending(1))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"d": before}


def test_rows_are_taken_in_the_order_of_their_indices(tmp_path: Path) -> None:
    datasets.write(tmp_path / "d", train=IMAGES, test=IMAGES, train_labels=np.arange(7))
    taken = datasets.open(tmp_path / "d").take("train", [5, 0, 5])
    np.testing.assert_array_equal(taken.rows, IMAGES[[5, 0, 5]])
    assert taken.labels is not None
    assert taken.labels.tolist() == [5, 0, 5]
    assert datasets.open(tmp_path / "d").take("test", [1]).labels is None


@pytest.mark.parametrize("index", [-1, 7, 2**62, 2**70])
def test_an_index_outside_of_the_split_is_refused(tmp_path: Path, index: int) -> None:
    datasets.write(tmp_path / "d", train=IMAGES, test=IMAGES)
    with pytest.raises(errors.IndexOutOfRange, match="0 to 6"):
        datasets.open(tmp_path / "d").take("train", [0, index])


def test_a_split_of_another_name_is_refused(tmp_path: Path) -> None:
    datasets.write(tmp_path / "d", train=IMAGES, test=IMAGES)
    with pytest.raises(errors.UnknownSplit):
        datasets.open(tmp_path / "d").split("validation")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"train": IMAGES, "test": IMAGES[:, :1]}, errors.InconsistentDataset),
        ({"train": IMAGES, "test": VECTORS}, errors.InconsistentDataset),
        ({"train": IMAGES, "test": IMAGES[:0]}, errors.EmptyInput),
        ({"train": VECTORS.astype(np.float64), "test": VECTORS.astype(np.float64)}, errors.UnsupportedDtype),
        ({"train": IMAGES[:, 0], "test": IMAGES[:, 0]}, errors.UnsupportedDtype),
        ({"train": IMAGES, "test": IMAGES, "train_labels": np.zeros(6, np.int64)}, errors.InconsistentDataset),
        ({"train": IMAGES, "test": IMAGES, "test_labels": np.full(7, -1)}, errors.InconsistentDataset),
        ({"train": IMAGES, "test": IMAGES, "test_labels": np.full(7, 2), "classes": "ab"}, errors.InconsistentDataset),
        ({"train": VECTORS, "test": np.float32([[0, 0, np.nan, 0, 0]])}, errors.NotFinite),
        ({"train": np.float32([[0, np.inf]]), "test": np.float32([[0, 0]])}, errors.NotFinite),
        ({"train": np.float32([[0, -np.inf]]), "test": np.float32([[0, 0]])}, errors.NotFinite),
    ],
)
def test_parts_that_make_no_dataset_are_refused_and_leave_no_file(
    tmp_path: Path, content: dict[str, Any], error: type[errors.SparseCodingError]
) -> None:
    with pytest.raises(error):
        datasets.write(tmp_path / "d", **content)
    assert list(tmp_path.iterdir()) == []


FACTS = {"format": datasets.FORMAT, "classes": None, "minimum": None, "maximum": None}


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"train_images": IMAGES}, {"sae": json.dumps(FACTS)}),
        ({"train_images": IMAGES, "test_images": IMAGES}, None),
        ({"train_images": IMAGES, "test_images": IMAGES}, {"sae": "{"}),
        ({"train_images": IMAGES, "test_images": IMAGES}, {"sae": "[]"}),
        ({"train_images": IMAGES, "test_images": IMAGES}, {"sae": json.dumps({**FACTS, "format": "sae.dataset/2"})}),
        ({"train_images": IMAGES, "test_images": IMAGES}, {"sae": json.dumps({"format": datasets.FORMAT})}),
    ],
)
def test_another_safetensors_file_is_not_taken_for_a_dataset(
    tmp_path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None
) -> None:
    safetensors.numpy.save_file(tensors, tmp_path / "d", metadata)
    with pytest.raises(errors.UnreadableFile):
        datasets.open(tmp_path / "d")
