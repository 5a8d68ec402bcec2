"""The OpenAPI document and the API explorer, which load nothing from other hosts.

Swagger UI comes from an installed package. Its start-up script is a file of its own instead of a part of the page,
so that the page needs no permission for inline scripts.
"""

from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from service.http import paths, problems
from service.http.guard import OPEN_PATHS

TITLE: Final = "Sparse coding service"
SUMMARY: Final = "Train sparse autoencoders, and use them: codes, reconstructions, sparsity statistics, feature images."
DESCRIPTION: Final = f"""\
A run trains an autoencoder on a dataset and publishes it as the next version of a model. `POST {paths.V1}/runs` with
`{{"dataset": {{"name": "digits", "image_size": 28}}}}` starts one; every other setting has a default. A `{{model}}` is
a name (its latest version), `name@3` (a version) or `name@alias`.

Errors are problem documents (RFC 9457) with a stable `code`. The examples work unchanged after `make demo` on the
same data folder.
"""
TAGS: Final = [
    {"name": "runs", "description": "Create, control and follow runs: training, sweeps, baselines, dataset imports."},
    {"name": "models", "description": "Published models: versions, aliases, weights, encoding and reconstruction."},
    {"name": "datasets", "description": "Built-in and uploaded datasets. A dataset never changes."},
    {"name": "analyses", "description": "What a model learned: sparsity, features, selectivity, truncation, probes."},
    {"name": "operations", "description": "Health checks, Prometheus metrics and the training workers."},
]

_BOUNDS: Final[Mapping[str, Mapping[str, int]]] = {
    "string": {"maxLength": 2**31 - 1},
    "array": {"maxItems": 2**31 - 1},
    "integer": {"minimum": -(2**53), "maximum": 2**53},
}
"""Bounds of everything in responses. All integers fit into a double."""
_SAFE_METHODS: Final = frozenset({"get", "head", "options"})
_SECURITY_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key in `SAE_API_KEY`."},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key in `SAE_API_KEY`."},
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Swagger UI sets inline styles; it runs no inline scripts."""
_PAGE: Final = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="explorer"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START: Final = """"use strict";
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#explorer",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  layout: "BaseLayout",
});
"""

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def explorer() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/start.js")
async def explorer_script() -> Response:
    return Response(_START, media_type="text/javascript")


def install(app: FastAPI) -> None:
    """Serve the API explorer, its assets and the OpenAPI document."""
    app.include_router(router)
    app.mount("/docs/assets", StaticFiles(directory=_assets()), name="assets")


def complete(document: dict[str, Any], *, needs_key: bool) -> dict[str, Any]:
    """FastAPI's document, completed with what holds for all routes: problems, API keys and the request id."""
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    if needs_key:
        document["components"]["securitySchemes"] = _SECURITY_SCHEMES
        document["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _complete_operation(path, method, operation, needs_key=needs_key)
    _bound_answers(document)
    return document


def _complete_operation(path: str, method: str, operation: dict[str, Any], *, needs_key: bool) -> None:
    answers = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422")):
        del answers["422"]
    for status, described in problems.responses(*_statuses(path, method, operation, needs_key=needs_key)).items():
        answers.setdefault(str(status), described)
    for described in answers.values():
        described.setdefault("headers", {})["X-Request-ID"] = {
            "description": "Id of this request, as in the log.",
            "schema": {"type": "string", "maxLength": 64},
        }
    operation["responses"] = dict(sorted(answers.items()))
    for parameter in operation.get("parameters", ()):
        if examples := parameter["schema"].get("examples"):
            parameter["example"] = examples[0]  # the API explorer fills in this one, and not those of the schema
    if path in OPEN_PATHS:
        operation["security"] = []


def _statuses(path: str, method: str, operation: dict[str, Any], *, needs_key: bool) -> Iterator[int]:
    """Statuses of the problems that every route of this kind may return, beside its own."""
    yield 421
    if needs_key and path not in OPEN_PATHS:
        yield 401
    if method not in _SAFE_METHODS:
        yield 403
    if "requestBody" in operation:
        yield from (400, 413, 415)
    if "requestBody" in operation or "parameters" in operation:
        yield 422
    yield 500


def _bound_answers(document: dict[str, Any]) -> None:
    """Add `_BOUNDS` to the schemas of responses, where a schema has none of its own.

    Requests have to be bounded by the code that parses them, so schemas that a request may contain stay as they are.
    """
    schemas = document["components"]["schemas"]
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    requested = _reachable([(each.get("requestBody"), each.get("parameters")) for each in operations], schemas)
    for name, schema in schemas.items():
        if name not in requested:
            _bound(schema)
    for operation in operations:
        _bound(operation["responses"])


def _reachable(node: Any, schemas: Mapping[str, Any]) -> frozenset[str]:
    """Names of the shared schemas that are referred to, directly or through others."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        names = {str(ref).rpartition("/")[2] for ref in _values(waiting.pop(), "$ref")}
        waiting += [schemas[name] for name in names - found if name in schemas]
        found |= names
    return frozenset(found)


def _values(node: Any, key: str) -> Iterator[Any]:
    """All values of `key`, at any depth."""
    if isinstance(node, Mapping):
        yield from (value for name, value in node.items() if name == key)
    if isinstance(node, Mapping | list | tuple):
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from _values(child, key)


def _bound(node: Any) -> None:
    """Add the missing bounds to every schema in `node`."""
    if isinstance(node, list):
        for child in node:
            _bound(child)
    if isinstance(node, dict):
        for child in list(node.values()):
            _bound(child)
        if not {"enum", "const"} & node.keys():
            for name, value in _BOUNDS.get(str(node.get("type")), {}).items():
                node.setdefault(name, value)
        if "properties" in node and node.get("type") == "object":
            node.setdefault("additionalProperties", False)


def _assets() -> Path:
    """The folder of Swagger UI in the installed package."""
    return Path(str(resources.files("fastapi_offline"))) / "static"
