"""Pausing and resuming over HTTP, who works, and keys that make a repeated request safe however many repeat it."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx

from registry import runs, workers
from service.settings import ServiceSettings

RUNS = "/api/v1/runs"
DIGITS = {"dataset": {"name": "digits"}}
UNKNOWN = "018f0000-0000-7000-8000-000000000000"


def ask(door: Any, **body: Any) -> str:
    return str(door.http.post(RUNS, json=DIGITS | body).raise_for_status().json()["id"])


def act(door: Any, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with door.app_state.database.write() as session:
        return verb(session, *given, **named)


def claim(door: Any, owner: str = "worker") -> Any:
    return act(door, runs.claim, owner=owner, lease_seconds=60, devices=["auto", "cpu"])


def steer(door: Any, run: str, verb: str) -> tuple[str, str | None]:
    """The state and the wish that are answered."""
    answer = door.http.post(f"{RUNS}/{run}/{verb}")
    assert answer.status_code == 200, answer.text
    assert answer.json() == door.http.get(f"{RUNS}/{run}").json()
    return answer.json()["state"], answer.json()["stop_requested"]


def test_a_queued_run_is_paused_and_resumed_each_as_often_as_one_likes(door: Any) -> None:
    run = ask(door)
    assert [steer(door, run, verb) for verb in ("resume", "pause", "pause", "resume", "resume")] == [
        ("queued", None),
        ("paused", None),
        ("paused", None),
        ("queued", None),
        ("queued", None),
    ]
    assert claim(door).id == run


def test_a_running_run_has_a_wish_until_its_worker_comes_to_it(door: Any) -> None:
    run = ask(door)
    claimed = claim(door)
    assert [steer(door, run, verb) for verb in ("pause", "pause", "resume", "pause")] == [
        ("running", "pause"),
        ("running", "pause"),
        ("running", None),
        ("running", "pause"),
    ]
    act(door, runs.acknowledge_stop, run, claimed.fence)
    assert steer(door, run, "pause") == ("paused", None)
    assert [item["id"] for item in door.http.get(f"{RUNS}?state=paused").json()["items"]] == [run]
    assert steer(door, run, "resume") == ("queued", None)


def test_a_cancel_wins_over_a_pause(door: Any) -> None:
    run = ask(door)
    claimed = claim(door)
    assert [steer(door, run, verb) for verb in ("pause", "cancel", "pause", "resume")] == [
        ("running", "pause"),
        ("running", "cancel"),
        ("running", "cancel"),
        ("running", "cancel"),
    ]
    act(door, runs.acknowledge_stop, run, claimed.fence)
    for verb in ("pause", "resume"):
        answer = door.http.post(f"{RUNS}/{run}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "RUN_FINISHED")
        assert "been cancelled" in answer.json()["detail"]
        assert door.http.post(f"{RUNS}/{UNKNOWN}/{verb}").json()["code"] == "RUN_NOT_FOUND"


def test_a_paused_run_is_cancelled_at_once_and_not_deleted_before(door: Any) -> None:
    run = ask(door)
    steer(door, run, "pause")
    assert door.http.delete(f"{RUNS}/{run}").json()["code"] == "RUN_IS_LIVE"
    assert steer(door, run, "cancel") == ("cancelled", None)
    assert door.http.delete(f"{RUNS}/{run}").status_code == 204


def test_workers_that_live_are_listed_with_what_they_run(door: Any) -> None:
    names = [f"host-{number}-018f0000-0000-7000-8000-00000000000{number}" for number in range(4)]
    for number, name in enumerate(names):
        identity = workers.Identity(f"host-{number}", 100 + number, "cpu", "1.2.3", device_name="x", threads=number)
        act(door, workers.heartbeat, name, identity)
    act(door, silence, names[1])
    run = ask(door)
    claim(door, names[2])
    answer = door.http.get("/api/v1/workers").json()
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
        page = door.http.get(f"/api/v1/workers?limit=1{cursor and f'&cursor={cursor}'}").json()
        found += [worker["id"] for worker in page["items"]]
        cursor = page["next_cursor"]
    assert found == [names[3], names[2], names[0]]
    assert [len(door.http.get(f"/api/v1/workers?device={each}").json()["items"]) for each in ("cpu", "cuda")] == [3, 0]
    assert door.http.get("/api/v1/workers?cursor=x").json()["code"] == "INVALID_CURSOR"


def silence(session: Any, worker_id: str) -> None:
    """Let it be a minute and a second since the worker was heard of."""
    row = session.get(workers.Worker, worker_id)
    row.seen_at = row.seen_at.fromtimestamp(row.seen_at.timestamp() - workers.ALIVE_SECONDS - 1, row.seen_at.tzinfo)


def test_twenty_posts_with_one_key_make_one_run_whichever_service_gets_them(
    two_doors: ServiceSettings, restarting: Any
) -> None:
    """Ten to each of two services on one database, all at the same moment, and once more after both have ended."""
    answers: list[httpx.Response] = []
    ready = threading.Barrier(20)
    with ExitStack() as stack:
        doors = [stack.enter_context(restarting(two_doors)) for _ in range(2)]

        def post(door: Any) -> None:
            with httpx.Client(base_url=door.http.base_url, trust_env=False, timeout=60) as http:
                http.get("/livez")
                ready.wait(60)
                answers.append(http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": "once"}))

        clients = [threading.Thread(target=post, args=[doors[number % 2]]) for number in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    with restarting(two_doors) as door:
        answers.append(door.http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": "once"}))
        other = door.http.post(RUNS, json=DIGITS | {"priority": 1}, headers={"Idempotency-Key": "once"})
        listed = [run["id"] for run in door.http.get(RUNS).json()["items"]]
    assert [answer.status_code for answer in answers] == [202] * 21
    assert {answer.json()["id"] for answer in answers} == set(listed)
    assert len(listed) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1, "one was the first"
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
