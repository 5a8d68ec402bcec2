"""Strict readers of bytes that others wrote: npy, safetensors, IDX, gzip and npz.

Nothing is allocated or executed because a header says so: what is promised is compared with what is there, and then
viewed in place. It does not know what the arrays mean. `numpy.load` and pickle are never used.
"""

import json
import math
import mmap
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from sparse_coding import errors

Source = bytes | bytearray | memoryview | Path
"""Bytes in memory, or a file that is mapped."""

MAX_DIMENSIONS: Final = 8
MAX_NPY_HEADER: Final = 1024
"""Longest npy header in bytes; numpy writes 118 for an array without named fields."""
MAX_TENSORS_HEADER: Final = 2**20
"""Longest safetensors header in bytes; the format itself allows 100 MB."""

MAX_RATIO: Final = 200
"""Most bytes that a packed byte may become; deflate reaches 1,032 on zeros, images of digits about 5."""
FREE_BYTES: Final = 16 * 2**20
"""Up to this size unpacked data are taken whatever their ratio: the labels of a sorted dataset pack very well."""

_CHUNK: Final = 2**20
_NPY_DTYPE: Final = re.compile("[<>=|]?(?:f[248]|[iu][1248])")
_NPY_SHAPE: Final = r"\(\s*+(?:-?[0-9]{1,19}\s*+(?:,\s*+|(?=\))))*+\)"
_NPY_ITEM: Final = re.compile(
    rf"\s*+'(descr|fortran_order|shape)'\s*+:\s*+('[^']*+'|True|False|{_NPY_SHAPE}|\[.*\])\s*+,?+\s*+"
)
_ZIP_END: Final = struct.Struct("<4s4H2LH")
"""End of central directory: signature, this disk, directory's disk, members here, members, bytes, offset, comment."""
_ZIP64_LOCATOR_BYTES: Final = 20
_DAMAGED_ZIP: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    struct.error,
)
_TEXT_DTYPE: Final = re.compile("[<>=|]?[US][1-9][0-9]{0,3}")
"""Text of at most 9,999 characters a value, of one length for all: as numpy writes the names of classes."""

BFLOAT16: Final = np.dtype([("bfloat16", "<u2")])
"""The upper halves of float32 values. numpy has no such type: `as_float32` gives the values."""

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


_SIMPLE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_BOOLEANS: Final = "booleans came: send vectors as float32, images and labels as uint8"
_OTHER_ARRAYS: Final = {
    "O": "objects came, which are pickles, and those are never read",
    "b": _BOOLEANS,
    "?": _BOOLEANS,
    "U": "texts came, which only labels may be",
    "S": "texts came, which only labels may be",
    "c": "complex numbers came",
    "M": "times came: send them as numbers, which is array.astype('float64')",
    "m": "durations came: send them as numbers, which is array.astype('float64')",
}


def read_safetensors(source: Source, *, bfloat16: bool = False) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file by name, as read-only views. Raises as `open_safetensors`."""
    return open_safetensors(source, bfloat16=bfloat16)[0]


def as_float32(array: np.ndarray) -> np.ndarray:
    """An array of `BFLOAT16` as float32, which has the same values; any other array as it is."""
    if array.dtype != BFLOAT16:
        return array
    return (array["bfloat16"].astype(np.uint32) << 16).view(np.float32)


def open_safetensors(source: Source, *, bfloat16: bool = False) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of a safetensors file, as read-only views, and its metadata; with `bfloat16` also of `BFLOAT16`.

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
    return _tensors(header, view[8 + length :], {"BF16": BFLOAT16} if bfloat16 else {}), metadata


def read_npy(source: Source, *, max_elements: int, text: bool = False) -> np.ndarray:
    """The array of an npy file (version 1 or 2) as a view, in this machine's byte order; with `text` also of texts.

    The header is matched, not evaluated. Raises `UnreadableFile`, `UnsupportedDtype` (objects above all: they are
    pickles), `EmptyInput`, and `TooLarge` for more than `max_elements` values.
    """
    view = _view(source)
    dtype, fortran_order, shape, start = _npy_header(view, text=text)
    elements = _elements(shape)
    _expect("An npy header", elements * dtype.itemsize, len(view) - start)
    if elements > max_elements:
        raise errors.TooLarge(f"An array may have {max_elements} values; this one has {elements}.")
    return _array(view[start:], dtype, shape[::-1]).T if fortran_order else _array(view[start:], dtype, shape)


def read_idx(source: Source) -> np.ndarray:
    """The uint8 array of an IDX file (MNIST's format): 0, 0, 8, the number of dimensions, then each big-endian.

    Raises `UnreadableFile`, `UnsupportedDtype` and `EmptyInput`.
    """
    view = _view(source)
    if len(view) < 4 or bytes(view[:2]) != b"\0\0":
        raise errors.UnreadableFile("An IDX file must start with two zero bytes, a type and a number of dimensions.")
    if view[2] != 8:
        raise errors.UnsupportedDtype("The values of an IDX file must be unsigned bytes (type 8).")
    start = 4 + 4 * view[3]
    if len(view) < start:
        raise errors.UnreadableFile(f"{view[3]} dimensions were promised by a file of {_count(len(view), 'byte')}.")
    shape = struct.unpack(f">{view[3]}L", view[4:start])
    _expect("An IDX header", _elements(shape), len(view) - start)
    return _array(view[start:], np.dtype(np.uint8), shape)


def gunzip(source: Path, target: Path, *, max_bytes: int) -> None:
    """Unpack one gzip member from `source` into `target`, in pieces.

    Raises `TooLarge` before more than `max_bytes`, or than `MAX_RATIO` times the packed size, are written, and
    `UnreadableFile` for a damaged file, one cut short, or one with anything after its first member.
    """
    limit = _unpacked_limit(source.stat().st_size, max_bytes)
    inflate, written = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS), 0
    with source.open("rb") as packed, target.open("wb") as unpacked:
        while not inflate.eof:
            fed = inflate.unconsumed_tail or packed.read(_CHUNK // 16)
            piece = _inflated(inflate, fed)
            written += len(piece)
            if written > limit:
                raise errors.TooLarge(f"Unpacked, this gzip file has more than the {limit} bytes that it may have.")
            if not (fed or piece or inflate.eof):
                raise errors.UnreadableFile("The gzip file ends too early.")
            unpacked.write(piece)
        if inflate.unused_data or packed.read(1):
            raise errors.UnreadableFile("A gzip file must end with its first member; more bytes follow.")


def unpack_npz(source: Path, folder: Path, *, names: Collection[str], max_bytes: int) -> dict[str, Path]:
    """Unpack the members `<name>.npy` of a zip file into `folder`, and give the path of each by name.

    Paths come from `names`, never from the archive. Raises `UnsupportedFormat` for any other member, encryption or
    a method other than stored and deflated, `TooLarge` and `UnreadableFile`.
    """
    _check_directory(source, len(names))
    try:
        with zipfile.ZipFile(source) as archive:
            members = _members(archive.infolist(), names)
            _check_sizes(members.values(), source.stat().st_size, max_bytes)
            paths = {name: folder / f"{name}.npy" for name in members}
            for name, member in members.items():
                _unpack(archive, member, paths[name])
    except _DAMAGED_ZIP as error:
        raise errors.UnreadableFile("The zip file is damaged.") from error
    return paths


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


def _tensors(header: Mapping[str, Any], data: memoryview, more: Mapping[str, np.dtype[Any]]) -> dict[str, np.ndarray]:
    entries = sorted((_entry(name, value, more) for name, value in header.items()), key=lambda entry: entry[1])
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


def _entry(
    name: str, value: object, more: Mapping[str, np.dtype[Any]]
) -> tuple[str, int, int, np.dtype[Any], tuple[int, ...]]:
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise errors.UnreadableFile("A tensor is described by its dtype, shape and data_offsets, and nothing else.")
    shape, offsets = _integers(value["shape"]), _integers(value["data_offsets"])
    if len(offsets) != 2:
        raise errors.UnreadableFile("The data_offsets of a tensor are two numbers, its begin and its end.")
    dtypes = {name: np.dtype(descr) for name, descr in _TENSOR_DTYPES.items()} | dict(more)
    known = dtypes.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if known is None:
        came = _BOOLEANS if value["dtype"] == "BOOL" else "another type came"
        # a name is repeated only if it is harmless in any message
        which = f"The tensor {name}" if _SIMPLE_NAME.fullmatch(name) else "A tensor"
        raise errors.UnsupportedDtype(f"{which} must be one of {', '.join(dtypes)}; {came}.")
    return name, offsets[0], offsets[1], known, shape


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
    """A view of exactly these bytes; copied only if they are not aligned or not in this machine's byte order."""
    return np.require(np.frombuffer(data, dtype=dtype).reshape(shape), dtype.newbyteorder("="), "A")


def _count(number: int, noun: str) -> str:
    """A number and its noun, short even for very large numbers."""
    text = str(number) if number < 10**15 else "more than 10^15"
    return f"{text} {noun}" if number == 1 else f"{text} {noun}s"


def _expect(what: str, promised: int, present: int) -> None:
    if promised != present:
        raise errors.UnreadableFile(f"{what} promises {_count(promised, 'byte')} of data; {present} are there.")


def _npy_header(view: memoryview, *, text: bool) -> tuple[np.dtype[Any], bool, tuple[int, ...], int]:
    """The dtype, whether the first index runs fastest, the shape, and where the data start."""
    magic, version = bytes(view[:6]), bytes(view[6:8])
    if magic != b"\x93NUMPY":
        raise errors.UnreadableFile("An npy file must start with the bytes 93 4E 55 4D 50 59.")
    if version not in (b"\1\0", b"\2\0"):
        raise errors.UnreadableFile("The npy file must be of version 1.0 or 2.0.")
    start = 8 + 2 * version[0]
    length = int.from_bytes(view[8:start], "little")
    if length > MAX_NPY_HEADER or len(view) < start + length:
        raise errors.UnreadableFile(
            f"An npy header has at most {MAX_NPY_HEADER} bytes, all within the file; this one claims {length}."
        )
    header = bytes(view[start : start + length]).decode("latin-1").strip().replace('"', "'")
    found = _NPY_ITEM.findall(header[1:-1])
    around = f"{header[:1]}{_NPY_ITEM.sub('', header[1:-1])}{header[-1:]}"
    if around != "{}" or sorted(key for key, _ in found) != ["descr", "fortran_order", "shape"]:
        raise errors.UnreadableFile("An npy header must hold descr, fortran_order and shape, and nothing else.")
    items = dict(found)
    if items["fortran_order"] not in ("True", "False") or not items["shape"].startswith("("):
        raise errors.UnreadableFile("In an npy header fortran_order must be True or False, and shape a tuple.")
    shape = tuple(int(number) for number in re.findall("-?[0-9]+", items["shape"]))
    return _npy_dtype(items["descr"].strip("'"), text=text), items["fortran_order"] == "True", shape, start + length


def _npy_dtype(descr: str, *, text: bool) -> np.dtype[Any]:
    if _NPY_DTYPE.fullmatch(descr) or (text and _TEXT_DTYPE.fullmatch(descr)):
        return np.dtype(descr)
    came = _OTHER_ARRAYS.get(descr.lstrip("<>=|")[:1], "values of another type came")
    raise errors.UnsupportedDtype(f"An array must hold integers or floats of 1 to 8 bytes; {came}.")


def _unpacked_limit(packed_bytes: int, max_bytes: int) -> int:
    return min(max_bytes, max(FREE_BYTES, MAX_RATIO * packed_bytes))


def _inflated(inflate: "zlib._Decompress", fed: bytes) -> bytes:
    try:
        return inflate.decompress(fed, _CHUNK)
    except zlib.error as error:
        raise errors.UnreadableFile("The gzip file is damaged.") from error


def _check_directory(source: Path, most: int) -> None:
    """A small directory that ends right before the last 22 bytes: zipfile reads it whole, however large it is."""
    with source.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _ZIP_END.size - _ZIP64_LOCATOR_BYTES))
        tail = file.read()
    end = size - _ZIP_END.size
    if len(tail) < _ZIP_END.size or b"PK\6\7" in tail[:4]:
        raise errors.UnsupportedFormat(
            "A zip file must be of the plain kind, without the extension for 4 GiB and more."
        )
    signature, _, _, _, count, length, offset, comment = _ZIP_END.unpack(tail[-_ZIP_END.size :])
    if signature != b"PK\5\6" or comment or offset + length != end:
        raise errors.UnreadableFile("A zip file must end with the directory of its members, without a comment.")
    if count > most or length > _CHUNK // 16:
        raise errors.UnsupportedFormat(f"At most {most} arrays are read from a zip file; this one has more members.")


def _members(found: Iterable[zipfile.ZipInfo], names: Collection[str]) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in found:
        name = member.filename.removesuffix(".npy")
        if name not in names or name == member.filename:
            raise errors.UnsupportedFormat(f"The members of the zip file must be {', '.join(names)}, each with .npy.")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise errors.UnsupportedFormat("The members of a zip file must be stored or deflated, and not encrypted.")
        if name in members:
            raise errors.UnreadableFile("A member of the zip file stands in it twice.")
        members[name] = member
    return members


def _check_sizes(members: Iterable[zipfile.ZipInfo], packed_bytes: int, max_bytes: int) -> None:
    limit, promised = _unpacked_limit(packed_bytes, max_bytes), sum(member.file_size for member in members)
    if promised > limit:
        raise errors.TooLarge(f"Unpacked, this zip file has {_count(promised, 'byte')}; it may have {limit}.")


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    written = 0
    with archive.open(member) as packed, target.open("wb") as unpacked:
        while piece := packed.read(_CHUNK):
            written += unpacked.write(piece)
    if written != member.file_size:
        raise errors.UnreadableFile("A member of the zip file is shorter than its directory says.")
