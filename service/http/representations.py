"""Content negotiation, and responses with ETag and caching headers.

Knows bytes and media types, not what the bytes mean.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import orjson
import safetensors.numpy
from fastapi import Query, Request, Response
from pydantic import BaseModel

from service.errors import NotAcceptable
from sparse_coding.errors import TooManyRows


@dataclass(frozen=True)
class Representation:
    """A form of a resource; `format` is its name in `?format=`."""

    format: str
    media_type: str


JSON: Final = Representation("json", "application/json")
CSV: Final = Representation("csv", "text/csv")
PNG: Final = Representation("png", "image/png")
SVG: Final = Representation("svg", "image/svg+xml")
VEGA: Final = Representation("vega", "application/vnd.vegalite.v6+json")
NPY: Final = Representation("npy", "application/x-npy")
SAFETENSORS: Final = Representation("safetensors", "application/vnd.safetensors")
MAX_JSON_NUMBERS: Final = 2**22
"""Numbers in the arrays of one JSON answer: some 40 MB."""
PIECE_NUMBERS: Final = 2**16
"""Numbers of a JSON answer that are written at once: a few milliseconds."""
CHARTS: Final = (VEGA, PNG, SVG)
"""The forms that every chart has."""

_Format = Query(alias="format", description="Overrides `Accept`.")
PictureForm = Annotated[Literal["json", "png"] | None, _Format]
"""`?format=` of a resource with numbers and a picture."""
ChartForm = Annotated[Literal["json", "vega", "png", "svg"] | None, _Format]
"""`?format=` of a resource with numbers and charts."""
TableForm = Annotated[Literal["json", "csv", "vega", "png", "svg"] | None, _Format]
"""`?format=` of a resource with numbers, a table and charts."""

UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The client's copy is current."}}
"""What a route with an ETag documents beside its answer."""

PINNED: Final = "private, max-age=31536000, immutable"
"""Cache-Control of a URL whose content never changes (RFC 8246); private, because an API key may be required."""
REVALIDATED: Final = "private, no-cache"
"""Cache-Control of a URL whose content may change: cached, and revalidated before each use."""


def choose(
    request: Request, offers: Sequence[Representation], requested: str | None = None, *, why: str = ""
) -> Representation:
    """The offer that the request prefers: by `?format=` if given, else by `Accept` (RFC 9110, 12.5.1).

    Among equals the first offer wins. Raises `NotAcceptable`, which lists the offers; `why` is added to its message.
    """
    if requested is not None:
        named = [offer for offer in offers if offer.format == requested]
        if named:
            return named[0]
        raise _not_acceptable(f"format={requested} is not available", offers, why)
    preferred = accepted(",".join(request.headers.getlist("accept")), offers)
    if preferred is None:
        raise _not_acceptable("no media type in Accept is available", offers, why)
    return preferred


def accepted(accept: str, offers: Sequence[Representation]) -> Representation | None:
    """The offer that the value of an `Accept` header prefers; None if it accepts none of them."""
    ranges = dict(_accepted(accept))
    if not ranges:
        return offers[0]
    best = max(offers, key=lambda offer: _quality(offer.media_type, ranges))
    return best if _quality(best.media_type, ranges) else None


def _not_acceptable(reason: str, offers: Sequence[Representation], why: str) -> NotAcceptable:
    available = ", ".join(f"{offer.media_type} (format={offer.format})" for offer in offers)
    return NotAcceptable(f"{reason}{why}; available are {available}", [offer.media_type for offer in offers])


def _accepted(accept: str) -> Iterator[tuple[str, float]]:
    """Media ranges of an Accept header with their q-values; a range that cannot be read is skipped."""
    for element in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in element.split(";"))
        weights = [parameter[2:].strip() for parameter in parameters if parameter.startswith("q=")]
        try:
            quality = float(weights[0]) if weights else 1.0
        except ValueError:
            continue
        if media_range.count("/") == 1 and 0 <= quality <= 1:
            yield media_range, quality


def _quality(media_type: str, ranges: Mapping[str, float]) -> float:
    """The q-value of the most specific range that covers a media type; 0 if none does."""
    for media_range in (media_type, media_type.split("/")[0] + "/*", "*/*"):
        if media_range in ranges:
            return ranges[media_range]
    return 0.0


def fixed(
    request: Request,
    content: bytes,
    form: Representation,
    *,
    pinned: bool,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response with a strong ETag, the SHA-256 of its bytes; 304 without a body if the client has them.

    `pinned` says that the URL names this content for ever.
    """
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    every = {**fixed_headers(etag, pinned=pinned), "Vary": "Accept", **(headers or {})}
    if has_already(request, etag):
        return Response(status_code=304, headers=every)
    return Response(content, media_type=form.media_type, headers=every)


def fixed_headers(etag: str, *, pinned: bool) -> dict[str, str]:
    """ETag and Cache-Control."""
    return {"ETag": etag, "Cache-Control": PINNED if pinned else REVALIDATED}


def has_already(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names this ETag (weak comparison, RFC 9110, 13.1.2)."""
    known = [tag.strip().removeprefix("W/") for tag in ",".join(request.headers.getlist("if-none-match")).split(",")]
    return etag in known or "*" in known


def json_bytes(document: Any) -> bytes:
    """A JSON text of models, and of documents that may hold numpy arrays; a float32 is written as its shortest decimal.

    Arrays are written from where they lie: much faster than as lists of Python's numbers.
    """
    return orjson.dumps(document, default=_writable, option=orjson.OPT_SERIALIZE_NUMPY)


def require_writable(numbers: int, others: str) -> None:
    """Raises `TooManyRows` for more numbers than a JSON answer may have; `others` are the forms that may have more."""
    if numbers > MAX_JSON_NUMBERS:
        raise TooManyRows(
            f"at most {MAX_JSON_NUMBERS:,} numbers fit into one JSON answer, and this one would have {numbers:,}: send "
            f"fewer rows, or ask for {others}"
        )


def _in_pieces(document: Mapping[str, Any]) -> bytes:
    """`json_bytes` of an object with arrays of two dimensions, written in pieces: orjson lets no other thread run."""
    parts: list[bytes] = []
    for name, value in document.items():
        parts.append(b"," if parts else b"{")
        parts.append(orjson.dumps(name) + b":")
        if isinstance(value, np.ndarray) and value.ndim == 2 and value.size > PIECE_NUMBERS:
            step = max(1, PIECE_NUMBERS // value.shape[1])
            pieces = (json_bytes(value[start : start + step])[1:-1] for start in range(0, len(value), step))
            parts += [b"[", b",".join(pieces), b"]"]
        else:
            parts.append(json_bytes(value))
    return b"".join([*parts, b"}"])


def _writable(value: object) -> np.ndarray | dict[str, Any]:
    """A model as its fields, an array in the one memory layout that orjson writes."""
    if isinstance(value, BaseModel):
        return dict(value)
    if isinstance(value, np.ndarray) and not value.flags.c_contiguous:
        return np.ascontiguousarray(value)
    raise TypeError


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as a .npy file of version 1.0."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def csv_bytes(records: Sequence[Mapping[str, Any]], empty: Sequence[str] = ()) -> bytes:
    """A table with a column for each field, in the order in which the fields came; null is empty.

    A table without rows has the columns `empty`.
    """
    columns = list(dict.fromkeys(name for record in records for name in record)) or empty
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def array_bytes(form: Representation, arrays: Mapping[str, np.ndarray], beside: Mapping[str, Any]) -> bytes:
    """Named arrays as safetensors, the first of them as .npy, or all as JSON after the fields `beside` them.

    Raises `TooManyRows` for JSON of more than `MAX_JSON_NUMBERS` numbers.
    """
    if form == SAFETENSORS:
        return safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    if form == NPY:
        return npy_bytes(next(iter(arrays.values())))
    require_writable(sum(array.size for array in arrays.values()), "application/x-npy")
    return _in_pieces({**beside, **arrays})


def computed(content: bytes, form: Representation) -> Response:
    """The response to a POST, which is not cached."""
    return Response(content, media_type=form.media_type, headers={"Vary": "Accept"})


def described(
    answer: type[BaseModel],
    *others: Representation,
    description: str = "Successful response",
    picture_first: bool = False,
) -> dict[str, Any]:
    """What a route documents for its 200: `answer` as JSON, and `others`, which are bytes or a chart.

    The first form is the one that the API explorer requests, so it has to be the one that the route itself prefers.
    """
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {form.media_type: {"schema": {"type": "object"}} if form == VEGA else binary for form in others}
    if not picture_first:
        content = {JSON.media_type: {}, **content}
    return {"model": answer, "description": description, "content": content}
