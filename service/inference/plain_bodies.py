"""The usual bodies, read fast: rows of numbers as JSON, and `.npy` files as numpy writes them.

What is unusual or wrong is left to `inputs`, which reads everything, and words what is wrong: here it is None.
"""

import itertools
import re
import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson

MAX_LISTS: Final = 2**20
"""Lists and objects in one JSON body. An empty list is two bytes on the wire and fifty in memory."""

_OF_NUMBERS: Final = b"0123456789+-.eE[], \t\n\r"
_NPY: Final = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)\{'descr': '<f(?P<bytes>[48])', 'fortran_order': False, "
    rb"'shape': \((?P<rows>[0-9]{1,9}), (?P<width>[0-9]{1,9})\), \} *\n",
    re.DOTALL,
)


def from_json(content: bytes, name: str, width: int, *, double: bool) -> np.ndarray | None:
    """The rows in `{"NAME": [[...], ...]}`, float32 or float64 [B, width]."""
    # without all that numbers and lists are made of, only the name is left: so there is no text, boolean or null
    if content.translate(None, _OF_NUMBERS) != b'{"%b":}' % name.encode().translate(None, _OF_NUMBERS):
        return None
    if content.count(b"[") > MAX_LISTS:
        return None
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return _packed(parsed.get(name), width, "d" if double else "f")


def _packed(rows: Any, width: int, kind: str) -> np.ndarray | None:
    if type(rows) is not list or not rows or any(type(row) is not list or len(row) != width for row in rows):
        return None
    flat: Sequence[Any] = rows[0] if len(rows) == 1 else list(itertools.chain.from_iterable(rows))
    try:
        packed = struct.pack(f"{len(flat)}{kind}", *flat)  # a third of the time of numpy.array
    except (struct.error, OverflowError):  # a list, or a number beyond the type
        return None
    return np.frombuffer(packed, kind).reshape(len(rows), width)


def from_npy(content: bytes, width: int) -> np.ndarray | None:
    """The rows in a `.npy` file of float32 or float64 [B, width] in C order; a view of the bytes."""
    match = _NPY.match(content)
    if match is None:
        return None
    rows, end = int(match["rows"]), match.end()
    if int.from_bytes(match["length"], "little") != end - 10 or int(match["width"]) != width or not rows:
        return None
    itemsize = int(match["bytes"])
    if len(content) - end != rows * width * itemsize:
        return None
    return np.frombuffer(content, f"<f{itemsize}", offset=end).reshape(rows, width)
