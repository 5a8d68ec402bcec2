"""How large the body of a request may be: declared beside the route that reads it, handed to the guard as a table.

A route that declares nothing takes `MAX_JSON_BYTES`: a small JSON document, parsed in the event loop.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from fastapi.routing import RouteContext

from service.settings import ServiceSettings

MAX_JSON_BYTES: Final = 2**20

Setting = Literal["max_body_bytes", "max_upload_bytes"]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ATTRIBUTE: Final = "body_limit_setting"


@dataclass(frozen=True)
class BodyLimit:
    """The largest body, in bytes, of requests with one of these methods to a path of this form."""

    methods: frozenset[str]
    path: re.Pattern[str]
    bytes: int


def body_limit(setting: Setting) -> Callable[[Endpoint], Endpoint]:
    """Declare which setting limits the body of a route; stands below the route's own decorator."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, setting)
        return endpoint

    return declare


def collect(routes: Iterable[RouteContext], settings: ServiceSettings) -> Iterator[BodyLimit]:
    """The declared limits of these routes under these settings."""
    for route in routes:
        setting = getattr(route.endpoint, _ATTRIBUTE, None)
        if setting is not None:
            yield BodyLimit(frozenset(route.methods or ()), route.path_regex, getattr(settings, setting))
