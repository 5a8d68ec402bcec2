"""Uploads that float32 cannot hold, or whose labels and types need a word: what is taken, what is refused and why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparse_coding import errors
from sparse_coding.data import datasets, uploads

SECONDS = 1.7e9 + np.arange(0, 60, 3.0)
"""Times within a minute: float32 has one value for all of them."""
ROWS = np.stack([SECONDS, np.linspace(-1, 1, 20)], axis=1)

Take = Callable[..., datasets.Dataset]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Uploads these arrays as an .npz file."""

    def send(options: dict[str, Any] | None = None, **arrays: np.ndarray) -> datasets.Dataset:
        np.savez(tmp_path / "sent.npz", **arrays)
        return file(tmp_path / "sent.npz", tmp_path / "dataset", **(options or {}))

    return send


def file(path: Path, target: Path, **options: Any) -> datasets.Dataset:
    return uploads.import_files([uploads.UploadedFile("", None, path)], target, max_bytes=2**30, **options)


def test_a_column_that_float32_would_destroy_is_named(take: Take) -> None:
    assert len(set(SECONDS.astype(np.float32).tolist())) == 1
    with pytest.raises(errors.PrecisionLost, match=r"1 of 2 columns \(0; counted from 0\).*center=true"):
        take(train_vectors=ROWS)


def test_center_subtracts_the_mean_in_float64_and_keeps_it(take: Take) -> None:
    dataset = take({"center": True, "seed": 1}, train_vectors=ROWS, test_vectors=ROWS[:3])
    assert dataset.means is not None
    np.testing.assert_array_equal(dataset.means, ROWS.mean(0))
    np.testing.assert_array_equal(dataset.split("train").rows, (ROWS - ROWS.mean(0)).astype(np.float32))
    np.testing.assert_allclose(dataset.split("test").rows + dataset.means, ROWS[:3], rtol=0, atol=1e-5)


def test_the_means_are_those_of_the_training_rows(take: Take) -> None:
    dataset = take({"center": True}, train_vectors=ROWS)
    assert dataset.means is not None
    assert len(dataset.split("train").rows) == 16
    np.testing.assert_allclose(dataset.split("train").rows.mean(0, dtype=np.float64), 0, atol=1e-6)


def test_a_centred_dataset_file_can_be_uploaded_again(take: Take, tmp_path: Path) -> None:
    take({"center": True}, train_vectors=ROWS)
    again = file(tmp_path / "dataset", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "dataset").read_bytes()
    assert again.means is not None


def test_datasets_that_are_not_centred_are_written_as_before(take: Take, tmp_path: Path) -> None:
    take(train_vectors=ROWS[:, 1:])
    content = (tmp_path / "dataset").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert sorted(header) == ["__metadata__", "test_vectors", "train_vectors"]
    assert json.loads(header["__metadata__"]["sae"])["format"] == "sae.dataset/1"


@pytest.mark.parametrize(
    "column",
    [np.full(20, 1.7e9), 1 + np.arange(20) % 2 * 1e-14, np.linspace(1e6, 1e6 + 1, 20), np.linspace(0, 1e-30, 20)],
    ids=["constant", "sums that ought to be equal", "far but spread", "tiny"],
)
def test_a_column_that_float32_holds_as_well_is_taken(take: Take, column: np.ndarray) -> None:
    assert take(train_vectors=column[:, None]).means is None


def test_images_are_not_centred(take: Take) -> None:
    with pytest.raises(errors.InconsistentDataset, match="without center"):
        take({"center": True}, train_images=np.zeros((4, 3, 3), np.uint8))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("value", "taken"), [(3e38, False), (1e20, False), (1.2e19, True)])
def test_rows_whose_squares_leave_float32_are_refused(take: Take, dtype: Any, value: float, taken: bool) -> None:
    rows = np.array([[0, 1], [value, value], [1, 2]], dtype)
    with np.errstate(over="ignore"):
        assert bool(np.isfinite(np.square(rows.astype(np.float32)).sum(1)).all()) == taken
    if taken:
        assert take(train_vectors=rows).maximum == np.float32(value)
    else:
        with pytest.raises(errors.ValuesTooLarge, match="Divide its columns"):
            take(train_vectors=rows)


def test_bfloat16_vectors_are_their_float32_values(tmp_path: Path) -> None:
    upper = np.array([[0x3F80, 0xC040], [0x3F00, 0x0000], [0x4120, 0x3EAB]], "<u2")
    header = {"train_vectors": {"dtype": "BF16", "shape": [3, 2], "data_offsets": [0, 12]}}
    text = json.dumps(header).encode()
    (tmp_path / "sent").write_bytes(len(text).to_bytes(8, "little") + text + upper.tobytes())
    dataset = file(tmp_path / "sent", tmp_path / "dataset")
    found = np.concatenate([dataset.split(name).rows for name in ("train", "test")])
    assert {tuple(row) for row in found.tolist()} == {(1.0, -3.0), (0.5, 0.0), (10.0, 0.333984375)}


@pytest.mark.parametrize("names", [["cat", "ape", "dog", "ape"], [b"cat", b"ape", b"dog", b"ape"]])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_texts_are_classes_by_sorted_name(take: Take, names: list[Any], shape: tuple[int, ...]) -> None:
    rows = np.arange(8.0).reshape(4, 2)
    dataset = take(train_vectors=rows, train_labels=np.array(names).reshape(shape), test_vectors=rows[:1])
    assert dataset.classes == ("ape", "cat", "dog")
    assert dataset.split("train").labels is not None
    assert dataset.split("train").labels.tolist() == [1, 0, 2, 0]


def test_a_column_of_integers_is_labels(take: Take) -> None:
    dataset = take(
        train_vectors=np.arange(6.0).reshape(3, 2), train_labels=np.array([[7], [3], [7]]), test_vectors=ROWS[:1] * 0
    )
    assert dataset.classes == ("3", "7")


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"train_labels": np.array([True, False, True])}, errors.UnsupportedDtype, r"train_labels: .*uint8"),
        ({"train_images": np.ones((3, 4, 4), bool)}, errors.UnsupportedDtype, r"train_images: .*uint8"),
        ({"train_vectors": np.array([["a"], ["b"], ["c"]])}, errors.UnsupportedDtype, "train_vectors: .*only labels"),
        ({"train_labels": np.array([1, 2, 3], "M8[s]")}, errors.UnsupportedDtype, "train_labels: .*float64"),
        ({"train_labels": np.array([0.5, 1, 2])}, errors.UnsupportedDtype, "train_labels must be integers or texts"),
        ({"train_labels": np.array(["", "b", "c"])}, errors.InconsistentDataset, "printable"),
        ({"train_labels": np.array(["a\n", "b", "c"])}, errors.InconsistentDataset, "printable"),
        ({"train_labels": np.array([b"\xff", b"b", b"c"])}, errors.InconsistentDataset, "printable"),
        ({"train_labels": np.array(["\ud800", "b", "c"])}, errors.InconsistentDataset, "printable"),
        ({"train_labels": np.array(["x" * 201, "b", "c"])}, errors.InconsistentDataset, "200"),
        (
            {"train_labels": np.array(["a", "b", "c"]), "test_vectors": ROWS[:2] * 0, "test_labels": np.array([1, 2])},
            errors.InconsistentDataset,
            "texts and those of the other integers",
        ),
    ],
)
def test_what_is_refused_names_the_array_and_the_way_out(
    take: Take, arrays: dict[str, np.ndarray], error: type[errors.SparseCodingError], words: str
) -> None:
    rows = {} if "train_images" in arrays else {"train_vectors": np.arange(6.0).reshape(3, 2)}
    with pytest.raises(error, match=words):
        take(**{**rows, **arrays})
