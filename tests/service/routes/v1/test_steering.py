"""Pausing and resuming over HTTP, who works, and keys that make a repeated request safe however many repeat it."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from sqlalchemy.orm import Session

from registry import runs, workers
from registry.database.tables import Worker
from service.settings import ServiceSettings
from testing.api import Api, RunningApi

RUNS = "/api/v1/runs"
DIGITS = {"dataset": {"name": "digits"}}
UNKNOWN = "018f0000-0000-7000-8000-000000000000"


def ask(api: Api, **body: Any) -> str:
    return str(api.http.post(RUNS, json=DIGITS | body).raise_for_status().json()["id"])


def act(api: Api, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with api.app_state.database.write() as session:
        return verb(session, *given, **named)


def claim(api: Api, owner: str = "worker") -> Any:
    return act(api, runs.claim, owner=owner, lease_seconds=60, devices=["auto", "cpu"])


def steer(api: Api, run: str, verb: str) -> tuple[str, str | None]:
    """The state and the stop request in the response."""
    answer = api.http.post(f"{RUNS}/{run}/{verb}")
    assert answer.status_code == 200, answer.text
    assert answer.json() == api.http.get(f"{RUNS}/{run}").json()
    return answer.json()["state"], answer.json()["stop_requested"]


def test_a_queued_run_is_paused_and_resumed_each_as_often_as_one_likes(api: Api) -> None:
    run = ask(api)
    assert [steer(api, run, verb) for verb in ("resume", "pause", "pause", "resume", "resume")] == [
        ("queued", None),
        ("paused", None),
        ("paused", None),
        ("queued", None),
        ("queued", None),
    ]
    assert claim(api).id == run


def test_a_running_run_has_a_stop_request_until_its_worker_handles_it(api: Api) -> None:
    run = ask(api)
    claimed = claim(api)
    assert [steer(api, run, verb) for verb in ("pause", "pause", "resume", "pause")] == [
        ("running", "pause"),
        ("running", "pause"),
        ("running", None),
        ("running", "pause"),
    ]
    act(api, runs.acknowledge_stop, run, claimed.fence)
    assert steer(api, run, "pause") == ("paused", None)
    assert [item["id"] for item in api.http.get(f"{RUNS}?state=paused").json()["items"]] == [run]
    assert steer(api, run, "resume") == ("queued", None)


def test_a_cancel_wins_over_a_pause(api: Api) -> None:
    run = ask(api)
    claimed = claim(api)
    assert [steer(api, run, verb) for verb in ("pause", "cancel", "pause", "resume")] == [
        ("running", "pause"),
        ("running", "cancel"),
        ("running", "cancel"),
        ("running", "cancel"),
    ]
    act(api, runs.acknowledge_stop, run, claimed.fence)
    for verb in ("pause", "resume"):
        answer = api.http.post(f"{RUNS}/{run}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "RUN_FINISHED")
        assert "been cancelled" in answer.json()["detail"]
        assert api.http.post(f"{RUNS}/{UNKNOWN}/{verb}").json()["code"] == "RUN_NOT_FOUND"


def test_a_paused_run_is_cancelled_at_once_and_not_deleted_before(api: Api) -> None:
    run = ask(api)
    steer(api, run, "pause")
    assert api.http.delete(f"{RUNS}/{run}").json()["code"] == "RUN_IS_LIVE"
    assert steer(api, run, "cancel") == ("cancelled", None)
    assert api.http.delete(f"{RUNS}/{run}").status_code == 204


def test_workers_that_live_are_listed_with_what_they_run(api: Api) -> None:
    names = [f"host-{number}-018f0000-0000-7000-8000-00000000000{number}" for number in range(4)]
    for number, name in enumerate(names):
        identity = workers.Identity(f"host-{number}", 100 + number, "cpu", "1.2.3", device_name="x", threads=number)
        act(api, workers.heartbeat, name, identity)
    act(api, silence, names[1])
    run = ask(api)
    claim(api, names[2])
    answer = api.http.get("/api/v1/workers").json()
    assert [worker["id"] for worker in answer["items"]] == [names[3], names[2], names[0]], "the newest first"
    assert [worker["run"] for worker in answer["items"]] == [None, run, None]
    assert answer["next_cursor"] is None
    busy = answer["items"][1]
    assert busy["started_at"].endswith("Z")
    assert {**busy, "started_at": 0, "seen_at": 0} == {
        "id": names[2],
        "host": "host-2",
        "pid": 102,
        "device": "cpu",
        "device_name": "x",
        "threads": 2,
        "release": "1.2.3",
        "started_at": 0,
        "seen_at": 0,
        "run": run,
    }
    found, cursor = [], ""
    while cursor is not None:
        page = api.http.get(f"/api/v1/workers?limit=1{cursor and f'&cursor={cursor}'}").json()
        found += [worker["id"] for worker in page["items"]]
        cursor = page["next_cursor"]
    assert found == [names[3], names[2], names[0]]
    assert [len(api.http.get(f"/api/v1/workers?device={each}").json()["items"]) for each in ("cpu", "cuda")] == [3, 0]
    assert api.http.get("/api/v1/workers?cursor=x").json()["code"] == "INVALID_CURSOR"


def silence(session: Session, worker_id: str) -> None:
    """Move the worker's last heartbeat a minute and a second into the past."""
    row = session.get(Worker, worker_id)
    row.seen_at = row.seen_at.fromtimestamp(row.seen_at.timestamp() - workers.ALIVE_SECONDS - 1, row.seen_at.tzinfo)


@pytest.mark.slow
def test_twenty_posts_with_one_key_make_one_run_whichever_service_gets_them(
    service_settings: ServiceSettings, running_api: RunningApi
) -> None:
    """Ten to each of two services on one database, all at the same moment, and once more after both have ended."""
    answers: list[httpx.Response] = []
    ready = threading.Barrier(20)
    with ExitStack() as stack:
        apis = [stack.enter_context(running_api(service_settings)) for _ in range(2)]

        def post(api: Api) -> None:
            with httpx.Client(base_url=api.http.base_url, trust_env=False, timeout=60) as http:
                http.get("/livez")
                ready.wait(60)
                answers.append(http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": "once"}))

        clients = [threading.Thread(target=post, args=[apis[number % 2]]) for number in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    with running_api(service_settings) as api:
        answers.append(api.http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": "once"}))
        other = api.http.post(RUNS, json=DIGITS | {"priority": 1}, headers={"Idempotency-Key": "once"})
        listed = [run["id"] for run in api.http.get(RUNS).json()["items"]]
    assert [answer.status_code for answer in answers] == [202] * 21
    assert {answer.json()["id"] for answer in answers} == set(listed)
    assert len(listed) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1, "one was the first"
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
