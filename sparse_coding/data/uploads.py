"""Import of files that a client sent into one dataset file: detection of format, part and split.

Formats are detected by their first bytes, never by what a name or a media type claims; only IDX files, which do not say
what they hold, are distinguished by MNIST's file names. It does not know who sent them nor where the result is kept.
"""

import math
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Float64, Int64

from sparse_coding import errors
from sparse_coding.data import datasets, untrusted, variation

PARTS: Final = ("train_images", "train_vectors", "train_labels", "test_images", "test_vectors", "test_labels")
"""What the arrays of an .npz or safetensors file may be called."""

MEANS: Final = "means"
"""What the columns of vectors were centred by, in a dataset file that this service wrote."""

MIN_SIDE: Final = 2
MAX_SIDE: Final = 512
"""Height and width of an image; the largest is also the largest `image_size` of a spec."""
MAX_WIDTH: Final = 65_536
"""Values of a vector; as wide as a layer may be."""
MAX_CLASSES: Final = 1000
MAX_CLASS_NAME: Final = 200
"""Characters of a class's name."""
SUMMED: Final = 256
"""Roundings that a sum of many terms may differ by: a column of such sums that ought to be equal does not vary."""
SMALLEST: Final = float(np.finfo(np.float32).tiny)
"""The smallest positive float32 in full precision."""
MAX_NAMED: Final = 10
"""Columns that a message names."""

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
    means: Float64[np.ndarray, " d"] | None = None
    """Subtracted in float64, before the cast."""

    @property
    def shape(self) -> tuple[int, ...]:
        rows = len(self.source) if self.indices is None else len(self.indices)
        return (rows, *self.source.shape[1:])

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        piece = self.exact(rows)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite, and refused when written
            return (piece if self.means is None else piece - self.means).astype(self.dtype, copy=False)

    def exact(self, rows: slice) -> np.ndarray:
        """The values of the file, in its own precision."""
        return untrusted.as_float32(self.source[rows if self.indices is None else self.indices[rows]])

    def pieces(self) -> Iterator[slice]:
        """All rows, in slices of a few MiB."""
        step = max(1, datasets.CHUNK_BYTES // (8 * math.prod(self.shape[1:])))
        return (slice(start, start + step) for start in range(0, self.shape[0], step))


def import_files(
    files: Sequence[UploadedFile],
    target: Path,
    *,
    test_fraction: float = 0.2,
    seed: int = 42,
    center: bool = False,
    max_bytes: int,
) -> datasets.Dataset:
    """Write the dataset that `files` make up to `target`, whole or not at all, and open it.

    Taken are IDX files under MNIST's names, or one .npz, safetensors or .npy file. Without a test split, a share
    `test_fraction` (between 0 and 1, at least one row on either side) of the rows, drawn with `seed`, becomes one;
    rows keep their order. Labels become class indices; the classes are their distinct values in ascending order.
    With `center`, the mean of each column of vectors over the training rows is subtracted in float64 before rows become
    float32, and becomes part of the dataset. `max_bytes` bounds the files, what they unpack to, and the rows that are
    written.

    Raises the errors below `InvalidFile`, among them `PrecisionLost` for a column that varies in the file and not as
    float32; and `UnsupportedDtype`, `NotFinite`, `EmptyInput`.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="import-") as folder:
        arrays = _read(files, Path(folder), max_bytes)
        means = arrays.pop(MEANS, None)
        rows, labels = _splits(arrays)
        if "test" not in rows:
            rows, labels = _divided(rows["train"], labels.get("train"), test_fraction, seed)
        _check_size(rows, max_bytes)
        rows = _centred(rows) if center and means is None else rows
        _check_precision(rows)
        classes, indices = _classes(labels)
        datasets.write(
            target,
            train=rows["train"],
            test=rows["test"],
            train_labels=indices.get("train"),
            test_labels=indices.get("test"),
            classes=classes,
            means=rows["train"].means if means is None else _checked_means(means, rows["train"]),
        )
    return datasets.open(target)


def _read(files: Sequence[UploadedFile], folder: Path, max_bytes: int) -> dict[str, np.ndarray]:
    """The arrays in the files, by the name of their part."""
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
        return {name: _named(name, member, max_bytes) for name, member in members.items()}
    if form == "npy":
        array = untrusted.read_npy(path, max_elements=max_bytes)
        return {"train_vectors" if array.ndim == 2 else "train_images": array}
    arrays = untrusted.read_safetensors(path, bfloat16=True)
    if not arrays.keys() <= {*PARTS, MEANS}:
        raise errors.UnsupportedFormat(f"The tensors of the file must be among {', '.join(PARTS)}.")
    return arrays


def _named(name: str, member: Path, max_elements: int) -> np.ndarray:
    """The array of an .npz file; an error names it."""
    try:
        return untrusted.read_npy(member, max_elements=max_elements, text=name.endswith("labels"))
    except errors.UnsupportedDtype as error:
        raise errors.UnsupportedDtype(f"{name}: {error}") from error


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
    rows = {part.removesuffix(f"_{kind}"): rows_of(part, arrays[part]) for part in arrays if part.endswith(kind)}
    labels = {part.removesuffix("_labels"): arrays[part] for part in arrays if part.endswith("labels")}
    if len(rows) + len(labels) < len(arrays) or not labels.keys() <= rows.keys():
        raise errors.InconsistentDataset(
            "Both splits must be images or both vectors, and labels need the rows of their split."
        )
    return rows, {split: _labels(split, values, rows[split].shape[0]) for split, values in labels.items()}


def _images(name: str, array: np.ndarray) -> _Rows:
    """Channels first: [n, h, w], [n, h, w, c] and [n, c, h, w] become views of shape [n, c, h, w]."""
    if array.dtype != np.uint8:
        raise errors.UnsupportedDtype(
            f"{name} must be uint8, the pixels of images from 0 to 255; got {_type_name(array)}. Other numbers are "
            "vectors: floats of shape [rows, n]."
        )
    if array.ndim == 3:
        array = array[:, np.newaxis]
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array = np.moveaxis(array, 3, 1)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or not all(MIN_SIDE <= n <= MAX_SIDE for n in array.shape[2:]):
        raise errors.UnsupportedFormat(
            f"{name} must have the shape [rows, height, width] or [rows, height, width, 3], with sides of "
            f"{MIN_SIDE} to {MAX_SIDE} pixels; got {list(array.shape)}."
        )
    return _Rows(array, np.dtype(np.uint8))


def _type_name(array: np.ndarray) -> str:
    return "bfloat16" if array.dtype == untrusted.BFLOAT16 else str(array.dtype)


def _vectors(name: str, array: np.ndarray) -> _Rows:
    if array.dtype.kind != "f" and array.dtype != untrusted.BFLOAT16:
        raise errors.UnsupportedDtype(
            f"{name} must be floats; got {_type_name(array)}. Send vectors as float32 or float64; "
            "images, as uint8, have the shape [rows, height, width]."
        )
    if array.ndim != 2 or array.shape[1] > MAX_WIDTH:
        raise errors.UnsupportedFormat(
            f"{name} must have the shape [rows, n] with n of at most {MAX_WIDTH}; got {list(array.shape)}."
        )
    return _Rows(array, np.dtype(np.float32))


def _labels(split: str, labels: np.ndarray, rows: int) -> np.ndarray:
    """Labels of shape [rows], integers or texts; a column of them is one too."""
    if labels.dtype.kind not in "iuUS":
        raise errors.UnsupportedDtype(
            f"{split}_labels must be integers or texts; got {_type_name(labels)}. "
            "Send class indices, as integers, or names."
        )
    if labels.shape not in ((rows,), (rows, 1)):
        raise errors.InconsistentDataset(
            f"There must be one label for each of the {rows} rows of {split}; got labels of shape {list(labels.shape)}."
        )
    return labels.reshape(rows)


def _centred(rows: Mapping[str, _Rows]) -> dict[str, _Rows]:
    """Rows with the mean of each column over the training rows subtracted."""
    train = rows["train"]
    if len(train.shape) != 2:
        raise errors.InconsistentDataset("Only vectors are centred; images stay in [0, 255]. Send them without center.")
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused when it is written
        sums = [train.exact(piece).sum(axis=0, dtype=np.float64) for piece in train.pieces()]
        means = np.sum(sums, axis=0) / train.shape[0]
    return {split: replace(part, means=means) for split, part in rows.items()}


def _checked_means(means: np.ndarray, rows: _Rows) -> np.ndarray:
    """The means in a dataset file of ours, whose rows are centred by them already."""
    if means.dtype != np.float64 or means.shape != rows.shape[1:] or not np.isfinite(means).all():
        raise errors.InconsistentDataset(f"`{MEANS}` must be a finite float64 for each column of the vectors.")
    return means


def _check_precision(rows: Mapping[str, _Rows]) -> None:
    """Raises `ValuesTooLarge` for values that no float32 has, and `PrecisionLost` where a column varies over the
    training rows, or over all rows, and would not as float32.
    """
    if rows["train"].source.dtype.itemsize <= 4:
        return
    exact, stored = _Ranges.of(rows, exact=True), _Ranges.of(rows, exact=False)
    beyond = ~np.isfinite(stored.largest) & np.isfinite(exact.largest)
    if beyond.any():
        raise errors.ValuesTooLarge(
            f"{_some_of(beyond)} hold values that are too large for float32, in which rows are stored; the largest is "
            f"{exact.largest[beyond].max():.2g}. Divide them by a constant, so that they are of the order of 1."
        )
    lost = (exact.varying & ~stored.varying).any(axis=0)
    tiny = lost & (exact.largest < SMALLEST)
    if tiny.any():
        raise errors.PrecisionLost(
            f"{_some_of(tiny)} vary in the file, but not as float32, in which rows are stored: their values are too "
            f"small; the largest is {exact.largest[tiny].max():.2g}. Multiply them by a constant, so that they are of "
            "the order of 1."
        )
    if lost.any():
        raise errors.PrecisionLost(
            f"{_some_of(lost)} vary in the file, but not as float32, in which rows are stored. "
            "Their offset is too large for their spread: upload with center=true, which "
            "subtracts the mean of each column first, or subtract one before."
        )


def _some_of(columns: np.ndarray) -> str:
    """How many of all columns these are, and the first of them."""
    found = np.flatnonzero(columns)
    more = ", ..." if len(found) > MAX_NAMED else ""
    named = ", ".join(map(str, found[:MAX_NAMED].tolist()))
    return f"{len(found)} of {len(columns)} columns ({named}{more}; counted from 0)"


@dataclass(frozen=True)
class _Ranges:
    """What the columns hold, in the precision of the file or in that of storage."""

    varying: np.ndarray
    """[2, columns]: whether a column varies by more than rounding over all rows, and over the training rows."""
    largest: np.ndarray
    """The largest magnitude of each column."""

    @classmethod
    def of(cls, rows: Mapping[str, _Rows], *, exact: bool) -> "_Ranges":
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused when it is written
            (low, high), (train_low, train_high) = _range(rows.values(), exact), _range([rows["train"]], exact)
            epsilon = float(np.finfo(low.dtype).eps) * (SUMMED if exact else 1)
            varying = variation.varies(np.array([low, train_low]), np.array([high, train_high]), epsilon)
            return cls(varying, np.maximum(np.abs(low), np.abs(high)))


def _range(parts: Iterable[_Rows], exact: bool) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest value of each column."""
    pieces = (part.exact(piece) if exact else part[piece] for part in parts for piece in part.pieces())
    ranges = [(piece.min(axis=0), piece.max(axis=0)) for piece in pieces]
    return np.min([low for low, _ in ranges], axis=0), np.max([high for _, high in ranges], axis=0)


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


def _texts(labels: np.ndarray) -> np.ndarray:
    """Labels with texts as Python's own, which sort by character. Raises `InconsistentDataset` for unusable ones."""
    if labels.dtype.kind not in "US":
        return labels
    try:
        decoded = labels if labels.dtype.kind == "U" else np.char.decode(labels, "utf-8")
        names = np.array(decoded.tolist(), dtype=object)
        usable = all(name.isprintable() and 0 < len(name) <= MAX_CLASS_NAME for name in set(names.tolist()))
    except ValueError:  # bytes that are no UTF-8, or numbers that are no characters
        usable = False
    if not usable:
        raise errors.InconsistentDataset(
            f"The names of classes are texts of 1 to {MAX_CLASS_NAME} printable characters, bytes being UTF-8."
        )
    return names


def _classes(labels: Mapping[str, np.ndarray]) -> tuple[list[str] | None, dict[str, np.ndarray]]:
    """Names of the distinct values in ascending order, and the labels as int64 indices into them."""
    if not labels:
        return None, {}
    found = {split: np.unique(_texts(values), return_inverse=True) for split, values in labels.items()}
    distinct = {value for values, _ in found.values() for value in values[: MAX_CLASSES + 1].tolist()}
    if len({type(name) for name in distinct}) > 1:
        raise errors.InconsistentDataset("The labels of one split are texts and those of the other integers.")
    names = sorted(distinct)
    if len(names) > MAX_CLASSES:
        raise errors.InconsistentDataset(f"Labels may have at most {MAX_CLASSES} distinct values; there are more.")
    index = {name: number for number, name in enumerate(names)}
    return [str(name) for name in names], {
        split: np.array([index[value] for value in values.tolist()], dtype=np.int64)[inverse]
        for split, (values, inverse) in found.items()
    }
