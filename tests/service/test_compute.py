"""The compute thread: one at a time, bounded, and nothing for clients that have gone."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import torch
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.compute import Compute
from service.errors import Overloaded


class Client:
    """A client that stays until it is told to go."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.request = Request({"type": "http", "method": "GET", "path": "/", "headers": []}, self.receive)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}


class Door:
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


def test_what_the_work_raises_reaches_the_caller(compute: Compute) -> None:
    def fail(text: str, *, more: str) -> None:
        raise ValueError(text + more)

    with pytest.raises(ValueError, match="no and no"):
        asyncio.run(compute.run(Client().request, fail, "no ", more="and no"))


def test_a_full_queue_refuses_at_once_and_takes_work_again_later(compute: Compute) -> None:
    async def main() -> None:
        door = Door()
        running = asyncio.ensure_future(compute.run(Client().request, door))
        waiting = asyncio.ensure_future(compute.run(Client().request, str))
        await asyncio.to_thread(door.begun.wait, 30)
        with pytest.raises(Overloaded) as refused:
            await compute.run(Client().request, str)
        assert refused.value.retry_after >= 1
        door.open.set()
        await asyncio.gather(running, waiting)
        assert await compute.run(Client().request, int) == 0

    asyncio.run(main())


def test_work_of_a_client_that_has_gone_never_begins(compute: Compute) -> None:
    async def main() -> None:
        door, client, done = Door(), Client(), []
        running = asyncio.ensure_future(compute.run(Client().request, door))
        await asyncio.to_thread(door.begun.wait, 30)
        abandoned = asyncio.ensure_future(compute.run(client.request, done.append, "abandoned"))
        await asyncio.sleep(0)
        client.gone.set()
        with pytest.raises(ClientDisconnect):
            await abandoned
        following = asyncio.ensure_future(compute.run(Client().request, done.append, "following"))
        door.open.set()
        await asyncio.gather(running, following)
        assert done == ["following"]

    asyncio.run(main())


def test_a_client_that_goes_while_its_work_runs_does_not_stop_the_thread(compute: Compute) -> None:
    async def main() -> None:
        door, client = Door(), Client()
        running = asyncio.ensure_future(compute.run(client.request, door))
        await asyncio.to_thread(door.begun.wait, 30)
        client.gone.set()
        with pytest.raises(ClientDisconnect):
            await running
        door.open.set()
        assert await compute.run(Client().request, int) == 0

    asyncio.run(main())


def test_closing_waits_for_what_runs_and_drops_what_waits() -> None:
    async def main() -> list[str]:
        thread, door, done = Compute(threads=None, max_waiting=2), Door(), []
        running = asyncio.ensure_future(thread.run(Client().request, door))
        waiting = asyncio.ensure_future(thread.run(Client().request, done.append, "waited"))
        await asyncio.to_thread(door.begun.wait, 30)
        closing = asyncio.ensure_future(asyncio.to_thread(thread.close))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not closing.done()
        door.open.set()
        await asyncio.gather(running, closing)
        return done

    assert asyncio.run(main()) == []
