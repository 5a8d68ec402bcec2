"""HTTP statuses of all errors, and the problem documents (RFC 9457) that clients get.

A problem never contains a traceback, a path, SQL or the client's own input.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson
import pydantic
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import registry.errors as registry_errors
import service.errors as service_errors
import sparse_coding.errors as core_errors
from service import space
from sparse_coding.specs.fields import UNION_TAGS

_log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
MAX_FAULTS: Final = 20
MAX_POINTER: Final = 200
"""Characters; a pointer contains names that the client chose."""

TITLES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "Bad Request",
        401: "Unauthorized",
        403: "Forbidden",
        404: "Not Found",
        405: "Method Not Allowed",
        406: "Not Acceptable",
        409: "Conflict",
        413: "Content Too Large",
        415: "Unsupported Media Type",
        416: "Range Not Satisfiable",
        421: "Misdirected Request",
        422: "Unprocessable Content",
        500: "Internal Server Error",
        503: "Service Unavailable",
        507: "Insufficient Storage",
    }
)
"""RFC 9110's names, some of which Python's own table has only in newer versions."""


def table(rows: Iterable[tuple[type[Exception], int]]) -> Mapping[type[Exception], int]:
    """The rows as a mapping. Raises ValueError for a class with two rows, of which a literal would keep the last."""
    statuses: dict[type[Exception], int] = {}
    for error, status in rows:
        if error in statuses:
            raise ValueError(f"{error.__qualname__} has two rows in the table of statuses")
        statuses[error] = status
    return MappingProxyType(statuses)


STATUSES: Final = table(
    (
        (service_errors.ServiceError, 500),
        (service_errors.Misdirected, 421),
        (service_errors.ForeignOrigin, 403),
        (service_errors.KeyRequired, 401),
        (service_errors.NotAcceptable, 406),
        (service_errors.UnsupportedMediaType, 415),
        (service_errors.InvalidRequest, 422),
        (service_errors.SpecRefused, 422),
        (service_errors.UnknownDataset, 422),
        (service_errors.DatasetNotPresent, 409),
        (service_errors.LatentNotFound, 404),
        (service_errors.NoResults, 409),
        (service_errors.RunNotSucceeded, 409),
        (service_errors.MethodNotFound, 404),
        (service_errors.NameReserved, 409),
        (service_errors.Overloaded, 503),
        (service_errors.StorageFull, 507),
        (service_errors.NotReady, 503),
        (core_errors.SparseCodingError, 500),
        (core_errors.InvalidInput, 422),
        (core_errors.WrongWidth, 422),
        (core_errors.RaggedRows, 422),
        (core_errors.NotFinite, 422),
        (core_errors.UnsupportedDtype, 422),
        (core_errors.NotNumbers, 422),
        (core_errors.TooManyRows, 413),
        (core_errors.EmptyInput, 422),
        (core_errors.TooManyCoefficients, 422),
        (core_errors.InvalidFile, 422),
        (core_errors.UnreadableFile, 422),
        (core_errors.UnsupportedFormat, 415),
        (core_errors.InconsistentDataset, 422),
        (core_errors.PrecisionLost, 422),
        (core_errors.ValuesTooLarge, 422),
        (core_errors.TooLarge, 413),
        (core_errors.IndexOutOfRange, 422),
        (core_errors.UnknownSplit, 422),
        (core_errors.NotAnImage, 422),
        (core_errors.NoLabels, 409),
        (core_errors.UnsuitableLabels, 409),
        (core_errors.DatasetUnavailable, 503),
        (core_errors.InputsOutOfRange, 422),
        (core_errors.TrainingDiverged, 500),
        (core_errors.SpecDoesNotFit, 422),
        (core_errors.CheckpointMismatch, 500),
        (registry_errors.RegistryError, 500),
        (registry_errors.NotFound, 404),
        (registry_errors.RunNotFound, 404),
        (registry_errors.DatasetNotFound, 404),
        (registry_errors.CheckpointNotFound, 404),
        (registry_errors.ModelNotFound, 404),
        (registry_errors.VersionNotFound, 404),
        (registry_errors.AliasNotFound, 404),
        (registry_errors.Conflict, 409),
        (registry_errors.RunFinished, 409),
        (registry_errors.RunIsLive, 409),
        (registry_errors.RunInUse, 409),
        (registry_errors.DatasetExists, 409),
        (registry_errors.DatasetInUse, 409),
        (registry_errors.VersionInUse, 409),
        (registry_errors.IdempotencyMismatch, 422),
        (registry_errors.InvalidRequest, 422),
        (registry_errors.InvalidReference, 422),
        (registry_errors.InvalidAlias, 422),
        (registry_errors.InvalidCursor, 422),
        (registry_errors.ReservedName, 422),
        (registry_errors.QueueFull, 503),
        (registry_errors.Fenced, 500),
        (registry_errors.ArtifactMissing, 500),
        (registry_errors.StoreBusy, 503),
        (registry_errors.StillWorking, 500),
        (registry_errors.BackupFailed, 500),
        (registry_errors.DatabaseUnavailable, 503),
        (registry_errors.DatabaseFull, 507),
        (registry_errors.UnsuitableDatabase, 500),
        (registry_errors.NetworkFileSystem, 500),
        (registry_errors.SchemaError, 500),
        (registry_errors.SchemaMissing, 503),
        (registry_errors.SchemaTooOld, 503),
        (registry_errors.SchemaTooNew, 503),
        (registry_errors.MigrationFailed, 500),
    )
)


class ProblemFault(BaseModel):
    """One place in the request, and what is wrong with it."""

    model_config = ConfigDict(extra="forbid")
    pointer: str = Field(
        max_length=MAX_POINTER,
        description="JSON pointer into the body (empty: all of it), or `query:`, `path:` or `header:` and a name.",
    )
    detail: str = Field(max_length=1000, description="What was expected, and what was sent.")


_EXAMPLE: Final[JsonDict] = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "The model takes rows x 784; got 2 x 783.",
    "code": "WRONG_WIDTH",
    "request_id": "7afcf61d2167470bb07cb881199d73a9",
    "errors": [],
}


class Problem(BaseModel):
    """Why a request failed (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    type: str = Field(max_length=200, description="`about:blank`: the title is that of the status.")
    title: str = Field(max_length=100)
    status: int = Field(ge=400, le=599)
    detail: str = Field(max_length=2000, description="For humans: what was expected, and what was sent.")
    code: str = Field(max_length=100, pattern="^[A-Z][A-Z0-9_]*$", description="For programs. Stable.")
    request_id: str = Field(max_length=64, description="Also in the header `X-Request-ID` and in the log.")
    errors: list[ProblemFault] = Field([], max_length=MAX_FAULTS, description="The invalid parts of the request.")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents for these statuses, and for an unavailable database."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": TITLES[status], "content": content} for status in sorted({*statuses, 503})}


def install(app: FastAPI) -> None:
    """Turn the errors of all packages, of FastAPI and of Starlette into problem documents."""
    for tree in (
        service_errors.ServiceError,
        core_errors.SparseCodingError,
        registry_errors.RegistryError,
        HTTPException,
    ):
        app.add_exception_handler(tree, _handle)
    app.add_exception_handler(RequestValidationError, _handle_invalid)
    app.add_exception_handler(OSError, _handle_system)


def unreadable(error: pydantic.ValidationError) -> RequestValidationError:
    """The error that FastAPI would have raised, for a body that a route has parsed by itself."""
    faults = error.errors(include_url=False, include_input=True)
    return RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults])


def answer(error: Exception, request_id: str) -> Response:
    """The response for an error of one of the trees, or an HTTPException."""
    if isinstance(error, HTTPException):
        return _problem(error.status_code, _http_code(error), _http_detail(error), request_id, (), error.headers)
    status = status_of(type(error))
    faults = error.faults if isinstance(error, service_errors.InvalidRequest | service_errors.NotReady) else ()
    return _problem(status, getattr(error, "code", "ERROR"), str(error), request_id, faults, _headers(error))


def unexpected(request_id: str) -> Response:
    """A 500 without details, with the request id that stands in the log."""
    detail = "an internal error occurred; the log of the service has the cause under this request_id"
    return _problem(500, "INTERNAL_ERROR", detail, request_id)


def status_of(error: type[Exception]) -> int:
    """The row of the error's class, or of the nearest class above it."""
    return next(STATUSES[ancestor] for ancestor in error.__mro__ if ancestor in STATUSES)


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            error.headers = {"Allow": ", ".join(_methods(request))}
    elif status_of(type(error)) == 500:
        raise error  # not the client's fault: logged with its traceback, and sent without
    elif isinstance(error, registry_errors.DatabaseUnavailable):
        _log.warning("database_away", reason=error.driver_message)
    return answer(error, request.state.request_id)


async def _handle_system(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    shortage = space.shortage(error)
    if shortage is None:
        raise error
    _log.error("disk_full", error=error.strerror)
    return answer(shortage, request.state.request_id)


async def _handle_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    request_id = request.state.request_id
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return _problem(400, "MALFORMED_JSON", _MALFORMED_JSON, request_id)
    faults = [_fault(fault) for fault in error.errors()[:MAX_FAULTS]]
    if any(fault.pointer == "" for fault in faults) and not _is_json(request):
        wanted = service_errors.UnsupportedMediaType(
            "the body must be JSON, sent as application/json", ["application/json"]
        )
        return answer(wanted, request_id)
    more = f" (and {len(error.errors()) - 1} more)" if len(error.errors()) > 1 else ""
    detail = f"{faults[0].pointer or 'the body'}: {faults[0].detail}{more}"
    return _problem(422, "INVALID_REQUEST", detail, request_id, faults)


_MALFORMED_JSON: Final = (
    "the body must be JSON in UTF-8, not nested hundreds deep, without numbers of thousands of digits"
)


def _problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    faults: Sequence[service_errors.Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    title = TITLES.get(status, "Error")
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail[:2000]}
    document |= {"code": code, "request_id": request_id}
    if faults:
        document["errors"] = [{"pointer": fault.pointer, "detail": fault.detail[:1000]} for fault in faults]
    return Response(orjson.dumps(document), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _headers(error: Exception) -> dict[str, str]:
    """Headers that HTTP requires or recommends with the status."""
    if isinstance(error, service_errors.KeyRequired):
        return {"WWW-Authenticate": 'Bearer realm="sparse-coding-service"'}
    if isinstance(error, service_errors.UnsupportedMediaType):
        return {"Accept": ", ".join(error.accepted)} if error.accepted else {"Accept-Encoding": "identity"}
    if isinstance(error, service_errors.Overloaded):
        return {"Retry-After": str(error.retry_after)}
    return {"Retry-After": "30"} if status_of(type(error)) == 503 else {}


def _http_code(error: HTTPException) -> str:
    if error.status_code == 400 and error.detail == _BODY_UNREADABLE:
        return "MALFORMED_JSON"
    return TITLES.get(error.status_code, "Error").upper().replace(" ", "_")


_BODY_UNREADABLE: Final = "There was an error parsing the body"
"""FastAPI's message for JSON that it could not parse."""


def _http_detail(error: HTTPException) -> str:
    if error.detail == _BODY_UNREADABLE:
        return _MALFORMED_JSON
    if error.status_code == 404 and error.detail == "Not Found":
        return "no route has this path; /docs lists all routes"
    if error.status_code == 405:
        return f"this path supports {(error.headers or {}).get('Allow', 'other methods')}"
    return str(error.detail)


def _methods(request: Request) -> list[str]:
    """All methods of the path; Starlette itself lists only those of the first route that matches."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(request.scope["path"]):
            methods |= set(route.methods or ())
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _fault(fault: Mapping[str, Any]) -> service_errors.Fault:
    where, *path = fault["loc"] or ("body",)
    got = _got(fault) if where == "body" else ""  # elsewhere every value is text
    return service_errors.Fault(_pointer(str(where), path)[:MAX_POINTER], f"{_expected(fault)}{got}")


def _expected(fault: Mapping[str, Any]) -> str:
    """What was expected, in JSON's terms: a Python tuple is a list there."""
    text = str(fault["msg"]).replace("Tuple should", "List should").replace(" after validation", "")
    return _INSTANCE.sub("", text.replace("valid tuple", "valid list").replace("valid dictionary", "valid object"))


def _pointer(where: str, path: Iterable[str | int]) -> str:
    if where != "body":
        return ":".join([where, *(str(step) for step in path)][:2])  # the rest is internal to pydantic
    steps = (str(step) for step in path if step not in UNION_TAGS)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _got(fault: Mapping[str, Any]) -> str:
    """What was sent instead, by its kind; of the client's own input only short numbers are repeated."""
    value = fault.get("input")
    if fault["type"] in ("missing", "extra_forbidden", "unknown_kind", "not_varied"):
        return ""
    if isinstance(value, bool | int | float) and len(repr(value)) <= 24:
        return f", got {json.dumps(value)}"
    return f", got {_KINDS.get(type(value), 'something else')}"


_INSTANCE: Final = re.compile(r" or instance of \w+")
"""Names of Python classes mean nothing to a client."""

_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {str: "text", list: "an array", dict: "an object", type(None): "null", int: "a longer number", bytes: "bytes"}
)
