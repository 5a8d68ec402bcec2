"""Connections of the server: bounded in number, in header bytes, and in time; uvicorn itself bounds none of these.

A refusal comes before routing, so that it is written here: a problem document without a request id, and the connection
is closed.
"""

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.http.guard import OPEN_PATHS
from service.http.metrics import Measurements
from service.settings import ServiceSettings

RESERVED_FILES: Final = 128
"""File descriptors that are kept for the database, files and libraries."""
HEALTH_CONNECTIONS: Final = 32
"""Connections beyond the limit, which are served only health checks."""
CHUNK_BYTES: Final = 32
"""Bytes of a chunk's frame that do not count as header bytes."""

_TITLES: Final = {
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}

Reason = Literal["connections", "header_bytes", "header_time", "body_time", "answer_time"]


@dataclass(frozen=True)
class Limits:
    """What one connection may take, and how many there may be."""

    connections: int
    of_address: int
    """Connections of one client address."""
    header_bytes: int = 2**16
    """Of request line, headers and trailers of one request."""
    header_lines: int = 100
    header_seconds: float = 10
    """From the connection, or the first byte of a request, to the end of its headers."""
    body_seconds: float = 30
    """Without a byte of an unfinished body."""
    answer_seconds: float = 60
    """In which a client reads nothing of an answer that waits for it."""

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Limits":
        """Those of the settings, but no more connections than this process may have files."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        most = max(8, files - RESERVED_FILES - HEALTH_CONNECTIONS)
        return cls(
            min(settings.max_connections, most),
            min(settings.max_connections_of_address, settings.max_connections, most),
        )


class Connections:
    """The open connections of one server. For its event loop."""

    def __init__(self, limits: Limits, measurements: Measurements) -> None:
        self.limits = limits
        self._refused = measurements.refused_connections
        self._open: set[Connection] = set()
        self._of_address: Counter[str] = Counter()

    def enter(self, connection: "Connection") -> Literal["served", "health", "refused"]:
        """Count a connection, and decide what it is served."""
        self._open.add(connection)
        self._of_address[connection.address] += 1
        beyond = len(self._open) - self.limits.connections
        if beyond <= 0 and self._of_address[connection.address] <= self.limits.of_address:
            return "served"
        if beyond <= HEALTH_CONNECTIONS:
            return "health"
        self.count("connections")
        return "refused"

    def leave(self, connection: "Connection") -> None:
        """Count it no more."""
        if connection in self._open:
            self._open.remove(connection)
            self._of_address[connection.address] -= 1
            if not self._of_address[connection.address]:
                del self._of_address[connection.address]

    def count(self, reason: Reason) -> None:
        """Count a refusal."""
        self._refused.labels(reason).inc()

    def end_stalled(self, now: float) -> None:
        """End those that have taken too long at this time of the event loop."""
        for connection in list(self._open):
            connection.end_if_stalled(now)


class Connection(HttpToolsProtocol):
    """uvicorn's protocol within limits; without a `Connections` in the application's state it has none."""

    address: str = ""
    _ours: Connections | None = None
    _service: Literal["served", "health", "refused"] = "served"
    _state: Literal["idle", "head", "body"] = "head"
    _since: float = 0.0
    """When the head began."""
    _read_at: float = 0.0
    _earlier: int = 0
    """Bytes of this request that are not its body, of earlier reads."""
    _header_bytes: int = 0
    _header_lines: int = 0
    _chunks: int = 0
    _body_bytes: int = 0
    """Of the read that is being parsed."""
    _unsent: int = 0
    _unsent_since: float = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; uvicorn's own."""
        super().connection_made(transport)
        self._ours = self.app_state.get("connections")
        self._since = self._read_at = self.loop.time()
        self.address = self.client[0] if self.client else ""
        if self._ours is not None:
            self._service = self._ours.enter(self)
            if self._service == "refused":
                self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; uvicorn's own."""
        if self._ours is not None:
            self._ours.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the request has too many bytes of headers already; uvicorn's own."""
        self._read_at = self.loop.time()
        self._body_bytes = 0
        super().data_received(data)
        self._earlier += len(data) - self._body_bytes
        if self._ours is None or self.transport.is_closing() or self._state == "idle":
            return
        most = self._ours.limits.header_bytes
        if self._header_bytes > most or self._header_lines > self._ours.limits.header_lines or self._overflows(most):
            self._refuse(431, "HEADERS_TOO_LARGE", "header_bytes", self._too_large())

    def _overflows(self, most: int) -> bool:
        """Whether what came of this request beside its body is too much, though no line of it has ended."""
        return self._earlier > most + CHUNK_BYTES * self._chunks

    def _too_large(self) -> str:
        assert self._ours is not None
        limits = self._ours.limits
        return f"a request has at most {limits.header_lines} headers, of {limits.header_bytes} bytes together"

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """A request begins; uvicorn's own."""
        self._state, self._since = "head", self.loop.time()
        self._earlier = self._header_bytes = self._header_lines = self._chunks = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the target; uvicorn's own."""
        self._header_bytes += len(url)
        if not self._is_too_large():
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or trailer; uvicorn's own."""
        self._header_lines += 1
        self._header_bytes += len(name) + len(value) + 4
        if not self._is_too_large() and self._state == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers have ended; uvicorn's own."""
        if self._is_too_large():
            return
        self._state = "body"
        if self._service == "health":
            assert self._ours is not None
            self.app = _only_health(self.config.loaded_app, self._ours)
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """A chunk of the body begins."""
        self._chunks += 1

    def on_body(self, body: bytes) -> None:
        """A part of the body; uvicorn's own."""
        self._body_bytes += len(body)
        if not self._is_too_large():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has come; uvicorn's own."""
        if self._is_too_large():
            return  # and is refused once what came is parsed
        self._state = "idle"
        super().on_message_complete()

    def _is_too_large(self) -> bool:
        if self._ours is None:
            return False
        limits = self._ours.limits
        return self._header_bytes > limits.header_bytes or self._header_lines > limits.header_lines

    # Time.

    def end_if_stalled(self, now: float) -> None:
        """End the connection if its client has taken too long."""
        assert self._ours is not None
        limits = self._ours.limits
        if self.transport.is_closing():
            return self._end_unread(now, limits.answer_seconds)
        if self._state == "head" and now - self._since > limits.header_seconds:
            return self._refuse(408, "REQUEST_TIMEOUT", "header_time", "the headers did not come in time")
        reads = self._state == "body" and not self.flow.read_paused
        if reads and now - self._read_at > limits.body_seconds:
            return self._refuse(408, "REQUEST_TIMEOUT", "body_time", "the body did not come in time")
        return self._end_unread(now, limits.answer_seconds)

    def _end_unread(self, now: float, seconds: float) -> None:
        """End it if bytes of an answer wait for so long, none of which the client has read."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > seconds:
            assert self._ours is not None
            self._ours.count("answer_time")
            self.transport.abort()

    def _refuse(self, status: int, code: str, reason: Reason, detail: str) -> None:
        assert self._ours is not None
        self._ours.count(reason)
        if not self._is_answered():
            self.transport.write(_response(status, code, detail))
        self.transport.close()

    def _is_answered(self) -> bool:
        """Whether a response would be a second one, or one in the middle of another, or one to no request."""
        if self._state == "head":
            return not self._earlier or (self.cycle is not None and not self.cycle.response_complete)
        return self.cycle is not None and self.cycle.response_started


def _response(status: int, code: str, detail: str) -> bytes:
    """A whole response, after which the connection is closed."""
    document = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": "",
        "errors": [],
    }
    content = orjson.dumps(document)
    return b"".join(
        (
            STATUS_LINE[status],
            b"content-type: application/problem+json\r\nconnection: close\r\n",
            b"content-length: %d\r\n\r\n" % len(content),
            content,
        )
    )


def _only_health(app: Any, connections: Connections) -> Any:
    """The application for a connection beyond the limit."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in OPEN_PATHS:
            await app(scope, receive, send)
            return
        connections.count("connections")
        whole = _response(503, "OVERLOADED", "the service has as many connections as it may have; try again shortly")
        body = whole.partition(b"\r\n\r\n")[2]
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            (b"retry-after", b"1"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return limited


class LimitedServer(uvicorn.Server):
    """A server that ends connections whose clients have taken too long."""

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's own, ten times a second."""
        connections: Connections | None = self.lifespan.state.get("connections")
        if counter % 10 == 0 and connections is not None:
            connections.end_stalled(asyncio.get_running_loop().time())
        return await super().on_tick(counter)
