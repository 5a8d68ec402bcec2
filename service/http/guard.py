"""Checks of every request before routing: host, origin, API key and size of the body.

Knows no route: which bodies may be large is handed in. A service on the loopback address is no safer than the pages
that a browser on the same machine has open, hence the checks of `Host` (DNS rebinding) and `Origin`. FastAPI's own
body limit is not used: it sees a body only where a route reads one, and answers in plain text.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import ForeignOrigin, KeyRequired, Misdirected, ServiceError, UnsupportedMediaType
from service.http import problems
from service.http.body_limits import MAX_JSON_BYTES, BodyLimit
from service.settings import LOOPBACK_NAMES, ServiceSettings, is_loopback

OPEN_PATHS: Final = frozenset({"/livez", "/readyz"})
"""Served without a key, so that an orchestrator needs none."""
MAX_JSON_ITEMS: Final = 2000
"""Commas in a small JSON body: every item may be a fault, and to gather and describe a fault takes up to 50
microseconds of the event loop."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Guard:
    """ASGI middleware that passes on only the requests that the settings allow."""

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings, body_limits: Sequence[BodyLimit]) -> None:
        self._app = app
        self._body_limits = body_limits
        self._default_limit = min(MAX_JSON_BYTES, settings.max_body_bytes)
        self._admission = Admission(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._check(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        limit = self._body_limit(scope)
        try:
            self._admission.check_host(headers)
            _check_origin(scope["method"], headers)
            self._admission.check_key(scope["path"], headers)
            _check_encoding(headers)
            _check_length(headers, limit)
        except (ServiceError, HTTPException) as error:
            await problems.answer(error, scope["state"]["request_id"])(scope, receive, send)
            return
        items = MAX_JSON_ITEMS if limit == self._default_limit else None
        await self._app(scope, _Bounded(receive, limit, items).receive, send)

    def _body_limit(self, scope: Scope) -> int:
        for limit in self._body_limits:
            if scope["method"] in limit.methods and limit.path.match(scope["path"]):
                return limit.bytes
        return self._default_limit


class Admission:
    """Who is served under these settings: under which names, and with which key."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._key = _digest(settings.api_key.get_secret_value()) if settings.api_key else None
        own = {settings.host.lower()} if is_loopback(settings.host) else {settings.host.lower(), "*address*"}
        self._hosts = LOOPBACK_NAMES | own | set(settings.allowed_hosts)

    def check_host(self, headers: Headers) -> None:
        """Raises `Misdirected` unless the service is served under the `Host` of the request."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._serves(_host_name(hosts[0])):
            raise Misdirected(
                "the service is not configured for the Host of this request; "
                "names other than those of the loopback address must be listed in SAE_ALLOWED_HOSTS"
            )

    def _serves(self, name: str) -> bool:
        if name in self._hosts or "*" in self._hosts:
            return bool(name)
        # An address cannot be rebound by a foreign name server, so where others are served at all, any is.
        return "*address*" in self._hosts and _is_address(name)

    def check_key(self, path: str, headers: Headers) -> None:
        """Raises `KeyRequired` without the key, if there is one and the path needs it."""
        if self._key is None or path in OPEN_PATHS:
            return
        if not any(hmac.compare_digest(_digest(given), self._key) for given in _given_keys(headers)):
            raise KeyRequired("this service requires its API key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`")


def _check_origin(method: str, headers: Headers) -> None:
    if method in _SAFE_METHODS:
        return
    foreign = any(_address(origin) != _own_address(origin, headers["host"]) for origin in headers.getlist("origin"))
    if foreign or headers.get("sec-fetch-site", "").lower() == "cross-site":
        raise ForeignOrigin("requests that change something are refused from pages of other origins")


class _Bounded:
    """The receiving side of one request, cut where its body goes over the limit."""

    def __init__(self, receive: Receive, limit: int, items: int | None) -> None:
        self._receive = receive
        self._limit = limit
        self._items = items
        self._received = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            body = message.get("body", b"")
            self._received += len(body)
            if self._received > self._limit:
                raise _too_large(self._limit)
            if self._items is not None:
                self._items -= body.count(b",")
                if self._items < 0:
                    raise HTTPException(413, f"the body has more than the limit of {MAX_JSON_ITEMS:,} commas")
        return message


def _check_length(headers: Headers, limit: int) -> None:
    length = headers.get("content-length", "0")
    # More digits than any limit has are not worth converting.
    if not length.isascii() or not length.isdigit():
        raise HTTPException(400, "Content-Length must be a number of bytes")
    if len(length) > 18 or int(length) > limit:
        raise _too_large(limit)


def _check_encoding(headers: Headers) -> None:
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("compressed bodies are not supported: send the body without Content-Encoding", ())


def _too_large(limit: int) -> HTTPException:
    """An HTTPException, which FastAPI passes on where it reads a body; any other error would become its own 400."""
    return HTTPException(413, f"the body is larger than the limit of {limit:,} bytes")


def _digest(key: str) -> bytes:
    """Keys are compared by digest, so that the time of a comparison does not depend on their length."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _given_keys(headers: Headers) -> Iterator[str]:
    yield from headers.getlist("x-api-key")
    for value in headers.getlist("authorization"):
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() == "bearer":
            yield credentials.strip()


def _host_name(host: str) -> str:
    """The name in a `Host` header, lower case, without port and brackets; empty where it is malformed."""
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", host.lower(), re.ASCII)
    return (match[1] or match[2]).rstrip(".") if match else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address(origin: str) -> tuple[str, int] | None:
    """Host and port of an origin; None for `null` and whatever is not an origin."""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


def _own_address(origin: str, host: str) -> tuple[str, int] | str:
    """Host and port of the request itself, with the origin's scheme: a proxy may have terminated TLS."""
    return _address(f"{origin.lower().partition(':')[0]}://{host}") or "unknown"
