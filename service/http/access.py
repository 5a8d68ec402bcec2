"""The outermost layer: every request gets an id and security headers, is measured, and is logged in one line.

An exception that no handler has turned into a response becomes a 500 without details, and HEAD is served by the
handler of GET. Never logs a query, a header or a body, which may hold secrets.
"""

import re
import secrets
import time
from typing import Any, Final

import structlog
from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http import logs, problems
from service.http.metrics import Measurements

_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_CLIENT_CLOSED: Final = 499
"""nginx's status for a client that closed its connection; never sent, only logged."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    ),
}
"""Set where a route has not set its own. Inline styles are allowed, because an SVG chart contains some."""


class Access:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, *, measurements: Measurements) -> None:
        self._app = app
        self._record = Recorder(measurements)
        self._log = structlog.get_logger("service.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        inner = {**scope, "method": "GET" if exchange.method == "HEAD" else exchange.method}
        inner["state"] = {**scope.get("state", {}), "request_id": exchange.request_id}
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await self._respond(exchange, inner, receive)
            finally:
                route = getattr(inner.get("route"), "path", None) or "unmatched"
                self._record(exchange.request_id, exchange.method, route, exchange.status, exchange.began)

    async def _respond(self, exchange: "_Exchange", scope: Scope, receive: Receive) -> None:
        try:
            await self._app(scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = _CLIENT_CLOSED
        except Exception:
            self._log.exception("unhandled")
            if exchange.started:
                raise
            await problems.unexpected(exchange.request_id)(scope, receive, exchange.send)


class Recorder:
    """Measures and logs requests that have ended."""

    def __init__(self, measurements: Measurements) -> None:
        self._seconds = measurements.request_seconds
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def __call__(self, request_id: str, method: str, route: str, status: int, began: float) -> None:
        """One request: `route` is the template of its path, `began` was `time.perf_counter()` when it came."""
        seconds = time.perf_counter() - began
        if method not in _METHODS:
            method = "_OTHER"
        labels = (method, route, status)
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._seconds.labels(method, route, str(status))
        child.observe(seconds)
        logs.request(request_id, method, route, status, round(1000 * seconds, 1))


def request_id(given: str) -> str:
    """The id that a client sent, if it is well-formed, or a new one."""
    return given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(16)


class _Exchange:
    """One request, and what has been sent of its response."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.request_id = request_id(Headers(scope=scope).get("x-request-id", ""))
        self.method: str = scope["method"]
        self.began = time.perf_counter()
        self.status = 500
        self.started = False
        self._ended = False
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            self._set_headers(message)
        elif self.method == "HEAD":
            if self._ended:
                return
            message, self._ended = (
                {**message, "body": b"", "more_body": False},
                True,
            )  # a stream is cut
        await self._send(message)

    def _set_headers(self, message: Any) -> None:
        message.setdefault("headers", [])
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = self.request_id
        for name, value in SAFE_HEADERS.items():
            headers.setdefault(name, value)
