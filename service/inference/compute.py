"""A compute thread with a bounded queue: everything with tensors, large bodies or pictures runs in one, in order.

The event loop stays free for health checks, torch's threads are not multiplied by the server's, and work whose client
has disconnected is dropped before it starts. A thread imports torch when it starts: with its first work, or
before.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from service.errors import Overloaded
from sparse_coding import models

RETRY_SECONDS: Final = 2
"""`Retry-After` when the queue is full: at some tens of milliseconds each, much of it is done by then."""

P = ParamSpec("P")
T = TypeVar("T")


class Compute:
    """A thread with torch's thread count set in it, and a bounded queue.

    `load` is called in the thread before its first work; it imports what the work needs.
    """

    def __init__(self, *, threads: int | None, max_waiting: int, load: Callable[[], None] | None = None) -> None:
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_loaded = threading.Event()
        self._has_failed = False
        self._executor = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="compute", initializer=self._prepare, initargs=(threads, load)
        )

    async def run(self, request: Request, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises in the thread.

        Raises `Overloaded` at once if the queue is full, and `ClientDisconnect` if the client disconnects first; work
        that has not begun by then never begins. The request's body must have been read before.
        """
        return await while_connected(request.receive, asyncio.wrap_future(self._submit(function, *args, **kwargs)))

    async def result(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises in the thread, after all that waits for it: the caller bounds the queue."""
        return await asyncio.wrap_future(self._executor.submit(_call, lambda: function(*args, **kwargs)))

    def start(self) -> None:
        """Start the thread, which begins to load what computations need; returns at once."""
        self._executor.submit(_nothing)

    async def loaded(self) -> None:
        """Wait until what computations need has been loaded."""
        if not self.is_loaded:
            await asyncio.wrap_future(self._executor.submit(_nothing))

    @property
    def is_loaded(self) -> bool:
        """Whether what computations need has been loaded."""
        return self._is_loaded.is_set()

    @property
    def waiting(self) -> int:
        """Number of computations that wait or run."""
        return self._waiting

    def _submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with self._lock:
            if self._waiting >= self._max_waiting:
                raise Overloaded(
                    f"{self._waiting} computations are waiting; try again in {RETRY_SECONDS} s",
                    retry_after=RETRY_SECONDS,
                )
            self._waiting += 1
        future = self._executor.submit(_call, lambda: function(*args, **kwargs))
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _: "Future[Any]") -> None:
        with self._lock:
            self._waiting -= 1

    @property
    def has_failed(self) -> bool:
        """Whether what computations need could not be loaded; the error is in the log."""
        return self._has_failed

    def _prepare(self, threads: int | None, load: Callable[[], None] | None) -> None:
        try:
            if load is not None:
                load()
            if threads is not None:
                models.devices.set_threads(threads)
        except BaseException:
            self._has_failed = True
            raise
        self._is_loaded.set()

    def close(self) -> None:
        """Drop waiting computations, and wait for the running one."""
        self._executor.shutdown(wait=True, cancel_futures=True)


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """What `work` gives; it is cancelled if the client disconnects first, and `ClientDisconnect` is raised.

    The request's body must have been read before.
    """
    waiting, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(receive))
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


def _nothing() -> None:
    """Do nothing: the thread has started when this runs."""


def _call(function: Callable[[], T]) -> T:
    """Call without gradients, which are switched off per thread and so not by the caller."""
    with models.devices.without_gradients():
        return function()


async def _disconnect(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
