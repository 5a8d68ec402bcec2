"""A thin client of the HTTP interface: the requests of the command line, with problem documents as exceptions."""

import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from client.errors import Problem, Unreachable

Json = dict[str, Any]
TIMEOUT_SECONDS = 60.0


class ApiClient:
    """Client of one service; a context manager. Every method raises `Unreachable` or `Problem`."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # trust_env=False: requests to this machine must not use a proxy from the environment
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None) -> None:
        self._http.close()

    def is_ready(self) -> bool:
        """Whether the service is ready."""
        with contextlib.suppress(httpx.TransportError):
            return self._http.get("/readyz", timeout=5.0).status_code == httpx.codes.OK
        return False

    def dataset(self, name: str) -> Json:
        return self._json("GET", f"/api/v1/datasets/{name}")

    def start_run(self, spec: Mapping[str, Any]) -> Json:
        return self._json("POST", "/api/v1/runs", json=spec)

    def run(self, run_id: str) -> Json:
        return self._json("GET", f"/api/v1/runs/{run_id}")

    def cancel_run(self, run_id: str) -> Json:
        return self._json("POST", f"/api/v1/runs/{run_id}/cancel")

    def metrics(self, run_id: str, after: int) -> list[Json]:
        """Metrics records of the epochs after `after`, in ascending order; at most one page."""
        items: list[Json] = self._json("GET", f"/api/v1/runs/{run_id}/metrics", params={"after": after})["items"]
        return items

    def succeeded_runs(self, kind: str) -> list[Json]:
        """Succeeded runs of a kind, newest first; at most one page."""
        asked = {"kind": kind, "state": "succeeded", "limit": 200}
        items: list[Json] = self._json("GET", "/api/v1/runs", params=asked)["items"]
        return items

    def get(self, path: str) -> Json:
        """GET `path` below /api/v1; returns the JSON response."""
        return self._json("GET", f"/api/v1/{path}")

    def sparsity(self, model: str) -> Json:
        return self._json("GET", f"/api/v1/models/{model}/sparsity")

    def picture(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Request `path` below /api/v1 as PNG."""
        answer = self._answer(method, f"/api/v1/{path}", json=body, headers={"Accept": "image/png"})
        if answer.headers.get("content-type") != "image/png":
            raise Unreachable(f"{path} answered with {answer.headers.get('content-type')} instead of a picture")
        return answer.content

    def _json(self, method: str, path: str, **request: Any) -> Json:
        body: Json = self._answer(method, path, **request).json()
        return body

    def _answer(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.TransportError as error:
            raise Unreachable(f"no answer from {self._http.base_url}: {error or type(error).__name__}") from error
        if answer.is_error:
            raise _problem(answer)
        return answer


def _problem(answer: httpx.Response) -> Problem:
    try:
        body = dict(answer.json())
    except (ValueError, TypeError):
        body = {}
    detail = "; ".join([body.get("detail") or answer.reason_phrase, *_errors(body)])
    return Problem(answer.status_code, body.get("code", "NO_PROBLEM_DOCUMENT"), detail, body.get("request_id"))


def _errors(body: Mapping[str, Any]) -> list[str]:
    return [f"{error.get('pointer')}: {error.get('detail')}" for error in body.get("errors") or []]
