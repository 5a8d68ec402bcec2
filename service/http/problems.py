"""The one table from errors to HTTP: class -> status, and the problem document (RFC 9457) that a client reads.

Answers never hold a traceback, a path, SQL or the client's own input. Knows all error trees, and no route.
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

import registry.errors as archive
import service.errors as door
import sparse_coding.errors as workshop
from service import space
from sparse_coding.specs.fields import UNION_TAGS

_log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
MAX_FAULTS: Final = 20
MAX_POINTER: Final = 200
"""Characters: a pointer holds names that the client chose."""

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
"""RFC 9110's names, which Python's own table has only in newer versions."""

STATUSES: Final[Mapping[type[Exception], int]] = MappingProxyType(
    {
        door.ServiceError: 500,
        door.Misdirected: 421,
        door.ForeignOrigin: 403,
        door.KeyRequired: 401,
        door.NotAcceptable: 406,
        door.UnsupportedMediaType: 415,
        door.InvalidRequest: 422,
        door.SpecRefused: 422,
        door.UnknownDataset: 422,
        door.DatasetNotPresent: 409,
        door.LatentNotFound: 404,
        door.NoResults: 409,
        door.RunNotSucceeded: 409,
        door.MethodNotFound: 404,
        door.NameReserved: 409,
        door.LatentNotFound: 404,
        door.Overloaded: 503,
        door.StorageFull: 507,
        door.NotReady: 503,
        workshop.SparseCodingError: 500,
        workshop.InvalidInput: 422,
        workshop.WrongWidth: 422,
        workshop.RaggedRows: 422,
        workshop.NotFinite: 422,
        workshop.UnsupportedDtype: 422,
        workshop.NotNumbers: 422,
        workshop.TooManyRows: 413,
        workshop.EmptyInput: 422,
        workshop.TooManyCoefficients: 422,
        workshop.InvalidFile: 422,
        workshop.UnreadableFile: 422,
        workshop.UnsupportedFormat: 415,
        workshop.InconsistentDataset: 422,
        workshop.TooLarge: 413,
        workshop.IndexOutOfRange: 422,
        workshop.UnknownSplit: 422,
        workshop.NotAnImage: 422,
        workshop.NoLabels: 409,
        workshop.UnsuitableLabels: 409,
        workshop.DatasetUnavailable: 503,
        workshop.InputsOutOfRange: 422,
        workshop.TrainingDiverged: 500,
        workshop.SpecDoesNotFit: 422,
        workshop.CheckpointMismatch: 500,
        archive.RegistryError: 500,
        archive.NotFound: 404,
        archive.RunNotFound: 404,
        archive.DatasetNotFound: 404,
        archive.CheckpointNotFound: 404,
        archive.ModelNotFound: 404,
        archive.VersionNotFound: 404,
        archive.AliasNotFound: 404,
        archive.Conflict: 409,
        archive.RunFinished: 409,
        archive.RunIsLive: 409,
        archive.RunInUse: 409,
        archive.DatasetExists: 409,
        archive.DatasetInUse: 409,
        archive.VersionInUse: 409,
        archive.IdempotencyMismatch: 422,
        archive.InvalidRequest: 422,
        archive.InvalidReference: 422,
        archive.InvalidAlias: 422,
        archive.InvalidCursor: 422,
        archive.ReservedName: 422,
        archive.QueueFull: 503,
        archive.Fenced: 500,
        archive.ArtifactMissing: 500,
        archive.StoreBusy: 503,
        archive.StillWorking: 500,
        archive.BackupFailed: 500,
        archive.DatabaseUnavailable: 503,
        archive.DatabaseFull: 507,
        archive.UnsuitableDatabase: 500,
        archive.NetworkFileSystem: 500,
        archive.SchemaError: 500,
        archive.SchemaMissing: 503,
        archive.SchemaTooOld: 503,
        archive.SchemaTooNew: 503,
        archive.MigrationFailed: 500,
    }
)


class ProblemFault(BaseModel):
    """One place in the request, and what is wrong with it."""

    model_config = ConfigDict(extra="forbid")
    pointer: str = Field(
        max_length=MAX_POINTER,
        description="JSON pointer into the body (empty: all of it), or `query:`, `path:` or `header:` and a name.",
    )
    detail: str = Field(max_length=1000, description="What was expected, and what came.")


_EXAMPLE: Final[JsonDict] = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "The model takes rows x 784; 2 x 783 came.",
    "code": "WRONG_WIDTH",
    "request_id": "7afcf61d2167470bb07cb881199d73a9",
    "errors": [],
}


class Problem(BaseModel):
    """Why a request was not served (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    type: str = Field(max_length=200, description="`about:blank`: the title is that of the status.")
    title: str = Field(max_length=100)
    status: int = Field(ge=400, le=599)
    detail: str = Field(max_length=2000, description="For humans: what was expected, and what came.")
    code: str = Field(max_length=100, pattern="^[A-Z][A-Z0-9_]*$", description="For programs: stable.")
    request_id: str = Field(max_length=64, description="Also in the header `X-Request-ID`, and in the log.")
    errors: list[ProblemFault] = Field([], max_length=MAX_FAULTS, description="The places, where there are any.")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents for these statuses, and for a database that is away."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": TITLES[status], "content": content} for status in sorted({*statuses, 503})}


def install(app: FastAPI) -> None:
    """Answer every error of the trees, of FastAPI and of Starlette with a problem."""
    for tree in (door.ServiceError, workshop.SparseCodingError, archive.RegistryError, HTTPException):
        app.add_exception_handler(tree, _handle)
    app.add_exception_handler(RequestValidationError, _handle_invalid)
    app.add_exception_handler(OSError, _handle_system)


def unreadable(error: pydantic.ValidationError) -> RequestValidationError:
    """What FastAPI would have raised, for a body that a route has parsed by itself."""
    faults = error.errors(include_url=False, include_input=True)
    return RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults])


def answer(error: Exception, request_id: str) -> Response:
    """The response for an error of one of the trees, or an HTTPException."""
    if isinstance(error, HTTPException):
        return _problem(error.status_code, _http_code(error), _http_detail(error), request_id, (), error.headers)
    status = status_of(type(error))
    faults = error.faults if isinstance(error, door.InvalidRequest | door.NotReady) else ()
    return _problem(status, getattr(error, "code", "ERROR"), str(error), request_id, faults, _headers(error))


def unexpected(request_id: str) -> Response:
    """A 500 that says nothing but where to look."""
    detail = "something went wrong here; the log of the service has the reason under this request_id"
    return _problem(500, "INTERNAL_ERROR", detail, request_id)


def status_of(error: type[Exception]) -> int:
    """The row of the error's class, or of the nearest class above it."""
    return next(STATUSES[ancestor] for ancestor in error.__mro__ if ancestor in STATUSES)


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            error.headers = {"Allow": ", ".join(_methods(request))}
    elif status_of(type(error)) == 500:
        raise error  # no fault of the client's: logged with its traceback, and answered without
    elif isinstance(error, archive.DatabaseUnavailable):
        _log.warning("database_away", reason=error.said)
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
        wanted = door.UnsupportedMediaType("the body must be JSON, sent as application/json", ["application/json"])
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
    faults: Sequence[door.Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    title = TITLES.get(status, "Error")
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail[:2000]}
    document |= {"code": code, "request_id": request_id}
    if faults:
        document["errors"] = [{"pointer": fault.pointer, "detail": fault.detail[:1000]} for fault in faults]
    return Response(orjson.dumps(document), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _headers(error: Exception) -> dict[str, str]:
    """What HTTP wants to be said beside the status."""
    if isinstance(error, door.KeyRequired):
        return {"WWW-Authenticate": 'Bearer realm="sparse-coding-service"'}
    if isinstance(error, door.UnsupportedMediaType):
        return {"Accept": ", ".join(error.accepted)} if error.accepted else {"Accept-Encoding": "identity"}
    if isinstance(error, door.Overloaded):
        return {"Retry-After": str(error.retry_after)}
    return {"Retry-After": "30"} if status_of(type(error)) == 503 else {}


def _http_code(error: HTTPException) -> str:
    if error.status_code == 400 and error.detail == _BODY_UNREADABLE:
        return "MALFORMED_JSON"
    return TITLES.get(error.status_code, "Error").upper().replace(" ", "_")


_BODY_UNREADABLE: Final = "There was an error parsing the body"
"""FastAPI's words for JSON that its parser gave up on."""


def _http_detail(error: HTTPException) -> str:
    if error.detail == _BODY_UNREADABLE:
        return _MALFORMED_JSON
    if error.status_code == 404 and error.detail == "Not Found":
        return "there is nothing at this path; /docs shows what there is"
    if error.status_code == 405:
        return f"this path is there for {(error.headers or {}).get('Allow', 'other methods')}"
    return str(error.detail)


def _methods(request: Request) -> list[str]:
    """Every method of the path; Starlette itself names those of the first route that matches."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(request.scope["path"]):
            methods |= set(route.methods or ())
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _fault(fault: Mapping[str, Any]) -> door.Fault:
    where, *path = fault["loc"] or ("body",)
    came = _came(fault) if where == "body" else ""  # anywhere else it is always text
    return door.Fault(_pointer(str(where), path)[:MAX_POINTER], f"{_words(fault)}{came}")


def _words(fault: Mapping[str, Any]) -> str:
    """What was expected, in JSON's words: Python's tuples are lists there."""
    words = str(fault["msg"]).replace("Tuple should", "List should").replace(" after validation", "")
    return _INSTANCE.sub("", words.replace("valid tuple", "valid list").replace("valid dictionary", "valid object"))


def _pointer(where: str, path: Iterable[str | int]) -> str:
    if where != "body":
        return ":".join([where, *(str(step) for step in path)][:2])  # a name; what follows is pydantic's own
    steps = (str(step) for step in path if step not in UNION_TAGS)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def _came(fault: Mapping[str, Any]) -> str:
    """What came instead, by its kind; of the client's own input only short numbers are repeated."""
    value = fault.get("input")
    if fault["type"] in ("missing", "extra_forbidden", "unknown_kind", "not_varied"):
        return ""
    if isinstance(value, bool | int | float) and len(repr(value)) <= 24:
        return f", got {json.dumps(value)}"
    return f", got {_KINDS.get(type(value), 'something else')}"


_INSTANCE: Final = re.compile(r" or instance of \w+")
"""Of Python's classes a client knows nothing."""

_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {str: "text", list: "an array", dict: "an object", type(None): "null", int: "a longer number", bytes: "bytes"}
)
