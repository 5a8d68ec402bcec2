"""Files that a client sent -> one dataset file of ours: which format, which part, which split.

Formats are detected by their first bytes, never by what a name or a media type claims; only IDX files, which do not say
what they hold, are distinguished by MNIST's file names. It does not know who sent them nor where the result is kept.
"""

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Int64

from sparse_coding import errors
from sparse_coding.data import datasets, untrusted

PARTS: Final = ("train_images", "train_vectors", "train_labels", "test_images", "test_vectors", "test_labels")
"""What the arrays of an .npz or safetensors file may be called."""

MIN_SIDE: Final = 2
MAX_SIDE: Final = 512
"""Height and width of an image; the largest is also the largest `image_size` of a spec."""
MAX_WIDTH: Final = 65_536
"""Values of a vector; as wide as a layer may be."""
MAX_CLASSES: Final = 1000

_IDX_NAME: Final = re.compile(r"(train|t10k|test)-(images|labels)[.-]idx[13]-ubyte(\.gz)?", re.IGNORECASE)
_FORMATS: Final = "IDX files under MNIST's names (plain or gzip), .npz, .npy and safetensors"


@dataclass(frozen=True)
class UploadedFile:
    """One file as it came; name and media type are only what the client claims."""

    name: str
    media_type: str | None
    path: Path


@dataclass(frozen=True)
class _Rows:
    """Rows of a mapped array, chosen and cast piece by piece while the dataset is written."""

    source: np.ndarray
    dtype: np.dtype[Any]
    indices: Int64[np.ndarray, " n"] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        rows = len(self.source) if self.indices is None else len(self.indices)
        return (rows, *self.source.shape[1:])

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        piece = self.source[rows if self.indices is None else self.indices[rows]]
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite, and refused when written
            return piece.astype(self.dtype, copy=False)


def import_files(
    files: Sequence[UploadedFile],
    target: Path,
    *,
    test_fraction: float = 0.2,
    seed: int = 42,
    max_bytes: int,
) -> datasets.Dataset:
    """Write the dataset that `files` make up to `target`, whole or not at all, and open it.

    Taken are IDX files under MNIST's names, or one .npz, safetensors or .npy file. Without a test split, a share
    `test_fraction` (between 0 and 1, at least one row on either side) of the rows, drawn with `seed`, becomes one;
    rows keep their order. Labels become class indices; the classes are their distinct values in ascending order.
    `max_bytes` bounds the files, what they unpack to, and the rows that are written.

    Raises the errors below `InvalidFile`, and `UnsupportedDtype`, `NotFinite`, `EmptyInput`.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="import-") as folder:
        rows, labels = _splits(_read(files, Path(folder), max_bytes))
        if "test" not in rows:
            rows, labels = _divided(rows["train"], labels.get("train"), test_fraction, seed)
        _check_size(rows, max_bytes)
        classes, indices = _classes(labels)
        datasets.write(
            target,
            train=rows["train"],
            test=rows["test"],
            train_labels=indices.get("train"),
            test_labels=indices.get("test"),
            classes=classes,
        )
    return datasets.open(target)


def _read(files: Sequence[UploadedFile], folder: Path, max_bytes: int) -> dict[str, np.ndarray]:
    """The arrays that came, by the name of their part."""
    if not files:
        raise errors.EmptyInput(f"No file came. Taken are {_FORMATS}.")
    if sum(file.path.stat().st_size for file in files) > max_bytes:
        raise errors.TooLarge(f"The files of a dataset may have {max_bytes} bytes together.")
    plain = _unpacked(files, folder, max_bytes)
    formats = {_format_of(file.path) for file in plain}
    if formats == {"idx"}:
        return _read_idx(plain)
    if len(plain) > 1:
        raise errors.UnsupportedFormat("Only IDX files come as several; a dataset of another format is one file.")
    return _read_one(formats.pop(), plain[0].path, folder, max_bytes)


def _unpacked(files: Sequence[UploadedFile], folder: Path, max_bytes: int) -> list[UploadedFile]:
    plain, left = [], max_bytes
    for number, file in enumerate(files):
        if _starts(file.path).startswith(b"\x1f\x8b"):
            path = folder / f"{number}.unpacked"
            untrusted.gunzip(file.path, path, max_bytes=left)
            left -= path.stat().st_size
            plain.append(UploadedFile(file.name, None, path))
        else:
            plain.append(file)
    return plain


def _starts(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(9)


def _format_of(path: Path) -> Literal["npy", "npz", "idx", "safetensors"]:
    start = _starts(path)
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        return "npz"
    if start.startswith(b"\0\0") and 1 <= int.from_bytes(start[3:4], "big") <= untrusted.MAX_DIMENSIONS:
        return "idx"
    if start[8:] == b"{":
        return "safetensors"
    if start.startswith(b"\x80"):
        raise errors.UnsupportedFormat(f"Pickles are never read, because they can run code. Taken are {_FORMATS}.")
    raise errors.UnsupportedFormat(f"The file is of none of the formats that are taken: {_FORMATS}.")


def _read_one(form: str, path: Path, folder: Path, max_bytes: int) -> dict[str, np.ndarray]:
    if form == "npz":
        members = untrusted.unpack_npz(path, folder, names=PARTS, max_bytes=max_bytes)
        return {name: untrusted.read_npy(member, max_elements=max_bytes) for name, member in members.items()}
    if form == "npy":
        array = untrusted.read_npy(path, max_elements=max_bytes)
        return {"train_vectors" if array.ndim == 2 else "train_images": array}
    arrays = untrusted.read_safetensors(path)
    if not arrays.keys() <= set(PARTS):
        raise errors.UnsupportedFormat(f"The tensors of the file must be among {', '.join(PARTS)}.")
    return arrays


def _read_idx(files: Sequence[UploadedFile]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for file in files:
        array = untrusted.read_idx(file.path)
        part = _idx_part(file.name, alone=len(files) == 1)
        if part in arrays:
            raise errors.InconsistentDataset(f"Two of the files hold the {part.replace('_', ' ')}.")
        if array.ndim != (1 if part.endswith("labels") else 3):
            raise errors.InconsistentDataset(
                f"In IDX files images have 3 dimensions and labels 1; the {part.replace('_', ' ')} have {array.ndim}."
            )
        arrays[part] = array
    return arrays


def _idx_part(name: str, *, alone: bool) -> str:
    match = _IDX_NAME.fullmatch(re.split(r"[/\\]", name)[-1])
    if match:
        return f"{'train' if match[1].lower() == 'train' else 'test'}_{match[2].lower()}"
    if alone:
        return "train_images"
    raise errors.UnsupportedFormat(
        "Several IDX files must bear MNIST's names: train-images-idx3-ubyte, train-labels-idx1-ubyte, "
        "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, with or without .gz."
    )


def _splits(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, _Rows], dict[str, np.ndarray]]:
    """Rows and labels by split, checked part by part."""
    if ("train_images" in arrays) == ("train_vectors" in arrays):
        raise errors.InconsistentDataset("A dataset must hold either train_images or train_vectors.")
    kind, rows_of = ("images", _images) if "train_images" in arrays else ("vectors", _vectors)
    rows = {part.removesuffix(f"_{kind}"): rows_of(arrays[part]) for part in arrays if part.endswith(kind)}
    labels = {part.removesuffix("_labels"): arrays[part] for part in arrays if part.endswith("labels")}
    if len(rows) + len(labels) < len(arrays) or not labels.keys() <= rows.keys():
        raise errors.InconsistentDataset(
            "Both splits must be images or both vectors, and labels need the rows of their split."
        )
    for split, values in labels.items():
        _check_labels(split, values, rows[split].shape[0])
    return rows, labels


def _images(array: np.ndarray) -> _Rows:
    """Channels first: [n, h, w], [n, h, w, c] and [n, c, h, w] become views of shape [n, c, h, w]."""
    if array.dtype != np.uint8:
        raise errors.UnsupportedDtype(f"The values of images must be uint8; got {array.dtype}.")
    if array.ndim == 3:
        array = array[:, np.newaxis]
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array = np.moveaxis(array, 3, 1)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or not all(MIN_SIDE <= n <= MAX_SIDE for n in array.shape[2:]):
        raise errors.UnsupportedFormat(
            "Images must have the shape [rows, height, width] or [rows, height, width, 3], with sides of "
            f"{MIN_SIDE} to {MAX_SIDE} pixels; got {list(array.shape)}."
        )
    return _Rows(array, np.dtype(np.uint8))


def _vectors(array: np.ndarray) -> _Rows:
    if array.dtype.kind != "f":
        raise errors.UnsupportedDtype(
            f"The values of vectors must be floats; got {array.dtype}. Images have the shape [rows, height, width]."
        )
    if array.ndim != 2 or array.shape[1] > MAX_WIDTH:
        raise errors.UnsupportedFormat(
            f"Vectors must have the shape [rows, n] with n of at most {MAX_WIDTH}; got {list(array.shape)}."
        )
    return _Rows(array, np.dtype(np.float32))


def _check_labels(split: str, labels: np.ndarray, rows: int) -> None:
    if labels.dtype.kind not in "iu":
        raise errors.UnsupportedDtype(f"Labels must be integers; got {labels.dtype}.")
    if labels.shape != (rows,):
        raise errors.InconsistentDataset(
            f"There must be one label for each of the {rows} rows of {split}; got labels of shape {list(labels.shape)}."
        )


def _divided(
    rows: _Rows, labels: np.ndarray | None, test_fraction: float, seed: int
) -> tuple[dict[str, _Rows], dict[str, np.ndarray]]:
    """A test split drawn from the training rows; both keep the order of the file."""
    count = rows.shape[0]
    if not 0 < test_fraction < 1 or count < 2:
        raise errors.InconsistentDataset(
            "Without a test split, test_fraction must lie between 0 and 1 and there must be 2 rows or more; "
            f"got {test_fraction:g} and {count}."
        )
    tests = min(max(round(count * test_fraction), 1), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    chosen = {"train": np.sort(order[tests:]), "test": np.sort(order[:tests])}
    divided = {split: _Rows(rows.source, rows.dtype, indices) for split, indices in chosen.items()}
    return divided, {} if labels is None else {split: labels[indices] for split, indices in chosen.items()}


def _check_size(rows: Mapping[str, _Rows], max_bytes: int) -> None:
    stored = sum(math.prod(part.shape) * part.dtype.itemsize for part in rows.values())
    if stored > max_bytes:
        raise errors.TooLarge(f"The rows of a dataset may take {max_bytes} bytes; these take {stored} as stored here.")


def _classes(labels: Mapping[str, np.ndarray]) -> tuple[list[str] | None, dict[str, np.ndarray]]:
    """Names of the distinct values in ascending order, and the labels as int64 indices into them."""
    if not labels:
        return None, {}
    found = {split: np.unique(values, return_inverse=True) for split, values in labels.items()}
    names = sorted({value for values, _ in found.values() for value in values[: MAX_CLASSES + 1].tolist()})
    if len(names) > MAX_CLASSES:
        raise errors.InconsistentDataset(f"Labels may have at most {MAX_CLASSES} distinct values; there are more.")
    index = {name: number for number, name in enumerate(names)}
    return [str(name) for name in names], {
        split: np.array([index[value] for value in values.tolist()], dtype=np.int64)[inverse]
        for split, (values, inverse) in found.items()
    }
