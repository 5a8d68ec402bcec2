"""Checks every JSON answer against the application's own OpenAPI document, at the moment when it arrives."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from service.app import Application

MAX_ITEMS: Final = 16
"""Items of a long list that are checked: all of thousands of numbers would take seconds."""

_DOCUMENT: Final = "urn:openapi"
_PROBLEM: Final = f"{_DOCUMENT}#/components/schemas/Problem"
_PROBLEM_TYPE: Final = "application/problem+json"
_JSON: Final = frozenset({"application/json", _PROBLEM_TYPE})


class ContractBroken(AssertionError):
    """An answer is not what the OpenAPI document says."""


_contracts: dict[bool, "Contract"] = {}
"""By whether the application needs a key: to make the document takes longer than many a test."""


def response_check(application: Application) -> Callable[[httpx.Response], None]:
    """An event hook for clients of the application; it raises `ContractBroken`."""

    def check(response: httpx.Response) -> None:
        media_type = response.headers.get("content-type", "").partition(";")[0]
        own = response.request.url.path == "/openapi.json"
        if media_type in _JSON and response.request.method != "HEAD" and not own:
            contract_of(application).check(response, media_type)

    return check


def contract_of(application: Application) -> "Contract":
    """The contract of applications with, or without, a key."""
    needs_key: bool = application.state.needs_key
    if needs_key not in _contracts:
        _contracts[needs_key] = Contract(application.openapi())
    return _contracts[needs_key]


class Contract:
    """An OpenAPI 3.1 document, and which of its schemas an answer must fit."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._registry: Registry[Any] = Registry().with_resource(_DOCUMENT, DRAFT202012.create_resource(document))
        self._operations = list(_operations(document))

    def check(self, response: httpx.Response, media_type: str) -> None:
        """Raise `ContractBroken` where the media type or the body is not what the operation documents."""
        request = response.request
        schema = self._schema(request.method, request.url.path, response.status_code, media_type)
        response.read()
        validator = Draft202012Validator({"$ref": schema}, registry=self._registry)
        errors = sorted(validator.iter_errors(_shortened(response.json())), key=lambda error: len(error.path))
        if errors:
            where = "/".join(str(step) for step in errors[0].absolute_path)
            raise ContractBroken(
                f"{request.method} {request.url.path} {response.status_code}: /{where}: {errors[0].message[:2000]}"
            )

    def _schema(self, method: str, path: str, status: int, media_type: str) -> str:
        """The reference of the schema for this answer; an answer to a request without an operation is a problem."""
        for known_method, pattern, responses, pointer in self._operations:
            if known_method == method and pattern.fullmatch(path):
                documented = responses.get(str(status), {}).get("content", {})
                if media_type not in documented:
                    raise ContractBroken(f"{method} {path}: {status} {media_type} is not documented")
                return f"{_DOCUMENT}#{pointer}/{status}/content/{_escaped(media_type)}/schema"
        return _PROBLEM


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, re.Pattern[str], Mapping[str, Any], str]]:
    """Method, form of the path, documented responses and the JSON pointer to these, of every operation."""
    for path, item in document["paths"].items():
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        for method, operation in item.items():
            yield method.upper(), pattern, operation["responses"], f"/paths/{_escaped(path)}/{method}/responses"


def _escaped(step: str) -> str:
    """One step of a JSON pointer within a URI."""
    return step.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _shortened(value: Any) -> Any:
    """The value with the first items of long lists only."""
    if isinstance(value, list):
        return [_shortened(item) for item in value[:MAX_ITEMS]]
    return {name: _shortened(item) for name, item in value.items()} if isinstance(value, dict) else value
