"""Events over HTTP, as pages and as streams: a reader misses and repeats nothing, however often it returns."""

import asyncio
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from sqlalchemy.event import listen, remove
from sqlalchemy.orm import Session

from registry import runs
from registry.database import schema
from registry.metrics import MetricRecord
from service.errors import Overloaded
from service.followers import Followers
from service.routes.v1 import events
from service.settings import ServiceSettings
from testing.api import Api, RunningApi, StartApi

RUNS = "/api/v1/runs"
DIGITS = {"dataset": {"name": "digits"}}
STREAM = {"Accept": "text/event-stream"}
PATIENCE = 60.0


def ask(api: Api) -> str:
    return str(api.http.post(RUNS, json=DIGITS).raise_for_status().json()["id"])


def act(api: Api, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with api.app_state.database.write() as session:
        return verb(session, *given, **named)


def claim(api: Api) -> Any:
    return act(api, runs.claim, owner="worker", lease_seconds=60, devices=["auto", "cpu"])


def measure(api: Api, run: Any, epoch: int) -> None:
    act(api, runs.record, run.id, run.fence, metrics=[MetricRecord(0, epoch, {"loss": 1.0})])


def page(api: Api, run: str, query: str = "") -> dict[str, Any]:
    answer = api.http.get(f"{RUNS}/{run}/events{query}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def read_events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Events of a stream, as they come; `id` and `event` are compared with what the data say."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            event: dict[str, Any] = json.loads(fields["data"])
            assert (fields["id"], fields["event"]) == (str(event["seq"]), event["type"])
            yield event
            fields = {}


def test_a_page_has_the_events_in_order_and_says_where_the_next_begins(api: Api) -> None:
    run = ask(api)
    claimed = claim(api)
    for epoch in (1, 2, 3):
        measure(api, claimed, epoch)
    whole = page(api, run)
    assert [(event["seq"], event["type"]) for event in whole["items"]] == [
        (1, "queued"),
        (2, "running"),
        (3, "metrics"),
        (4, "metrics"),
        (5, "metrics"),
    ]
    assert whole["next_cursor"] is None
    assert whole["items"][1]["data"] == {"reason": "claimed", "attempt": 1, "epoch": 0}
    assert whole["items"][1]["created_at"].endswith("Z")
    first = page(api, run, "?limit=2")
    second = page(api, run, f"?limit=2&after={first['next_cursor']}")
    third = page(api, run, f"?limit=2&after={second['next_cursor']}")
    assert first["items"] + second["items"] + third["items"] == whole["items"]
    assert third["next_cursor"] is None
    assert page(api, run, "?after=5")["items"] == []


@pytest.mark.slow
def test_a_stream_tells_what_happens_while_it_happens_and_ends_with_the_run(api: Api) -> None:
    run = ask(api)
    with api.http.stream("GET", f"{RUNS}/{run}/events", headers=STREAM) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        stream = read_events(answer.iter_lines())
        assert next(stream)["type"] == "queued"
        claimed = claim(api)
        assert next(stream)["data"] == {"reason": "claimed", "attempt": 1, "epoch": 0}
        for epoch in (1, 2):
            measure(api, claimed, epoch)
            assert next(stream)["data"] == {"after": epoch - 1, "epoch": epoch}
        api.http.post(f"{RUNS}/{run}/cancel")
        assert next(stream)["data"] == {"wish": "cancel"}
        act(api, runs.acknowledge_stop, run, claimed.fence)
        assert [event["type"] for event in stream] == ["cancelled"], "and then it ends"
    again = api.http.get(f"{RUNS}/{run}/events?format=sse")
    assert list(read_events(iter(again.text.splitlines()))) == page(api, run)["items"], "the same, from the start"


def test_a_client_that_has_the_last_event_learns_that_no_more_follow(api: Api) -> None:
    run = ask(api)
    api.http.post(f"{RUNS}/{run}/cancel")
    assert [event["type"] for event in page(api, run)["items"]] == ["queued", "cancelled"]
    for number, status in (("0", 200), ("1", 200), ("2", 204)):
        answer = api.http.get(f"{RUNS}/{run}/events", headers={**STREAM, "Last-Event-ID": number})
        assert answer.status_code == status
        assert [event["seq"] for event in read_events(iter(answer.text.splitlines()))] == [1, 2][int(number) :]


@pytest.mark.parametrize("ended", [False, True], ids=["waiting", "ended"])
def test_a_number_that_the_run_has_not_reached_is_refused_and_the_last_one_is_not(api: Api, ended: bool) -> None:
    """A reader that holds one is from before a backup was restored: it would hear nothing, or not all."""
    run = ask(api)
    api.http.post(f"{RUNS}/{run}/{'cancel' if ended else 'pause'}")
    for headers, query, pointer in (
        ({**STREAM, "Last-Event-ID": "3"}, "", "header:last-event-id"),
        (STREAM, "?after=3", "query:after"),
        ({}, "?after=3", "query:after"),
    ):
        answer = api.http.get(f"{RUNS}/{run}/events{query}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert "number 2" in answer.json()["detail"]
    assert page(api, run, "?after=2")["items"] == []


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [
        (None, "?lastEventId=1", [2]),
        ("", "", [1, 2]),
        (None, "?lastEventId=", [1, 2]),
        ("", "?lastEventId=1", [2]),
        ("0", "?lastEventId=1", [1, 2]),
        ("1", "?lastEventId=0&after=0", [2]),
        (None, "?lastEventId=0&after=1", [1, 2]),
    ],
)
def test_last_event_id_is_read_from_the_header_else_from_the_query(
    api: Api, header: str | None, query: str, expected: list[int]
) -> None:
    run = ask(api)
    api.http.post(f"{RUNS}/{run}/cancel")
    headers = STREAM if header is None else {**STREAM, "Last-Event-ID": header}
    answer = api.http.get(f"{RUNS}/{run}/events{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert [event["seq"] for event in read_events(iter(answer.text.splitlines()))] == expected
    page = api.http.get(f"{RUNS}/{run}/events{query}", headers={**headers, "Accept": "application/json"}).json()
    assert [event["seq"] for event in page["items"]] == expected


def test_last_event_id_in_the_query_is_checked_as_the_header_is(api: Api) -> None:
    run = ask(api)
    for sent in ("x", "-1", "9"):
        for headers in (STREAM, {}):
            answer = api.http.get(f"{RUNS}/{run}/events?lastEventId={sent}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
            assert answer.json()["errors"][0]["pointer"] == "query:lastEventId"


def test_what_cannot_be_streamed_is_refused_before_a_stream_begins(api: Api) -> None:
    run = ask(api)
    unknown = api.http.get(f"{RUNS}/018f0000-0000-7000-8000-000000000000/events", headers=STREAM)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "RUN_NOT_FOUND")
    for headers, query in (({"Last-Event-ID": "x"}, ""), ({"Last-Event-ID": "-1"}, ""), ({}, "?after=-1")):
        answer = api.http.get(f"{RUNS}/{run}/events{query}", headers={**STREAM, **headers})
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert api.http.get(f"{RUNS}/{run}/events", headers={"Accept": "image/png"}).status_code == 406


def test_a_stream_of_a_run_that_is_deleted_ends(api: Api) -> None:
    run = ask(api)
    with api.http.stream("GET", f"{RUNS}/{run}/events", headers=STREAM) as answer:
        stream = read_events(answer.iter_lines())
        next(stream)

        def end_and_delete(session: Session) -> None:
            runs.cancel(session, run)
            runs.delete(session, run)

        act(api, end_and_delete)
        assert list(stream) == []


def test_the_number_of_streams_is_limited_and_a_closed_one_frees_a_place(serve: StartApi) -> None:
    api = serve(max_streams=2)
    run = ask(api)
    address = f"{RUNS}/{run}/events"
    with api.http.stream("GET", address, headers=STREAM), api.http.stream("GET", address, headers=STREAM):
        refused = api.http.get(address, headers=STREAM)
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
        assert int(refused.headers["retry-after"]) >= 1
        assert api.http.get(address).status_code == 200, "pages are not streams"
    emptied(api)
    api.http.post(f"{RUNS}/{run}/cancel")
    for _ in range(3):
        assert api.http.get(address, headers=STREAM).status_code == 200
    emptied(api)


def test_a_head_of_a_stream_has_no_body_and_ends(api: Api) -> None:
    answer = api.http.head(f"{RUNS}/{ask(api)}/events", headers=STREAM)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    emptied(api)


def emptied(api: Api) -> None:
    """Returns when the service has noticed that all who followed are gone."""
    for _ in range(6000):
        if api.app_state.followers.present == 0:
            return
        threading.Event().wait(0.01)
    raise AssertionError("a stream was left open")


@pytest.mark.slow
def test_many_follow_at_once_and_all_receive_every_event(api: Api) -> None:
    """More streams than the event loop has threads for requests, and requests are answered meanwhile."""
    run = ask(api)
    everything: list[list[int]] = []
    begun = threading.Barrier(51)

    def follow() -> None:
        with (
            httpx.Client(base_url=api.http.base_url, trust_env=False, timeout=PATIENCE) as http,
            http.stream("GET", f"{RUNS}/{run}/events", headers=STREAM) as answer,
        ):
            begun.wait(PATIENCE)
            everything.append([event["seq"] for event in read_events(answer.iter_lines())])

    followers = [threading.Thread(target=follow) for _ in range(50)]
    for follower in followers:
        follower.start()
    begun.wait(PATIENCE)
    claimed = claim(api)
    for epoch in range(1, 11):
        measure(api, claimed, epoch)
        assert api.http.get(f"{RUNS}/{run}").status_code == 200
    act(api, runs.succeed, run, claimed.fence, result={})
    for follower in followers:
        follower.join()
    assert everything == [list(range(1, 14))] * 50
    emptied(api)


def test_a_stream_ends_with_a_run_that_finishes_between_the_two_queries_of_a_read(api: Api) -> None:
    """A read that sees the run unfinished does not see its last event either, else the stream would wait for ever."""
    run = ask(api)
    claimed = claim(api)
    steps = [lambda: act(api, runs.succeed, run, claimed.fence, result={})]

    def finish(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if steps and "FROM run_events" in statement:
            steps.pop()()

    async def follow() -> list[bytes]:
        followers = Followers(api.app_state.database, most=1, poll_seconds=0.01)
        app_state = dataclasses.replace(api.app_state, followers=followers)
        async with followers, asyncio.timeout(PATIENCE):
            batch = await events.read(app_state, run, 0)
            return [text async for text in events.stream(app_state, run, 0, batch)]

    listen(Engine, "before_cursor_execute", finish)
    try:
        received = asyncio.run(follow())
    finally:
        remove(Engine, "before_cursor_execute", finish)
    assert steps == []
    assert [line for text in received for line in text.decode().splitlines() if line.startswith("id: ")] == [
        "id: 1",
        "id: 2",
        "id: 3",
    ]


def test_a_reader_that_comes_back_to_a_restarted_service_misses_and_repeats_nothing(
    running_api: RunningApi, api_settings: ServiceSettings
) -> None:
    """Three services one after the other on one database; the run goes on while none is there."""
    seen: list[int] = []
    epoch = 0
    run = claimed = None
    for life in range(3):
        with running_api(api_settings) as api:
            if run is None:
                run, claimed = ask(api), claim(api)
            headers = {**STREAM, "Last-Event-ID": str(seen[-1])} if seen else STREAM
            with api.http.stream("GET", f"{RUNS}/{run}/events", headers=headers) as answer:
                stream = read_events(answer.iter_lines())
                for _ in range(3):
                    epoch += 1
                    measure(api, claimed, epoch)
                if life == 2:
                    act(api, runs.succeed, run, claimed.fence, result={})
                    seen += [event["seq"] for event in stream]
                else:
                    seen += [next(stream)["seq"] for _ in range(2 + life)]
        # the service is gone, and what was not read yet is read from the next one
    assert seen == list(range(1, 13)), "created, claimed, nine batches of metrics, succeeded"


@pytest.fixture(params=["sqlite", "postgresql"])
def api_settings(request: pytest.FixtureRequest, tmp_path: Path) -> ServiceSettings:
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    settings = ServiceSettings(data_dir=tmp_path / "data", database_url=url, inference_threads=1)
    schema.upgrade(settings)
    return settings


def test_a_silent_stream_pings_and_goes_on(api: Api) -> None:
    """The generator by itself, with a shorter patience than the 15 s of the service."""
    run = ask(api)

    async def follow() -> list[bytes]:
        followers = Followers(api.app_state.database, most=1, poll_seconds=0.01)
        app_state = dataclasses.replace(api.app_state, followers=followers)
        received = []
        async with followers:
            batch = await events.read(app_state, run, 0)
            async for text in events.stream(app_state, run, 0, batch, ping_seconds=0.05):
                received.append(text)
                if len(received) == 3:
                    await asyncio.to_thread(act, api, runs.cancel, run)
        return received

    first, *pings, last = asyncio.run(follow())
    assert first.startswith(b"event: queued\ndata: {")
    assert set(pings) == {b": ping\n\n"}
    assert len(pings) >= 2
    assert last.startswith(b"event: cancelled\n")
    assert events.PING_SECONDS == 15


def test_followers_are_sent_away_when_all_is_closed_and_nobody_comes_in_vain(api: Api) -> None:
    async def follow() -> list[bool]:
        async with Followers(api.app_state.database, most=1) as followers:
            followers.enter()
            with pytest.raises(Overloaded):
                followers.enter()
            waiting = asyncio.create_task(followers.news("a run", 0, PATIENCE))
            await asyncio.sleep(0)
            followers.close()
            return [await waiting, await followers.news("a run", 0, PATIENCE)]

    assert asyncio.run(follow()) == [True, True]
