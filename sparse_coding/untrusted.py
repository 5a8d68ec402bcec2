"""Strict readers of bytes that others wrote: npy, safetensors, IDX, gzip and npz.

Nothing is allocated or executed because a header says so: what is promised is compared with what is there, and then
viewed in place. It does not know what the arrays mean. `numpy.load` and pickle are never used.
"""

import json
import math
import mmap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from sparse_coding import errors

Source = bytes | bytearray | memoryview | Path
"""Bytes in memory, or a file that is mapped."""

MAX_DIMENSIONS: Final = 8
MAX_TENSORS_HEADER: Final = 2**20
"""Longest safetensors header in bytes; the format itself allows 100 MB."""

_TENSOR_DTYPES: Final = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
}


def read_safetensors(source: Source) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file by name, as read-only views. Raises as `open_safetensors`."""
    return open_safetensors(source)[0]


def open_safetensors(source: Source) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of a safetensors file, as read-only views, and its metadata.

    Raises `UnreadableFile` where header and data disagree in any byte, `UnsupportedDtype` and `EmptyInput`.
    """
    view = _view(source)
    length = int.from_bytes(view[:8], "little")
    if len(view) < 8 or length > len(view) - 8:
        raise errors.UnreadableFile(
            f"A header of {_count(length, 'byte')} was promised by a file of {_count(len(view), 'byte')}."
        )
    if length > MAX_TENSORS_HEADER:
        raise errors.UnreadableFile(f"A safetensors header may have {MAX_TENSORS_HEADER} bytes; this one is longer.")
    header = _json_object(bytes(view[8 : 8 + length]))
    metadata = _metadata(header.pop("__metadata__", {}))
    return _tensors(header, view[8 + length :]), metadata


def _view(source: Source) -> memoryview:
    if not isinstance(source, Path):
        return memoryview(source).toreadonly().cast("B")
    with source.open("rb") as file:
        if not file.seek(0, 2):
            raise errors.UnreadableFile("The file is empty.")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _json_object(text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise errors.UnreadableFile("A safetensors header must be a JSON object that starts with a brace.")
    try:
        header: dict[str, Any] = json.loads(text.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise errors.UnreadableFile("The header of the safetensors file is not valid JSON.") from error
    return header


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise errors.UnreadableFile("The metadata of a safetensors file must be texts by name.")
    return value


def _tensors(header: Mapping[str, Any], data: memoryview) -> dict[str, np.ndarray]:
    entries = sorted((_entry(name, value) for name, value in header.items()), key=lambda entry: entry[1])
    position = 0
    for _, begin, end, dtype, shape in entries:
        if begin != position or end - begin != _elements(shape) * dtype.itemsize:
            raise errors.UnreadableFile("The tensors must fill the file without gaps or overlaps, each its own shape.")
        position = end
    if position != len(data):
        raise errors.UnreadableFile(
            f"The safetensors header describes {_count(position, 'byte')}, and {len(data)} follow it."
        )
    return {name: _array(data[begin:end], dtype, shape) for name, begin, end, dtype, shape in entries}


def _entry(name: str, value: object) -> tuple[str, int, int, np.dtype[Any], tuple[int, ...]]:
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise errors.UnreadableFile("A tensor is described by its dtype, shape and data_offsets, and nothing else.")
    shape, offsets = _integers(value["shape"]), _integers(value["data_offsets"])
    if len(offsets) != 2:
        raise errors.UnreadableFile("The data_offsets of a tensor are two numbers, its begin and its end.")
    known = _TENSOR_DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if known is None:
        raise errors.UnsupportedDtype(f"A tensor must be one of {', '.join(_TENSOR_DTYPES)}; another type came.")
    return name, offsets[0], offsets[1], np.dtype(known), shape


def _integers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(number) is int and number >= 0 for number in value):
        raise errors.UnreadableFile("Shapes and offsets in a safetensors header must be lists of integers from 0.")
    return tuple(value)


def _elements(shape: tuple[int, ...]) -> int:
    """Number of values of an array that has some; Python's integers cannot overflow here."""
    if not 1 <= len(shape) <= MAX_DIMENSIONS:
        raise errors.UnreadableFile(f"An array must have 1 to {MAX_DIMENSIONS} dimensions; got {len(shape)}.")
    if min(shape) < 0:
        raise errors.UnreadableFile("The dimensions of an array must not be negative.")
    if 0 in shape:
        raise errors.EmptyInput("An array with a dimension of 0 holds no values.")
    return math.prod(shape)


def _array(data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    """A view of exactly these bytes; copied only where the machine could not read it in place."""
    return np.require(np.frombuffer(data, dtype=dtype).reshape(shape), dtype.newbyteorder("="), "A")


def _count(number: int, noun: str) -> str:
    """A number in words that stay short, however large the number is."""
    text = str(number) if number < 10**15 else "more than 10^15"
    return f"{text} {noun}" if number == 1 else f"{text} {noun}s"
