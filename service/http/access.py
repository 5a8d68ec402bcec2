"""The outermost layer: every request gets an id and security headers, is measured, and is logged in one line.

An exception that no handler has turned into a response becomes a 500 without details, and HEAD is served by the
handler of GET. Never logs a query, a header or a body, which may hold secrets.
"""

import re
import time
import uuid
from typing import Any, Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http import problems
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
        self._measurements = measurements
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
                self._record(exchange, inner)

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

    def _record(self, exchange: "_Exchange", scope: Scope) -> None:
        seconds = time.perf_counter() - exchange.began
        method = exchange.method if exchange.method in _METHODS else "_OTHER"
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        self._measurements.request_seconds.labels(method, route, str(exchange.status)).observe(seconds)
        self._log.info(
            "request", method=method, route=route, status=exchange.status, duration_ms=round(1000 * seconds, 1)
        )


class _Exchange:
    """One request, and what has been sent of its response."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        self.request_id = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
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
