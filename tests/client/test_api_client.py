"""Answers of a service as the command line sees them: a small real server gives them, on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from client.api_client import ApiClient
from client.errors import Problem, Unreachable

PROBLEM = {
    "title": "Not Found",
    "detail": "no model is named digits-kk",
    "code": "MODEL_NOT_FOUND",
    "request_id": "0193b7",
}


class Handler(BaseHTTPRequestHandler):
    """The path is the status; the body is a problem document, except for 502, which a proxy gives."""

    def do_GET(self) -> None:
        status = int(self.path.rsplit("/", 1)[-1]) if self.path != "/readyz" else 503
        body = json.dumps({**PROBLEM, "key": self.headers["Authorization"]}).encode() if status != 502 else b"<html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "exit_code"), [(401, 4), (403, 4), (404, 5), (409, 6), (413, 7), (422, 7), (429, 8), (503, 8), (500, 1)]
)
def test_a_refusal_becomes_a_problem_with_the_promised_exit_code(url: str, status: int, exit_code: int) -> None:
    with ApiClient(url) as api, pytest.raises(Problem) as problem:
        api.run(str(status))
    assert problem.value.status == exit_code
    assert problem.value.code == "MODEL_NOT_FOUND"
    assert str(problem.value) == (
        f"no model is named digits-kk  [MODEL_NOT_FOUND, HTTP {status}]\n       request 0193b7"
    )


def test_an_answer_that_is_not_ours_is_a_problem_too(url: str) -> None:
    with ApiClient(url) as api, pytest.raises(Problem, match="Bad Gateway"):
        api.run("502")


def test_the_key_is_sent(url: str) -> None:
    with ApiClient(url, "a key of sixteen letters") as api:
        assert api.run("200")["key"] == "Bearer a key of sixteen letters"


def test_a_proxy_in_the_environment_does_not_come_between(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with ApiClient(url) as api:
        assert api.run("200")["code"] == "MODEL_NOT_FOUND"


def test_a_service_that_is_not_there_is_unreachable_and_not_ready() -> None:
    with ApiClient("http://127.0.0.1:9") as api:
        assert not api.is_ready()
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9"):
            api.run("200")


def test_a_service_that_is_not_ready_says_so(url: str) -> None:
    with ApiClient(url) as api:
        assert not api.is_ready()
