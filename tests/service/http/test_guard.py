"""Who is let in: hosts, origins, keys and bodies, on every path there is; and what every answer carries."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi.routing import iter_route_contexts
from sqlalchemy import text

from testing.api import Api, StartApi

KEY = "a-key-that-nobody-guesses"
PATHS = ["/livez", "/readyz", "/metrics", "/docs", "/docs/start.js", "/docs/assets/swagger-ui.css", "/openapi.json"]
PATHS += ["/", "/nowhere", "/api/v1/runs", "/api/v1/datasets/digits", "/api/v1/models/x/weights"]


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code, once it is sure that the answer is a problem document about this request."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["x-request-id"]
    assert len(document["detail"]) > 10
    return answer.status_code, document["code"]


def operations(api: Api) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the application routes, documented or not."""
    for route in iter_route_contexts(api.app.routes):
        path = (route.path or "").replace("{run_id}", "x").replace("{epoch}", "1").replace("{name}", "x")
        path = path.replace("{model}", "x").replace("{alias}", "x").replace("{latent}", "1")
        for method in route.methods or {"GET"}:
            yield method, path + ("/swagger-ui.css" if path == "/docs/assets" else "")


def logged(lines: list[Any], event: str) -> Any:
    """The line of that event, which is written after the answer has gone out."""
    for _ in range(1000):
        if found := [line for line in lines if line["event"] == event]:
            return found[0]
        threading.Event().wait(0.01)
    raise AssertionError(f"nothing was logged about {event}")


@pytest.fixture
def keyless_api(serve: StartApi) -> Api:
    return serve(max_body_bytes=20_000, max_upload_bytes=200_000)


@pytest.fixture
def keyed_api(serve: StartApi) -> Api:
    return serve(api_key=KEY)


@pytest.mark.parametrize("path", PATHS)
def test_a_host_that_is_not_served_is_misdirected_on_every_path(keyless_api: Api, path: str) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8000", "192.168.0.7", "localhost:8000:1", "[::1", "*address*"):
        answer = keyless_api.http.get(path, headers={"Host": host})
        assert problem(answer) == (421, "MISDIRECTED"), host
        assert "evil" not in answer.text


def test_the_names_of_this_machine_are_served_on_any_port(keyless_api: Api) -> None:
    for host in ("localhost", "LOCALHOST:9", "127.0.0.1:1", "[::1]:8000", "localhost."):
        assert keyless_api.http.get("/livez", headers={"Host": host}).status_code == 200, host


def test_a_request_without_a_host_or_with_two_is_misdirected(keyless_api: Api) -> None:
    address = (keyless_api.http.base_url.host, keyless_api.http.base_url.port)
    for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        with socket.create_connection(address) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
            assert b" 421 " in connection.makefile("rb").readline()


def test_other_names_are_served_where_the_settings_list_them(serve: StartApi) -> None:
    api = serve(allowed_hosts="sae.example, Other.Example")
    assert api.http.get("/livez", headers={"Host": "sae.example"}).status_code == 200
    assert api.http.get("/livez", headers={"Host": "other.example:80"}).status_code == 200
    assert api.http.get("/livez", headers={"Host": "evil.example"}).status_code == 421


def test_a_service_for_other_machines_is_served_under_any_address_but_not_under_any_name(
    serve: StartApi,
) -> None:
    api = serve(host="0.0.0.0", api_key=KEY)
    assert api.http.get("/livez", headers={"Host": "192.168.0.7:8000"}).status_code == 200
    assert api.http.get("/livez", headers={"Host": "rebound.example"}).status_code == 421


def test_every_unsafe_method_of_every_route_refuses_pages_of_other_sites(keyless_api: Api) -> None:
    foreign: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    unsafe = [(method, path) for method, path in operations(keyless_api) if method in {"POST", "PUT", "DELETE"}]
    assert len(unsafe) > 8
    for method, path in unsafe:
        for headers in foreign:
            answer = keyless_api.http.request(method, path, headers=headers)
            assert problem(answer) == (403, "FOREIGN_ORIGIN"), (method, path, headers)


def test_the_own_page_may_ask_for_changes_with_and_without_tls_in_front(keyless_api: Api) -> None:
    own = keyless_api.http.base_url
    for origin in (f"http://{own.host}:{own.port}", f"https://{own.host}:{own.port}"):
        answer = keyless_api.http.delete("/api/v1/runs/x", headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"})
        assert problem(answer) == (404, "RUN_NOT_FOUND")
    with_port = {"Origin": "https://localhost", "Host": "localhost:443"}
    assert keyless_api.http.delete("/api/v1/runs/x", headers=with_port).status_code == 404


def test_no_answer_invites_other_origins(keyless_api: Api) -> None:
    answer = keyless_api.http.get("/api/v1/runs", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_with_a_key_set_everything_but_health_wants_it(keyed_api: Api) -> None:
    everything = [*operations(keyed_api), *(("GET", path) for path in PATHS)]
    assert len(everything) > 30
    for method, path in everything:
        answer = keyed_api.http.request(method, path)
        if path in {"/livez", "/readyz"}:
            assert answer.status_code == 200
            continue
        assert problem(answer) == (401, "KEY_REQUIRED"), (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_key_is_taken_as_bearer_or_in_its_own_header(keyed_api: Api) -> None:
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"}, {"X-API-Key": KEY}):
        assert keyed_api.http.get("/api/v1/runs", headers=headers).status_code == 200, headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": ""},
        {"X-API-Key": "ü" * 20},
        {"Cookie": f"api_key={KEY}"},
    ],
)
def test_a_wrong_key_opens_nothing(keyed_api: Api, headers: dict[str, str]) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = keyed_api.http.get("/api/v1/runs?api_key=" + KEY, headers=encoded)
    assert problem(answer) == (401, "KEY_REQUIRED")
    assert KEY not in answer.text


def test_a_body_over_its_limit_is_refused_by_its_length_alone(keyless_api: Api) -> None:
    for path in ("/api/v1/runs", "/api/v1/models/x/encode", "/nowhere", "/livez"):
        answer = keyless_api.http.post(path, content=b"x" * 20_001, headers={"Content-Type": "application/json"})
        assert problem(answer) == (413, "CONTENT_TOO_LARGE"), path
        assert "20,000" in answer.json()["detail"]


@pytest.mark.slow
def test_a_body_over_its_limit_is_cut_while_it_streams_in_small_chunks(keyless_api: Api) -> None:
    sent = 0

    def dripping() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100_000):
            sent += 7
            yield b'["aaa",'

    began = time.monotonic()
    answer = keyless_api.http.post("/api/v1/runs", content=dripping(), headers={"Content-Type": "application/json"})
    assert problem(answer) == (413, "CONTENT_TOO_LARGE")
    assert time.monotonic() - began < 20
    assert sent > 20_000


def test_an_upload_has_a_larger_limit_of_its_own(keyless_api: Api) -> None:
    def chunks(size: int) -> Iterator[bytes]:
        yield from (b"\0" * 1000 for _ in range(size // 1000))

    fits = keyless_api.http.post("/api/v1/datasets/x", content=chunks(150_000), headers={"Content-Type": "image/x"})
    assert problem(fits) == (415, "UNSUPPORTED_FORMAT")
    answer = keyless_api.http.post("/api/v1/datasets/x", content=chunks(250_000), headers={"Content-Type": "image/x"})
    assert problem(answer) == (413, "CONTENT_TOO_LARGE")
    assert list(keyless_api.app_state.uploads.iterdir()) == []


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 40, "0x10", "٣"])
def test_a_length_that_is_no_small_number_never_reaches_a_route(keyless_api: Api, length: str) -> None:
    with socket.create_connection((keyless_api.http.base_url.host, keyless_api.http.base_url.port)) as connection:
        head = "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
        connection.sendall(f"{head}{length}\r\n\r\n".encode())
        status = connection.makefile("rb").readline().split()[1]
    assert status in {b"400", b"413"}


def test_a_packed_body_is_refused_instead_of_unpacked(keyless_api: Api) -> None:
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = keyless_api.http.post("/api/v1/runs", content=b"\x1f\x8b", headers=packed)
    assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 19_000,
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        b'{"training": {"epochs": ' + b"9" * 10_000 + b"}}",
        b'{"dataset": {"name": "\xff\xfe"}}',
        b"{",
        b"\0",
        b'{"dataset": {"name": "digits"}} trailing',
    ],
)
def test_json_that_cannot_be_read_is_refused_quickly(keyless_api: Api, body: bytes) -> None:
    began = time.monotonic()
    answer = keyless_api.http.post("/api/v1/runs", content=body, headers={"Content-Type": "application/json"})
    assert time.monotonic() - began < 5
    assert problem(answer) == (400, "MALFORMED_JSON")
    assert len(answer.content) < 1000


@pytest.mark.parametrize("number", ["1e400", "NaN", "-Infinity", "1" + "0" * 30, "-1", "2147483648"])
def test_absurd_numbers_are_refused_by_name(keyless_api: Api, number: str) -> None:
    body = f'{{"dataset": {{"name": "digits"}}, "training": {{"epochs": {number}}}}}'
    answer = keyless_api.http.post("/api/v1/runs", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer) == (422, "INVALID_REQUEST")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/training/epochs"]


def test_a_well_formed_request_id_is_kept_and_any_other_replaced(keyless_api: Api) -> None:
    assert keyless_api.http.get("/livez", headers={"X-Request-ID": "My.id_1-2"}).headers["x-request-id"] == "My.id_1-2"
    for bad in ("", "a b", "x" * 65, '"quoted"', "<script>"):
        made = keyless_api.http.get("/livez", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert made != bad
        assert len(made) == 32


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_safe_headers(keyless_api: Api, path: str) -> None:
    for headers in ({}, {"Host": "evil.example"}):
        answer = keyless_api.http.get(path, headers=headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "script-src 'unsafe-inline'" not in policy
        assert "server" not in answer.headers or "uvicorn" in answer.headers["server"]


def test_what_can_be_got_can_be_asked_for_its_head(keyless_api: Api) -> None:
    for path in ("/livez", "/openapi.json", "/api/v1/datasets", "/docs/assets/swagger-ui.css"):
        head, whole = keyless_api.http.head(path), keyless_api.http.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.content))


def test_an_error_of_our_own_is_a_500_without_details_and_stands_in_the_log_under_its_request_id(
    keyless_api: Api,
) -> None:
    with keyless_api.app_state.database.write() as session:
        session.execute(text("ALTER TABLE runs RENAME TO secret_table"))
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        answer = keyless_api.http.get("/api/v1/runs", headers={"X-Request-ID": "find-me"})
        logged(lines, "request")
    assert problem(answer) == (500, "INTERNAL_ERROR")
    for word in ("runs", "sqlite", "SELECT", "Error:", "Traceback", str(keyless_api.app_state.settings.data_dir)):
        assert word not in answer.text
    unhandled = logged(lines, "unhandled")
    assert unhandled["request_id"] == "find-me"
    assert unhandled["exc_info"]
    assert keyless_api.http.get("/livez").status_code == 200


def test_the_access_line_names_the_route_and_holds_no_secret(keyed_api: Api) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        headers = {"Authorization": f"Bearer {KEY}", "X-Request-ID": "one"}
        keyed_api.http.get("/api/v1/runs/some-id?token=hush", headers=headers)
        line = logged(lines, "request")
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/runs/{run_id}", 422)
    assert line["request_id"] == "one"
    assert line["duration_ms"] > 0
    assert not {word for word in (KEY, "hush", "some-id") if word in json.dumps(line)}
