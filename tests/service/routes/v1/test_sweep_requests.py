"""Asking for sweeps and baselines over HTTP, and the curves of several members."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import httpx
import pytest

from registry import runs
from registry.metrics import MetricRecord
from testing.api import Api, StartApi
from testing.published_models import PublishModel, SharedApi

RUNS = "/api/v1/runs"
BASE = {"dataset": {"name": "digits"}}
GRID = {"sparsity.weight": [0.1, 1.0]}


@pytest.fixture
def api(serve: StartApi) -> Api:
    return serve()


def post(api: Api, **body: Any) -> Any:
    return api.http.post(RUNS, json=body)


def act(api: Api, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with api.app_state.database.write() as session:
        return function(session, *args, **kwargs)


def test_a_sweep_is_queued_as_one_run_with_every_default_filled_in(api: Api) -> None:
    answer = post(api, kind="sweep", base=BASE, grid=GRID)
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert (run["kind"], run["state"], run["model"]) == ("sweep", "queued", None)
    assert run["spec"]["name"] == "digits-sweep"
    assert run["spec"]["base"]["dataset"]["validation_fraction"] == 0.1
    assert run["spec"]["grid"] == GRID
    assert [one["id"] for one in api.http.get(f"{RUNS}?kind=sweep").json()["items"]] == [run["id"]]
    assert api.http.post(f"{RUNS}/{run['id']}/cancel").json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "expected", "pointer", "words"),
    [
        ({"grid": {"sparsity.weight": [0.1, -1]}}, "INVALID_REQUEST", "/grid/sparsity.weight", "got -1"),
        ({"grid": {"sparsity.lambda": [1]}}, "INVALID_REQUEST", "/grid/sparsity.lambda", "not permitted"),
        ({"grid": {"dataset.name": ["x"]}}, "INVALID_REQUEST", "/grid/dataset.name", "a sweep varies fields of"),
        ({"grid": {"training.seed": list(range(65))}}, "INVALID_REQUEST", "/grid/training.seed", "at most 64"),
        ({"members": [{}] * 64, "reference": True}, "INVALID_REQUEST", "", "65 were asked for"),
        ({}, "INVALID_REQUEST", "", "either a grid or members"),
        ({"members": [{"sparsity": {"kind": "l2"}}]}, "INVALID_REQUEST", "/members/0/sparsity", "one of kl, l1, none"),
        (
            {"members": [{}, {"training": {"batch_size": 5000}}]},
            "SPEC_REFUSED",
            "/members/1/training.batch_size",
            "1294 training rows",
        ),
        ({"base": {"dataset": {"name": "nowhere"}}, "grid": GRID}, "UNKNOWN_DATASET", "/base/dataset/name", "digits"),
        ({"base": {"dataset": {"name": "digits"}, "wings": 2}, "grid": GRID}, "INVALID_REQUEST", "/base/wings", ""),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused_at_its_place_and_not_queued(
    api: Api, body: dict[str, Any], expected: str, pointer: str, words: str
) -> None:
    answer = post(api, **{"kind": "sweep", "base": BASE, **body})
    assert (answer.status_code, answer.json()["code"]) == (422, expected), answer.text
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] == pointer
    assert words in fault["detail"]
    assert api.http.get(RUNS).json()["items"] == []


def test_a_text_in_a_grid_is_not_repeated_to_whoever_sent_it(api: Api) -> None:
    answer = post(api, kind="sweep", base=BASE, grid={"sparsity.weight": ["<script>"]})
    assert answer.status_code == 422
    assert "script" not in answer.text


def test_baselines_are_pinned_to_the_version_that_the_name_means_now(
    shared_api: SharedApi, published: PublishModel
) -> None:
    version = published("pinned")
    answer = shared_api.http.post(RUNS, json={"kind": "baselines", "model": "pinned", "methods": ["pca"]})
    assert answer.status_code == 202, answer.text
    assert answer.json()["spec"]["model"] == version.reference
    shared_api.http.post(f"{RUNS}/{answer.json()['id']}/cancel").raise_for_status()


def test_baselines_that_were_accepted_are_answered_again_though_their_model_is_gone(
    shared_api: SharedApi, published: PublishModel
) -> None:
    version = published("fleeting")
    asked = {"kind": "baselines", "model": "fleeting", "methods": ["pca"]}
    first = shared_api.http.post(RUNS, json=asked, headers={"Idempotency-Key": "fleeting"})
    shared_api.http.delete(f"/api/v1/models/{version.reference}").raise_for_status()
    again = shared_api.http.post(RUNS, json=asked, headers={"Idempotency-Key": "fleeting"})
    assert (first.status_code, again.status_code) == (202, 202), again.text
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    shared_api.http.post(f"{RUNS}/{first.json()['id']}/cancel").raise_for_status()


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"model": "nobody"}, 404, "MODEL_NOT_FOUND"),
        ({"model": "../x"}, 422, "INVALID_REFERENCE"),
        ({"model": "m", "methods": ["pca", "pca"]}, 422, "INVALID_REQUEST"),
        ({"model": "m", "methods": []}, 422, "INVALID_REQUEST"),
        ({"model": "m", "fit_rows": 0}, 422, "INVALID_REQUEST"),
    ],
)
def test_baselines_that_cannot_be_are_refused(api: Api, body: dict[str, Any], status: int, expected: str) -> None:
    answer = post(api, kind="baselines", **body)
    assert (answer.status_code, answer.json()["code"]) == (status, expected)
    assert api.http.get(RUNS).json()["items"] == []


@pytest.fixture
def swept(api: Api) -> tuple[Api, str]:
    """A running sweep of three members with four epochs of metrics; its metrics' path."""
    run = post(api, kind="sweep", base=BASE, grid=GRID, reference=True).json()
    with api.app_state.database.write() as session:
        held = runs.claim(session, owner="somebody", lease_seconds=60, devices=("auto",))
    figures = dict.fromkeys(("loss", "reconstruction", "sparsity", "test_mse", "explained_variance", "l0"), 0.5)
    figures |= {"dead_latents": 0, "seconds": 0.1}
    records = [MetricRecord(member, epoch, figures) for epoch in (1, 2, 3, 4) for member in (0, 1, 2)]
    act(api, runs.record, held.id, held.fence, progress=None, metrics=records)
    return api, f"{RUNS}/{run['id']}/metrics"


def seen(answer: httpx.Response) -> list[tuple[int, int]]:
    return [(item["member"], item["epoch"]) for item in answer.json()["items"]]


def leafed(api: Api, path: str) -> Iterator[list[tuple[int, int]]]:
    """Every page, to the last."""
    after: str | None = "0"
    while after is not None:
        page = api.http.get(f"{path}&after={after}")
        yield seen(page)
        after = page.json()["next_cursor"]


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 12, 100])
def test_pages_never_cut_an_epoch_in_two(swept: tuple[Api, str], limit: int) -> None:
    api, path = swept
    pages = list(leafed(api, f"{path}?limit={limit}"))
    assert [] not in pages, "a page that is named has something on it"
    assert list(chain.from_iterable(pages)) == [(member, epoch) for epoch in (1, 2, 3, 4) for member in (0, 1, 2)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_of_one_member_end_with_its_last_epoch(swept: tuple[Api, str], limit: int) -> None:
    api, path = swept
    pages = list(leafed(api, f"{path}?member=2&limit={limit}"))
    assert [] not in pages
    assert list(chain.from_iterable(pages)) == [(2, epoch) for epoch in (1, 2, 3, 4)]


def test_the_curves_of_one_member_are_had_alone(swept: tuple[Api, str]) -> None:
    api, path = swept
    assert seen(api.http.get(f"{path}?member=1&limit=2")) == [(1, 1), (1, 2)]
    rows = list(csv.DictReader(io.StringIO(api.http.get(f"{path}?format=csv").text)))
    assert [(row["member"], row["epoch"]) for row in rows[:4]] == [("0", "1"), ("1", "1"), ("2", "1"), ("0", "2")]


def test_the_chart_has_a_line_for_every_member(swept: tuple[Api, str]) -> None:
    api, path = swept
    text = json.dumps(api.http.get(f"{path}?format=vega").json())
    for label in ("0: sparsity.weight 0.1", "1: sparsity.weight 1.0", "2: dense reference"):
        assert label in text
    assert api.http.get(f"{path}?format=png").content.startswith(b"\x89PNG")
