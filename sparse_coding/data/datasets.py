"""A dataset as one safetensors file: images or vectors in two splits, with labels if there are any.

Equal datasets give equal bytes; an opened file is mapped, not read. It does not know where a dataset came from, nor how
its rows are prepared for a network.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from sparse_coding import errors
from sparse_coding.data import untrusted
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.feasibility import DatasetFacts

FORMAT: Final = "sae.dataset/1"
"""Format in the metadata of a dataset file."""

CENTRED_FORMAT: Final = "sae.dataset/2"
"""Format of a centred dataset: earlier releases, which do not add its means, must not open it."""

MAX_SQUARES: Final = float(np.finfo(np.float32).max)
"""Largest sum of the squares of a row: errors are sums of squares in float32."""

CHUNK_BYTES: Final = 4 * 2**20
"""Size of the pieces in which rows are written to a file."""

_DTYPE_NAMES: Final = {"float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8"}


@runtime_checkable
class RowSource(Protocol):
    """Rows that are produced when they are sliced: an array, or a file that is converted piece by piece."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


@dataclass(frozen=True)
class Split:
    """Rows in their stored type and, if known, the class index of each."""

    rows: UInt8[np.ndarray, "n channels height width"] | Float32[np.ndarray, "n n_inputs"]
    labels: Int64[np.ndarray, " n"] | None


@dataclass(frozen=True)
class Dataset:
    """An opened dataset; its arrays are read-only and are read from the file as they are used."""

    splits: Mapping[str, Split]
    """`train` and `test`."""
    classes: tuple[str, ...] | None
    """Names of the classes that the labels index; None without labels."""
    minimum: float | None
    """Smallest value over all vectors; None for images."""
    maximum: float | None
    means: Float64[np.ndarray, " n_inputs"] | None = None
    """What was subtracted from every row before it was stored as float32; None if the dataset is not centred."""

    @property
    def kind(self) -> Literal["images", "vectors"]:
        return "images" if self.splits["train"].rows.ndim == 4 else "vectors"

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """[channels, height, width]; None for vectors."""
        if self.kind == "vectors":
            return None
        _, channels, height, width = self.splits["train"].rows.shape
        return channels, height, width

    @property
    def n_inputs(self) -> int:
        """Values of one flattened row."""
        return int(np.prod(self.splits["train"].rows.shape[1:]))

    @property
    def facts(self) -> DatasetFacts:
        """The facts that a spec is validated against."""
        train, test = (len(self.splits[name].rows) for name in ("train", "test"))
        return DatasetFacts(self.kind, self.image_shape, self.n_inputs, train, test, self.minimum, self.maximum)

    def split(self, name: str) -> Split:
        """The split of that name; raises `UnknownSplit`."""
        if name not in self.splits:
            raise errors.UnknownSplit("A dataset has the splits train and test; another one was requested.")
        return self.splits[name]

    def take(self, split: str, indices: Sequence[int]) -> Split:
        """Copies of the rows at `indices`, in that order; raises `UnknownSplit` and `IndexOutOfRange`."""
        source = self.split(split)
        count = len(source.rows)
        if not all(0 <= index < count for index in indices):
            raise errors.IndexOutOfRange(f"The {split} split has {count} rows: indices run from 0 to {count - 1}.")
        chosen = np.asarray(indices, dtype=np.int64)
        return Split(source.rows[chosen], None if source.labels is None else source.labels[chosen])


def write(
    path: Path,
    *,
    train: RowSource,
    test: RowSource,
    train_labels: Int64[np.ndarray, " n_train"] | None = None,
    test_labels: Int64[np.ndarray, " n_test"] | None = None,
    classes: Sequence[str] | None = None,
    means: Float64[np.ndarray, " n_inputs"] | None = None,
) -> None:
    """Write the dataset file at `path` atomically.

    Rows are uint8 [n, channels, height, width] or finite float32 [n, n_inputs]. They are read in slices, so that they
    need not fit into memory. Labels index `classes`, whose default is "0", "1" and so on. `means` are the column means
    that have been subtracted from the rows of vectors.
    Raises `InconsistentDataset`, `UnsupportedDtype`, `EmptyInput`, `NotFinite`, `ValuesTooLarge`.
    """
    what = _kind_of(train, test)
    labels = {"train": train_labels, "test": test_labels}
    names = _class_names(labels, {"train": train.shape[0], "test": test.shape[0]}, classes)
    minimum, maximum = (None, None) if what == "images" else _range_of(train, test)
    tensors: dict[str, RowSource] = {f"train_{what}": train, f"test_{what}": test}
    tensors |= {f"{split}_labels": values for split, values in labels.items() if values is not None}
    if means is not None:
        tensors["means"] = means
    facts = {
        "format": FORMAT if means is None else CENTRED_FORMAT,
        "classes": names,
        "minimum": minimum,
        "maximum": maximum,
    }
    _write_tensors(path, tensors, run_specs.canonical_json(facts))


def open(path: Path) -> Dataset:  # noqa: A001 - read as `datasets.open`
    """Map a dataset file without reading its rows. Raises `UnreadableFile` for any other file."""
    tensors, metadata = untrusted.open_safetensors(path)
    facts = _facts_in(metadata)
    kind = "images" if "train_images" in tensors else "vectors"
    if not {f"train_{kind}", f"test_{kind}"} <= tensors.keys():
        raise errors.UnreadableFile("A dataset file has a train and a test split; one is missing.")
    splits = {name: Split(tensors[f"{name}_{kind}"], tensors.get(f"{name}_labels")) for name in ("train", "test")}
    names = facts["classes"]
    classes = None if names is None else tuple(names)
    means = tensors.get("means")
    if (means is not None) != (facts["format"] == CENTRED_FORMAT):
        raise errors.UnreadableFile("A dataset file has means if, and only if, its format says so.")
    return Dataset(MappingProxyType(splits), classes, facts["minimum"], facts["maximum"], means)


def _facts_in(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        facts = json.loads(metadata.get("sae", ""))
        known = facts["format"] in (FORMAT, CENTRED_FORMAT) and facts.keys() == {
            "format",
            "classes",
            "minimum",
            "maximum",
        }
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise errors.UnreadableFile(f"This is not a dataset file of the format {FORMAT}.")
    return dict(facts)


def _kind_of(train: RowSource, test: RowSource) -> Literal["images", "vectors"]:
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        raise errors.InconsistentDataset(
            f"Rows of both splits must have the same type and shape: train has {train.dtype} {list(train.shape[1:])}, "
            f"test has {test.dtype} {list(test.shape[1:])}."
        )
    kinds: dict[tuple[str, int], Literal["images", "vectors"]] = {("uint8", 4): "images", ("float32", 2): "vectors"}
    what = kinds.get((train.dtype.name, len(train.shape)))
    if what is None:
        raise errors.UnsupportedDtype(
            "Images are uint8 [rows, channels, height, width] and vectors float32 [rows, n]; "
            f"got {train.dtype} with {len(train.shape)} dimensions."
        )
    if 0 in train.shape or 0 in test.shape:
        raise errors.EmptyInput("Both splits need at least one row, and a row at least one value.")
    return what


def _class_names(
    labels: Mapping[str, np.ndarray | None], rows: Mapping[str, int], classes: Sequence[str] | None
) -> list[str] | None:
    present = {split: values for split, values in labels.items() if values is not None}
    if not present:
        return None
    for split, values in present.items():
        if values.shape != (rows[split],):
            raise errors.InconsistentDataset(
                f"The {split} split has {rows[split]} rows, but labels of shape {list(values.shape)}."
            )
    highest = max(int(values.max()) for values in present.values())
    names = [str(index) for index in range(highest + 1)] if classes is None else list(classes)
    if highest >= len(names) or min(int(values.min()) for values in present.values()) < 0:
        raise errors.InconsistentDataset(f"Labels must lie between 0 and {len(names) - 1}, one for each class.")
    return names


def _range_of(*sources: RowSource) -> tuple[float, float]:
    lowest, highest = np.inf, -np.inf
    for piece in (piece for source in sources for piece in _pieces(source)):
        low, high = float(piece.min()), float(piece.max())
        if not np.isfinite(low) or not np.isfinite(high):  # a NaN or an infinity appears in one of them
            raise errors.NotFinite("Every value must be a finite float32; got a NaN or an infinity.")
        largest = max(-low, high)
        if largest**2 * piece.shape[1] > MAX_SQUARES:  # otherwise no row can be too large
            _check_squares(piece)
        lowest, highest = min(lowest, low), max(highest, high)
    return lowest, highest


def _check_squares(rows: np.ndarray) -> None:
    squares = np.square(rows.astype(np.float64)).sum(axis=1)
    if squares.max() > MAX_SQUARES:
        largest = np.abs(rows[squares.argmax()]).max()
        raise errors.ValuesTooLarge(
            f"The squares of a row must add up to less than {MAX_SQUARES:.2g}, the largest float32; got a row with a "
            f"value of magnitude {largest:.2g}. Divide its columns by a constant, so that they are of the order of 1."
        )


def _pieces(source: RowSource) -> Iterator[np.ndarray]:
    row_bytes = int(np.prod(source.shape[1:])) * source.dtype.itemsize
    step = max(1, CHUNK_BYTES // row_bytes)
    for start in range(0, source.shape[0], step):
        yield np.ascontiguousarray(source[start : start + step])


def _write_tensors(path: Path, tensors: Mapping[str, RowSource], metadata: str) -> None:
    """Write the bytes that the safetensors library would write (wider types first, then by name).

    Written here, because the library needs all tensors in memory at once.
    """
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {"__metadata__": {"sae": metadata}}
    end = 0
    for name in order:
        source = tensors[name]
        begin, end = end, end + int(np.prod(source.shape)) * source.dtype.itemsize
        header[name] = {
            "dtype": _DTYPE_NAMES[source.dtype.name],
            "shape": list(source.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for piece in (piece for name in order for piece in _pieces(tensors[name])):
                file.write(piece.data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
