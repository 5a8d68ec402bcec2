"""What a client sends to be encoded, decoded or reconstructed: a body's bytes to checked rows of numbers.

JSON goes through orjson and is checked in bulk, never number by number; what stands in a binary header is believed
only after it was compared with the bytes that came. Knows no models' names and draws no answers.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
import orjson
import pydantic
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, FailFast, Field

from registry import datasets as registered
from registry.errors import DatasetNotFound
from service.errors import DatasetNotPresent, Fault, InvalidRequest, UnsupportedMediaType
from service.http import problems
from service.http.representations import JSON, NPY, SAFETENSORS
from service.inference import plain_bodies
from service.inference.plain_bodies import MAX_LISTS
from service.settings import ServiceSettings
from service.storage import Storage
from sparse_coding import errors
from sparse_coding.data import datasets, untrusted
from sparse_coding.data.datasets import Dataset
from sparse_coding.specs.catalogue import CATALOGUE
from sparse_coding.specs.fields import Name

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

ACCEPTED: Final = (JSON.media_type, NPY.media_type, SAFETENSORS.media_type)
MAX_INDICES: Final = 100_000
"""Indices of dataset rows in one body; the limit of rows is lower and says its own number."""
MAX_DIMENSIONS: Final = 4
"""Of nested numbers: rows, channels, height, width."""
MAX_NUMBERS: Final = 2**24
"""Numbers of the widest layer in one request: 64 MiB of float32, however short the body was that asked for them."""

_NPY_VALUES: Final = "float64, float32 or float16; for a model of images also uint8, which is divided by 255."

_NOT_FINITE: Final = re.compile(rb"\bNaN\b|\bInfinity\b")
"""What other writers of JSON, Python's among them, make of numbers that JSON has no word for."""

Index = Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)]


class DatasetRows(BaseModel):
    """Rows of a stored dataset, so that nobody has to send them: some, or all of a split."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dataset: Name = Field(description="A dataset's name.")
    split: Literal["train", "test"] = Field("test", description="Which of its splits.")
    indices: Annotated[tuple[Index, ...], FailFast()] = Field(
        default_factory=tuple,  # of which the description says nothing, as it would of a default
        min_length=1,
        max_length=MAX_INDICES,
        description="Rows of that split, from 0. Without them, all of its rows, in order.",
    )


class NumberRows(BaseModel):
    """Rows of the model's width in raw units, flat or nested as images. Only described by this.

    A model of images takes values in [0, 1], whatever its output; one of vectors the units of its dataset.
    """

    model_config = ConfigDict(extra="forbid")
    inputs: list[Annotated[list[Any], Field(max_length=MAX_NUMBERS)]] = Field(
        min_length=1,
        max_length=1_000_000,
        description="[rows][n_inputs], or as images [rows][height][width], in colour [rows][height][width][3].",
    )


class CodeRows(BaseModel):
    """Codes of the model's width. Only described by this."""

    model_config = ConfigDict(extra="forbid")
    codes: list[Annotated[list[float], Field(max_length=65_536)]] = Field(
        min_length=1, max_length=1_000_000, description="[rows][n_latents]"
    )


class SparseRow(BaseModel):
    """Some latents of one code and their activations; the others are 0."""

    model_config = ConfigDict(extra="forbid")
    indices: list[Annotated[int, Field(ge=0, le=65_535)]] = Field(
        max_length=65_536, description="Latents, each at most once; an answer has them in ascending order."
    )
    values: list[float] = Field(max_length=65_536, description="One for each index.")


class SparseRows(BaseModel):
    """Codes by their active latents, as a sparse answer of encode has them. Only described by this."""

    model_config = ConfigDict(extra="forbid")
    rows: list[SparseRow] = Field(min_length=1, max_length=1_000_000)


EXAMPLES: Final = {
    "dataset": {
        "summary": "Rows of a dataset that is already here",
        "value": {"dataset": "digits", "split": "test", "indices": [0, 1, 2]},
    }
}
CODE_EXAMPLES: Final = {
    "rows": {
        "summary": "Latent 3 alone, and two latents",
        "value": {"rows": [{"indices": [3], "values": [1.0]}, {"indices": [5, 17], "values": [0.5, 1.0]}]},
    }
}
"""Both work with the demo's model, and the latter with any of 18 latents."""


@dataclass(frozen=True)
class Body:
    """A request body that has arrived whole; `media_type` is one of `ACCEPTED`."""

    media_type: str
    content: bytes


def described(*schemas: type[BaseModel], tensor_name: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that parses its body by itself; the examples work once the demo has been run."""
    binary = {"type": "string", "format": "binary", "maxLength": 2**30}
    documents = [schema.model_json_schema(ref_template="#/components/schemas/{model}") for schema in schemas]
    one_of = [{name: value for name, value in document.items() if name != "$defs"} for document in documents]
    content = {
        JSON.media_type: {"schema": {"oneOf": one_of}, "examples": examples},
        NPY.media_type: {"schema": {**binary, "description": _NPY_VALUES}},
        SAFETENSORS.media_type: {"schema": {**binary, "description": f"One tensor named `{tensor_name}`."}},
    }
    return {"requestBody": {"required": True, "content": content}}


async def received(request: Request) -> Body:
    """The body of a request. Raises `UnsupportedMediaType`, which names the types that are read."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ACCEPTED:
        came = "a body without Content-Type" if not media_type else "a body of another type"
        raise UnsupportedMediaType(f"expected one of {', '.join(ACCEPTED)}; {came} came", ACCEPTED)
    return Body(media_type, await request.body())


def document(body: Body, alternatives: Sequence[frozenset[str]]) -> dict[str, Any]:
    """The JSON object in a body, whose names must be some of those of one of the `alternatives`."""
    if (lists := body.content.count(b"[") + body.content.count(b"{")) > MAX_LISTS:
        raise errors.TooManyRows(f"at most {MAX_LISTS} lists and objects fit into one JSON body; {lists} came")
    try:
        parsed = orjson.loads(body.content)
    except orjson.JSONDecodeError as error:
        if "is infinity" in str(error) or _NOT_FINITE.search(body.content):
            raise errors.NotFinite("every number must be finite; NaN, an infinity or a larger number came") from error
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": "JSON"}]) from error
    if not isinstance(parsed, dict):
        raise InvalidRequest("the body must be a JSON object", [Fault("", "must be a JSON object")])
    known = frozenset().union(*alternatives)
    unknown = len(parsed.keys() - known)
    if unknown:
        raise InvalidRequest(f"the body may hold {_listed(known)}; it holds {unknown} other name(s)")
    if not any(parsed and parsed.keys() <= names for names in alternatives):
        raise InvalidRequest(f"the body must hold one of these: {' or '.join(map(_listed, alternatives))}")
    return parsed


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def dataset_rows(parsed: Mapping[str, Any]) -> DatasetRows:
    """The rows that a document names; a fault is answered as FastAPI answers its own."""
    indices = parsed.get("indices")
    if isinstance(indices, list) and len(indices) > MAX_INDICES:
        raise errors.TooManyRows(f"at most {MAX_INDICES} indices fit into one request; {len(indices)} came")
    try:
        return DatasetRows.model_validate(parsed)
    except pydantic.ValidationError as error:
        raise problems.unreadable(error) from error


def numbers(nested: object, name: str) -> np.ndarray:
    """Nested JSON lists, sent under `name`, as a float64 array of their shape, of 1 to `MAX_DIMENSIONS` dimensions.

    Raises `RaggedRows`, `EmptyInput` and `NotNumbers`: a text, a boolean or null is no number.
    """
    if not isinstance(nested, list):
        raise errors.NotNumbers(f"{name} must be a list of rows; {_kind({type(nested)})} came")
    shape: list[int] = []
    level: list[Any] = [nested]
    while (kinds := set(map(type, level))) == {list}:
        lengths = set(map(len, level))
        if len(lengths) > 1:
            raise errors.RaggedRows(f"rows must all have one length; they have {min(lengths)} to {max(lengths)}")
        shape.append(lengths.pop())
        level = list(itertools.chain.from_iterable(level))
        if not level:
            raise errors.EmptyInput("at least one row of at least one number is needed; an empty list came")
        if len(shape) > MAX_DIMENSIONS:
            raise errors.RaggedRows(f"rows may be nested {MAX_DIMENSIONS} deep; these are deeper")
    if list in kinds:
        raise errors.RaggedRows("rows must be nested equally deep; numbers and lists stand side by side")
    if not kinds <= {int, float}:
        raise errors.NotNumbers(f"numbers were expected; {_kind(kinds - {int, float})} came")
    return np.array(level, dtype=np.float64).reshape(shape)


def _kind(kinds: set[type]) -> str:
    names = {str: "text", dict: "an object", type(None): "null", bool: "a boolean", int: "a number", float: "a number"}
    return " and ".join(sorted(names.get(kind, "something else") for kind in kinds))


def tensor(body: Body, name: str) -> np.ndarray:
    """The array in a binary body: the .npy file, or the safetensors file's only tensor, which must be called `name`."""
    if body.media_type == NPY.media_type:
        return untrusted.read_npy(body.content, max_elements=MAX_NUMBERS)
    tensors = untrusted.read_safetensors(body.content, bfloat16=True)
    if tensors.keys() != {name}:
        raise InvalidRequest(f"the safetensors file must hold one tensor named `{name}`; it holds {len(tensors)}")
    return untrusted.as_float32(tensors[name])


def rows(app_state: Storage, model: "TrainedModel", body: Body) -> np.ndarray:
    """The rows that a body means for a model, float32 [B, n_inputs] in raw units and finite.

    Rows of a dataset go through the model's resizing; rows in the body are of its width already. Of a model whose
    dataset was centred, both are centred as its rows were. Raises `InvalidInput`, `InvalidFile`, `IndexOutOfRange` and
    `InputsOutOfRange`, and `InvalidRequest`.
    """
    plain = _plain(body, "inputs", model.n_inputs, double=model.preprocessing.means is not None)
    if plain is not None:
        return checked_rows(app_state.settings, model, plain)
    if body.media_type != JSON.media_type:
        return checked_rows(app_state.settings, model, tensor(body, "inputs"))
    parsed = document(body, (frozenset({"inputs"}), frozenset(DatasetRows.model_fields)))
    if "inputs" in parsed:
        return checked_rows(app_state.settings, model, numbers(parsed["inputs"], "inputs"))
    wanted = dataset_rows(parsed)
    check_count(app_state.settings, model, len(wanted.indices))
    source = present_dataset(app_state, wanted.dataset)
    indices = wanted.indices or range(len(source.split(wanted.split).rows))
    check_count(app_state.settings, model, len(indices))
    values = model.prepare_from(source.take(wanted.split, indices).rows, source.means)
    model.check_range(values)
    return values


def _plain(body: Body, name: str, width: int, *, double: bool) -> np.ndarray | None:
    """What a usual body holds, read fast; None for any other body."""
    if body.media_type == JSON.media_type:
        return plain_bodies.from_json(body.content, name, width, double=double)
    if body.media_type == NPY.media_type and len(body.content) <= 4 * MAX_NUMBERS:
        return plain_bodies.from_npy(body.content, width)
    return None


def checked_rows(settings: ServiceSettings, model: "TrainedModel", sent: np.ndarray) -> np.ndarray:
    """Rows that a client sent, of any shape that the model takes, as float32 [B, n_inputs] in raw units.

    Raises `InvalidInput` and `InputsOutOfRange`.
    """
    check_count(settings, model, len(sent))
    shape = model.preprocessing.image_shape
    if shape is not None and shape[0] > 1 and sent.shape[1:] == (*shape[1:], shape[0]):
        sent = sent.transpose(0, 3, 1, 2)  # colour as it is answered and uploaded: [height][width][channels]
    values = model.preprocessing.from_body(sent)
    model.check_range(values)
    return values


def check_count(settings: ServiceSettings, model: "TrainedModel", count: int) -> None:
    """Raises `TooManyRows` where so many rows would take more than `max_rows` or `MAX_NUMBERS` allow."""
    widest = max(model.n_inputs, *model.spec.model.hidden, model.n_latents)
    limit = max(1, min(settings.max_rows, MAX_NUMBERS // widest))
    if count > limit:
        raise errors.TooManyRows(f"at most {limit} rows fit into one request to this model; {count} came")


def present_dataset(app_state: Storage, name: str) -> Dataset:
    """The opened dataset of that name. Raises `DatasetNotFound`, and `DatasetNotPresent` for a built-in."""
    try:
        with app_state.database.read() as session:
            digest = registered.get(session, name).digest
    except DatasetNotFound:
        if name in CATALOGUE:
            raise DatasetNotPresent(
                f"the built-in dataset {name} has not been imported yet: start a run of kind import, or train on it"
            ) from None
        raise
    return datasets.open(app_state.artifacts.path(digest))


def codes(app_state: Storage, model: "TrainedModel", body: Body) -> np.ndarray:
    """The codes in a body, float32 [B, n_latents] and finite: dense, or as indices and values.

    Raises the core library's `InvalidInput`, `InvalidFile` and `IndexOutOfRange`, and `InvalidRequest`.
    """
    width = model.n_latents
    dense = _plain(body, "codes", width, double=False)
    if dense is None and body.media_type != JSON.media_type:
        dense = tensor(body, "codes")
    if dense is None:
        parsed = document(body, (frozenset({"codes"}), frozenset({"rows"})))
        if "rows" in parsed:
            sent = _some_list(parsed["rows"])
            check_count(app_state.settings, model, len(sent))
            return _single(_scattered(sent, width))
        dense = numbers(parsed["codes"], "codes")
    return checked_codes(app_state.settings, model, dense)


def checked_codes(settings: ServiceSettings, model: "TrainedModel", dense: np.ndarray) -> np.ndarray:
    """Dense codes that a client sent, as float32 [B, n_latents]. Raises `InvalidInput`."""
    width = model.n_latents
    check_count(settings, model, len(dense))
    if dense.ndim != 2 or dense.shape[1] != width:
        came = f"{dense.shape[1]} numbers" if dense.ndim == 2 else f"{dense.ndim} dimensions"
        raise errors.WrongWidth(f"codes of this model are rows of {width} numbers; {came} came")
    return _single(dense)


def _some_list(value: object) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise InvalidRequest("rows must be a list of at least one row", [Fault("/rows", "must be a list, not empty")])
    return value


def _scattered(sent: Sequence[Any], width: int) -> np.ndarray:
    """Rows of indices and values as dense codes, float64 [B, width]."""
    dense = np.zeros((len(sent), width))
    for number, row in enumerate(sent):
        indices, values = _row(row, number)
        if indices and not 0 <= min(indices) <= max(indices) < width:
            raise errors.IndexOutOfRange(f"row {number}: latents of this model are numbered from 0 to {width - 1}")
        dense[number, indices] = values
    return dense


def _row(row: object, number: int) -> tuple[list[int], list[float]]:
    if not isinstance(row, dict) or row.keys() != {"indices", "values"}:
        raise _bad_row(number, "must be an object with `indices` and `values`, and nothing else")
    indices, values = row["indices"], row["values"]
    if not isinstance(indices, list) or not isinstance(values, list) or len(indices) != len(values):
        raise _bad_row(number, "`indices` and `values` must be lists of one length")
    if not set(map(type, indices)) <= {int} or len(set(indices)) < len(indices):
        raise _bad_row(number, "`indices` must be whole numbers, each at most once")
    if not set(map(type, values)) <= {int, float}:
        raise _bad_row(number, "`values` must be numbers")
    return indices, values


def _bad_row(number: int, detail: str) -> InvalidRequest:
    return InvalidRequest(f"row {number}: {detail}", [Fault(f"/rows/{number}", detail)])


def _single(dense: np.ndarray) -> np.ndarray:
    """The same numbers as float32. Raises `NotFinite`, also for what only float64 can hold."""
    with np.errstate(over="ignore"):
        single = np.asarray(dense, np.float32)
    if not np.isfinite(single).all():
        raise errors.NotFinite("every number must be finite as a float32; a NaN, an infinity or a larger number came")
    return single
