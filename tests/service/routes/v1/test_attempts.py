"""The attempts at a run as clients see them."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import update

from registry import checkpoints, runs
from registry.database.tables import Run
from registry.stores.protocol import Stored
from testing.api import Api

RUNS = "/api/v1/runs"
HERE = {"torch": "2.15.0", "device": "cpu", "device_name": "x86_64", "threads": 2}


def act(api: Api, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with api.app_state.database.write() as session:
        return verb(session, *given, **named)


def claim(api: Api, owner: str) -> Any:
    """Begin the run, whatever it would have waited after a failure."""
    at_once = update(Run).values(available_at=Run.created_at)
    act(api, lambda session: session.execute(at_once))
    return act(api, runs.claim, owner=owner, lease_seconds=60, devices=["auto"])


def test_every_attempt_says_who_tried_on_what_from_where_and_how_it_ended(api: Api) -> None:
    run = api.http.post(RUNS, json={"dataset": {"name": "digits"}}).json()["id"]
    path = f"{RUNS}/{run}/attempts"
    assert api.http.get(path).json() == {"items": [], "next_cursor": None}
    first = claim(api, "tower-1")
    act(api, runs.describe, run, first.fence, HERE | {"kernel": "not shown"})
    act(api, checkpoints.add, run, first.fence, epoch=7, stored=Stored("a" * 64, 1))
    act(api, runs.fail, run, first.fence, code="STALLED", detail="No progress.", may_pass=True)
    waiting = api.http.get(f"{RUNS}/{run}").json()
    assert waiting["available_at"] > waiting["created_at"]
    second = claim(api, "tower-2")
    assert api.http.get(f"{RUNS}/{run}").json()["available_at"] is None, "it has begun"

    one, two = api.http.get(path).json()["items"]
    assert one["ended_at"] >= one["started_at"]
    assert {**one, "started_at": 0, "ended_at": 0} == {
        "attempt": 1,
        "worker": "tower-1",
        "resumed_epoch": None,
        "environment": HERE,
        "started_at": 0,
        "ended_at": 0,
        "outcome": "failed",
        "error": {"code": "STALLED", "detail": "No progress."},
    }
    assert {**two, "started_at": 0} == {
        "attempt": 2,
        "worker": "tower-2",
        "resumed_epoch": 7,
        "environment": None,
        "started_at": 0,
        "ended_at": None,
        "outcome": None,
        "error": None,
    }
    act(api, runs.succeed, run, second.fence, result={})
    assert api.http.get(f"{path}?after=1").json()["items"][0]["outcome"] == "succeeded"
    assert api.http.get(f"{path}?limit=1").json() == {"items": [one], "next_cursor": "1"}


def test_a_run_that_is_not_there_has_no_attempts(api: Api) -> None:
    answer = api.http.get(f"{RUNS}/018f0000-0000-7000-8000-000000000000/attempts")
    assert (answer.status_code, answer.json()["code"]) == (404, "RUN_NOT_FOUND")
