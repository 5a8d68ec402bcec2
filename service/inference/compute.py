"""A bounded compute thread: everything with tensors, big bodies or pictures runs in one, in order of arrival.

Knows neither models nor routes. The event loop stays free for health checks, torch's threads are not multiplied
by the server's, and work that nobody waits for any more is dropped before it starts.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

import torch
from starlette.requests import ClientDisconnect, Request

from service.errors import Overloaded

RETRY_SECONDS: Final = 2
"""What a client is told to wait when the queue is full: at some tens of milliseconds each, much of it is gone then."""

P = ParamSpec("P")
T = TypeVar("T")


class Compute:
    """A thread with torch's thread count set in it, and a queue with a bound."""

    def __init__(self, *, threads: int | None, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._waiting = 0
        self._executor = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="compute", initializer=_settle, initargs=(threads,)
        )

    async def run(self, request: Request, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises, once the thread has come to it.

        Raises `Overloaded` at once if the queue is full, and `ClientDisconnect` if the client goes away first; work
        that has not begun by then never begins. The request's body must have been read before.
        """
        future = self._submit(function, *args, **kwargs)
        waiting = asyncio.wrap_future(future)
        gone = asyncio.ensure_future(_disconnect(request))
        try:
            await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise ClientDisconnect
            return waiting.result()
        finally:
            waiting.cancel()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    @property
    def waiting(self) -> int:
        """Pieces of work that wait or run."""
        return self._waiting

    def _submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with self._lock:
            if self._waiting >= self._max_waiting:
                raise Overloaded(
                    f"{self._waiting} computations are waiting already; try again in {RETRY_SECONDS} s",
                    retry_after=RETRY_SECONDS,
                )
            self._waiting += 1
        future = self._executor.submit(_call, lambda: function(*args, **kwargs))
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _: "Future[Any]") -> None:
        with self._lock:
            self._waiting -= 1

    def close(self) -> None:
        """Drop what waits, and wait for what runs."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def _settle(threads: int | None) -> None:
    """Torch reads its thread count when a thread first works in parallel: it must be set in that thread."""
    if threads is not None:
        torch.set_num_threads(threads)


def _call(function: Callable[[], T]) -> T:
    """Gradients are switched off per thread, so it is done here and not by the caller."""
    with torch.inference_mode():
        return function()


async def _disconnect(request: Request) -> None:
    """Return when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
