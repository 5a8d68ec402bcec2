"""Bounds of connections, by raw sockets: header bytes, time, and number; health checks are answered throughout."""

import contextlib
import dataclasses
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.http.connections import HEALTH_CONNECTIONS, Limits
from service.settings import ServiceSettings
from testing.api import Api, StartApi
from testing.waiting import eventually

pytestmark = pytest.mark.slow
LIMITS = Limits(connections=20, of_address=20)
PATIENT = 30.0


@pytest.fixture
def limited(serve: StartApi, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """Starts a service with these limits."""

    def start(**limits: float) -> Api:
        chosen = dataclasses.replace(LIMITS, **limits)
        monkeypatch.setattr(Limits, "of", lambda _: chosen)
        return serve()

    return start


@contextlib.contextmanager
def connected(api: Api) -> Iterator[socket.socket]:
    url = api.http.base_url
    with socket.create_connection((url.host, url.port or 0), timeout=PATIENT) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            received += piece
    return received


def code(response: bytes) -> tuple[int, str]:
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)["code"]


def head(api: Api, lines: str = "", method: str = "GET /livez") -> bytes:
    return f"{method} HTTP/1.1\r\nHost: 127.0.0.1:{api.http.base_url.port}\r\n{lines}".encode()


def refusals(api: Api, reason: str) -> float:
    name = f'sae_refused_connections_total{{reason="{reason}"}} '
    lines = [line for line in api.http.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2]) if lines else 0


def send_for_ever(connection: socket.socket, piece: bytes) -> int:
    """Send until the server closes, at most 64 MiB; how much was sent."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 2**26:
            sent += connection.send(piece)
    return sent


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        ("", b"X-A: a\r\n" * 8192),
        ("X-A: ", b"a" * 65_536),
        ("X-A: a\r\nX-B: ", b" " * 65_536),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X-A: a\r\n" * 8192),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-A: ", b"a" * 65_536),
        ("Transfer-Encoding: chunked\r\n\r\n1;x=", b"a" * 65_536),
    ],
    ids=["lines", "a value", "blanks", "trailers", "a trailer", "a chunk's extension"],
)
def test_headers_without_an_end_are_refused_after_some_bytes(
    limited: Callable[..., Api], begin: str, piece: bytes
) -> None:
    api = limited()
    with connected(api) as connection:
        connection.sendall(head(api, begin, "POST /livez"))
        assert send_for_ever(connection, piece) < 8 * 2**20, "what the kernel's buffers hold, and not more"
    assert api.http.get("/livez").status_code == 200
    assert refusals(api, "header_bytes") == 1


def test_a_target_without_an_end_is_refused(limited: Callable[..., Api]) -> None:
    api = limited()
    with connected(api) as connection:
        connection.sendall(b"GET /")
        assert send_for_ever(connection, b"a" * 65_536) < 8 * 2**20
    assert refusals(api, "header_bytes") == 1


@pytest.mark.parametrize(("lines", "size", "status"), [(99, 10, 200), (100, 10, 431), (10, 6000, 200), (10, 7000, 431)])
def test_the_limits_are_those_that_are_said(limited: Callable[..., Api], lines: int, size: int, status: int) -> None:
    api = limited()
    with connected(api) as connection:
        more = "".join(f"X-{number}: {'a' * size}\r\n" for number in range(lines))
        connection.sendall(head(api, f"{more}\r\n"))
        response = connection.recv(65_536)
        assert int(response.split()[1]) == status
        if status == 431:
            assert code(response + all_of(connection)) == (431, "HEADERS_TOO_LARGE")


def test_a_later_request_of_a_connection_is_refused_like_the_first(limited: Callable[..., Api]) -> None:
    api = limited()
    with connected(api) as connection:
        connection.sendall(head(api, "\r\n"))
        assert connection.recv(65_536).split()[1] == b"200"
        connection.sendall(head(api, "X-A: a\r\n" * 200 + "\r\n"))
        assert code(all_of(connection)) == (431, "HEADERS_TOO_LARGE")


def test_a_request_that_was_answered_early_is_not_answered_twice(limited: Callable[..., Api]) -> None:
    """Its body was refused before it came, and then it does not come."""
    api = limited(body_seconds=0.5)
    with connected(api) as connection:
        lines = "Content-Type: application/json\r\nContent-Length: 999999999\r\n\r\n{"
        connection.sendall(head(api, lines, "POST /api/v1/runs"))
        received = all_of(connection)
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.split()[1] == b"413"


def test_a_body_in_tiny_chunks_is_no_header(limited: Callable[..., Api]) -> None:
    api = limited()
    with connected(api) as connection:
        lines = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        connection.sendall(head(api, lines, "POST /api/v1/runs"))
        body = b'{"dataset": {"name": "digits"}}' + b" " * 40_000
        connection.sendall(b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        assert all_of(connection).split()[1] == b"202"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", None),
        (b"GET /li", (408, "REQUEST_TIMEOUT")),
        (b"GET /livez HTTP/1.1\r\nHost: 127", (408, "REQUEST_TIMEOUT")),
    ],
)
def test_headers_that_do_not_end_in_time_end_the_connection(
    limited: Callable[..., Api], sent: bytes, answer: tuple[int, str] | None
) -> None:
    api = limited(header_seconds=0.5)
    with connected(api) as connection:
        connection.sendall(sent)
        received = all_of(connection)
    assert (code(received) if received else None) == answer
    assert refusals(api, "header_time") == 1


def test_headers_that_come_slowly_do_not_gain_time(limited: Callable[..., Api]) -> None:
    api = limited(header_seconds=1)
    began = time.monotonic()
    with connected(api) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head(api))
        while time.monotonic() < began + PATIENT:
            connection.sendall(b"X-A: a\r\n")
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                if connection.recv(1000):
                    break
    assert time.monotonic() < began + PATIENT / 2
    assert refusals(api, "header_time") == 1


def test_a_body_that_stops_ends_the_connection(limited: Callable[..., Api]) -> None:
    api = limited(body_seconds=0.5)
    with connected(api) as connection:
        lines = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        connection.sendall(head(api, lines, "POST /api/v1/runs"))
        assert code(all_of(connection)) == (408, "REQUEST_TIMEOUT")
    assert refusals(api, "body_time") == 1


def test_an_answer_that_nobody_reads_ends_the_connection(limited: Callable[..., Api]) -> None:
    api = limited(answer_seconds=0.5)
    with connected(api) as connection:
        connection.sendall(head(api, "\r\n", "GET /openapi.json") * 60)
        eventually("the end of the connection", lambda: refusals(api, "answer_time"))
        assert len(all_of(connection)) < 60 * len(api.http.get("/openapi.json").content)


def test_a_stream_that_waits_is_no_stalled_answer(limited: Callable[..., Api]) -> None:
    api = limited(answer_seconds=0.5, header_seconds=0.5, body_seconds=0.5)
    run = api.http.post("/api/v1/runs", json={"dataset": {"name": "digits"}}).json()["id"]
    headers = {"Accept": "text/event-stream"}
    with api.http.stream("GET", f"/api/v1/runs/{run}/events", headers=headers) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        time.sleep(3)
        api.http.post(f"/api/v1/runs/{run}/cancel").raise_for_status()
        assert any("cancelled" in line for line in lines)


def test_beyond_the_limit_only_health_checks_are_served(limited: Callable[..., Api]) -> None:
    api = limited(connections=8)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(api)) for _ in range(8)]
        with connected(api) as connection:
            connection.sendall(head(api, "Connection: close\r\n\r\n"))
            assert all_of(connection).split()[1] == b"200", "and is no refusal"
        with connected(api) as connection:
            connection.sendall(head(api, "\r\n", "GET /api/v1/models"))
            assert code(all_of(connection)) == (503, "OVERLOADED")
        with connected(api) as connection:
            connection.sendall(head(api, "Connection: close\r\n\r\n", "GET /readyz"))
            assert all_of(connection).split()[1] == b"200"
        more = [stack.enter_context(connected(api)) for _ in range(HEALTH_CONNECTIONS + 4)]
        assert all_of(more[-1]) == b"", "beyond those, a connection is closed at once"
        for each in (*idle, *more):
            each.close()
    deadline = time.monotonic() + PATIENT
    while True:
        with connected(api) as connection:
            connection.sendall(head(api, "Connection: close\r\n\r\n", "GET /api/v1/models"))
            if all_of(connection).split()[1] == b"200":
                break
        assert time.monotonic() < deadline
    assert refusals(api, "connections") >= 2, "the request, and at least one connection"


def test_one_address_does_not_take_all(limited: Callable[..., Api]) -> None:
    api = limited(of_address=2)
    with connected(api), connected(api), connected(api) as third:
        third.sendall(head(api, "\r\n", "GET /api/v1/models"))
        assert code(all_of(third)) == (503, "OVERLOADED")


def test_there_are_no_more_connections_than_files(tmp_path: Path) -> None:
    limits = Limits.of(ServiceSettings(data_dir=tmp_path, max_connections=100_000, max_connections_of_address=100_000))
    assert 8 <= limits.connections == limits.of_address < 100_000
