"""The check of all JSON answers of the suite finds what does not fit the OpenAPI document."""

import json
from typing import Any

import httpx
import pytest

from service import app
from service.settings import ServiceSettings
from testing.openapi_contract import ContractBroken, response_check
from testing.published_models import SharedApi

CHECK = response_check(app.create_app(ServiceSettings()))
RUN = "/api/v1/runs/018f0000-0000-7000-8000-000000000000"
PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "no run has this id",
    "code": "RUN_NOT_FOUND",
    "request_id": "1",
}


def check(path: str, status: int, body: Any, media_type: str = "application/json") -> None:
    request = httpx.Request("GET", f"http://localhost{path}")
    CHECK(
        httpx.Response(status, headers={"Content-Type": media_type}, content=json.dumps(body).encode(), request=request)
    )


def test_an_answer_that_fits_passes(shared_api: SharedApi) -> None:
    check("/livez", 200, {"status": "ok"})
    check(RUN, 404, PROBLEM, "application/problem+json")
    check("/nowhere", 404, PROBLEM, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "status", "body", "media_type"),
    [
        ("/livez", 200, {"status": "well"}, "application/json"),
        ("/livez", 200, {"status": "ok", "more": 1}, "application/json"),
        ("/livez", 200, {"status": "ok"}, "application/problem+json"),
        ("/livez", 201, {"status": "ok"}, "application/json"),
        ("/livez", 418, {"detail": "tea"}, "application/problem+json"),
        ("/livez", 404, PROBLEM, "application/problem+json"),
        (RUN, 404, {**PROBLEM, "code": "lower case"}, "application/problem+json"),
        (RUN, 404, {"detail": "Not Found"}, "application/problem+json"),
        ("/nowhere", 404, {"detail": "Not Found"}, "application/json"),
        ("/api/v1/workers", 200, {"items": [{"id": "w"}], "next_cursor": None}, "application/json"),
    ],
)
def test_an_answer_that_does_not_fit_is_an_error(path: str, status: int, body: Any, media_type: str) -> None:
    with pytest.raises(ContractBroken):
        check(path, status, body, media_type)


def test_a_run_has_the_result_of_its_kind(shared_api: SharedApi) -> None:
    run = shared_api.http.get("/api/v1/runs?kind=train&limit=1").json()["items"][0]
    check(f"/api/v1/runs/{run['id']}", 200, run)
    for broken in ({"result": {"l0": "many"}}, {"kind": "import"}, {"spec": {"dataset": {"name": 1}}}):
        with pytest.raises(ContractBroken):
            check(f"/api/v1/runs/{run['id']}", 200, run | broken)
