"""The compute thread: one at a time, bounded, and nothing for clients that have gone."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.errors import Overloaded
from service.inference.compute import Compute
from testing.published_models import SharedApi


class Client:
    """A client that stays connected until it is asked to disconnect."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.request = Request({"type": "http", "method": "GET", "path": "/", "headers": []}, self.receive)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Api:
    """Work that says when it has begun, and ends when it is let out."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.open.wait(30)
        return threading.current_thread().name


@pytest.fixture
def compute() -> Iterator[Compute]:
    thread = Compute(threads=1, max_waiting=2)
    yield thread
    thread.close()


def test_work_runs_in_the_one_thread_without_gradients(compute: Compute) -> None:
    def look() -> tuple[str, bool, int]:
        return threading.current_thread().name, torch.is_inference_mode_enabled(), torch.get_num_threads()

    async def main() -> list[tuple[str, bool, int]]:
        return [await compute.run(Client().request, look) for _ in range(2)]

    first, second = asyncio.run(main())
    assert first == second
    assert first[0] != threading.current_thread().name
    assert first[1:] == (True, 1)


def test_what_work_needs_is_loaded_in_the_thread_while_the_event_loop_stays_free() -> None:
    api = Api()
    thread = Compute(threads=1, max_waiting=2, load=lambda: loaded_in.append(api()))
    loaded_in: list[str] = []

    async def main() -> str:
        thread.start()
        loaded = asyncio.ensure_future(thread.loaded())
        await asyncio.to_thread(api.begun.wait, 30)
        running = asyncio.ensure_future(thread.run(Client().request, lambda: threading.current_thread().name))
        assert not loaded.done()
        api.open.set()
        await asyncio.gather(loaded, thread.loaded())
        return await running

    assert [asyncio.run(main())] == loaded_in
    thread.close()


def test_loaded_does_not_wait_for_work_that_runs_later(compute: Compute) -> None:
    async def main() -> None:
        api = Api()
        await compute.loaded()
        running = asyncio.ensure_future(compute.run(Client().request, api))
        await compute.loaded()
        api.open.set()
        await running

    asyncio.run(main())


def test_what_the_work_raises_reaches_the_caller(compute: Compute) -> None:
    def fail(text: str, *, more: str) -> None:
        raise ValueError(text + more)

    with pytest.raises(ValueError, match="no and no"):
        asyncio.run(compute.run(Client().request, fail, "no ", more="and no"))


def test_a_full_queue_refuses_at_once_and_takes_work_again_later(compute: Compute) -> None:
    async def main() -> None:
        api = Api()
        running = asyncio.ensure_future(compute.run(Client().request, api))
        waiting = asyncio.ensure_future(compute.run(Client().request, str))
        await asyncio.to_thread(api.begun.wait, 30)
        with pytest.raises(Overloaded) as refused:
            await compute.run(Client().request, str)
        assert refused.value.retry_after >= 1
        api.open.set()
        await asyncio.gather(running, waiting)
        assert await compute.run(Client().request, int) == 0

    asyncio.run(main())


def test_work_of_a_client_that_has_gone_never_begins(compute: Compute) -> None:
    async def main() -> None:
        api, client = Api(), Client()
        done: list[str] = []
        running = asyncio.ensure_future(compute.run(Client().request, api))
        await asyncio.to_thread(api.begun.wait, 30)
        abandoned = asyncio.ensure_future(compute.run(client.request, done.append, "abandoned"))
        await asyncio.sleep(0)
        client.gone.set()
        with pytest.raises(ClientDisconnect):
            await abandoned
        following = asyncio.ensure_future(compute.run(Client().request, done.append, "following"))
        api.open.set()
        await asyncio.gather(running, following)
        assert done == ["following"]

    asyncio.run(main())


def test_a_client_that_goes_while_its_work_runs_does_not_stop_the_thread(compute: Compute) -> None:
    async def main() -> None:
        api, client = Api(), Client()
        running = asyncio.ensure_future(compute.run(client.request, api))
        await asyncio.to_thread(api.begun.wait, 30)
        client.gone.set()
        with pytest.raises(ClientDisconnect):
            await running
        api.open.set()
        assert await compute.run(Client().request, int) == 0

    asyncio.run(main())


def test_closing_waits_for_what_runs_and_drops_what_waits() -> None:
    async def main() -> list[str]:
        thread, api = Compute(threads=None, max_waiting=2), Api()
        done: list[str] = []
        running = asyncio.ensure_future(thread.run(Client().request, api))
        waiting = asyncio.ensure_future(thread.run(Client().request, done.append, "waited"))
        await asyncio.to_thread(api.begun.wait, 30)
        closing = asyncio.ensure_future(asyncio.to_thread(thread.close))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not closing.done()
        api.open.set()
        await asyncio.gather(running, closing)
        return done

    assert asyncio.run(main()) == []


# --- over HTTP -------------------------------------------------------------------------------------------------------

ENCODE = "/api/v1/models/kl/encode"
BODY = {"dataset": "digits", "split": "test", "indices": [0]}


@contextmanager
def occupied(compute: Compute, slots: int) -> Iterator[None]:
    """The compute thread held up by as many pieces of work, until the block ends."""
    api = Api()

    def work() -> None:
        async def wait() -> None:
            await compute.run(Client().request, api)

        asyncio.run(wait())

    with ThreadPoolExecutor(slots) as callers:
        waiting = [callers.submit(work) for _ in range(slots)]
        try:
            assert api.begun.wait(30)
            deadline = time.monotonic() + 30
            while compute.waiting < slots and time.monotonic() < deadline:
                time.sleep(0.005)
            yield
        finally:
            api.open.set()
        for work_done in waiting:
            work_done.result()


def test_a_full_queue_is_a_503_that_says_when_to_come_back_while_health_stays_fast(shared_api: SharedApi) -> None:
    with occupied(shared_api.app_state.interactive, 4):
        refused = shared_api.http.post(ENCODE, json=BODY)
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
        assert int(refused.headers["retry-after"]) >= 1
        assert shared_api.http.get("/livez").status_code == 200
        assert shared_api.http.get("/api/v1/models/kl").status_code == 200
    assert shared_api.http.post(ENCODE, json=BODY).status_code == 200


def counted(shared_api: SharedApi, line: str) -> float:
    """A number in /metrics whose line begins and goes on like this."""
    name, _, label = line.partition(" ")
    lines = shared_api.http.get("/metrics").text.splitlines()
    return sum(float(found.split()[-1]) for found in lines if found.startswith(name) and label in found)


def test_a_request_whose_client_has_gone_is_never_computed(shared_api: SharedApi) -> None:
    went, rows = 'http_server_request_duration_seconds_count{ status_code="499"', "sae_rows_total encode"
    before = counted(shared_api, went), counted(shared_api, rows)
    text = json.dumps(BODY)
    url = shared_api.http.base_url
    head = f"POST {ENCODE} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nContent-Type: application/json\r\n"
    with occupied(shared_api.app_state.interactive, 1):
        with socket.create_connection((url.host, url.port)) as connection:
            connection.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())
            deadline = time.monotonic() + 30
            while shared_api.app_state.interactive.waiting < 2 and time.monotonic() < deadline:
                time.sleep(0.005)
        while counted(shared_api, went) == before[0] and time.monotonic() < deadline:
            time.sleep(0.005)
    assert shared_api.http.post(ENCODE, json=BODY).status_code == 200
    assert counted(shared_api, rows) == before[1] + 1, "only the row of the client that stayed"
