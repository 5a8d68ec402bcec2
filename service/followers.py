"""Streams of events over open connections: how many may be open, and what wakes them. Knows no event's content.

One query serves all of them: a stream of a run to which nothing happens costs neither a thread nor a query of its own.
"""

import asyncio
import contextlib
from collections.abc import Collection
from typing import Final, Self

import anyio.to_thread
import structlog
from anyio import CapacityLimiter

from registry import events
from registry.database.sessions import Database
from registry.errors import DatabaseUnavailable
from service.errors import Overloaded

POLL_SECONDS: Final = 0.5
"""Interval between two queries for new events of all followed runs."""

RETRY_SECONDS: Final = 10
"""`Retry-After` where too many streams are open; streams last long."""

_log = structlog.get_logger("service.followers")


class Followers:
    """A context in which at most `most` streams are woken. Its methods are called in the event loop only."""

    def __init__(self, database: Database, *, most: int, poll_seconds: float = POLL_SECONDS) -> None:
        self._database, self._most, self._poll_seconds = database, most, poll_seconds
        self._count = 0
        self._waiting: dict[asyncio.Future[None], tuple[str, int]] = {}
        self._polling: asyncio.Task[None] | None = None
        self.threads = CapacityLimiter(2)
        """Threads that read events for streams, so that streams leave the other threads to requests."""
        self.closed = False
        """Whether all streams must end."""

    async def __aenter__(self) -> Self:
        self._polling = asyncio.create_task(self._poll(), name="followers")
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.close()
        assert self._polling is not None
        self._polling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._polling

    @property
    def present(self) -> int:
        """The number of open streams."""
        return self._count

    def enter(self) -> None:
        """Count one more stream, until `leave` is called. Raises Overloaded."""
        if self._count >= self._most:
            raise Overloaded(
                f"{self._count} streams of events are open, which is the limit; request pages of events instead, "
                f"or try again in {RETRY_SECONDS} s",
                retry_after=RETRY_SECONDS,
            )
        self._count += 1

    def leave(self) -> None:
        """Count one stream less."""
        self._count -= 1

    def close(self) -> None:
        """Wake all streams, so that they end at once: a server that shuts down waits for them."""
        self.closed = True
        self._wake({})

    async def news(self, run_id: str, after: int, seconds: float) -> bool:
        """Wait until the run has an event after the number `after`, is deleted, or all streams must end.

        False if none of it happens within so many seconds.
        """
        if self.closed:
            return True
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[woken] = (run_id, after)
        try:
            async with asyncio.timeout(seconds):
                await woken
        except TimeoutError:
            return False
        finally:
            del self._waiting[woken]
        return True

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            if not self._waiting:
                continue
            followed = {run_id for run_id, _ in self._waiting.values()}
            try:
                numbers = await anyio.to_thread.run_sync(self._numbers, followed, limiter=self.threads)
            except DatabaseUnavailable as away:
                _log.warning("database_away", reason=away.driver_message)
            except Exception:  # a task that died would wake nobody any more
                _log.exception("poll_failed")
            else:
                self._wake(dict.fromkeys(followed, -1) | numbers)

    def _numbers(self, run_ids: Collection[str]) -> dict[str, int]:
        with self._database.read() as session:
            return events.numbers(session, run_ids)

    def _wake(self, numbers: dict[str, int]) -> None:
        """Wake the streams whose run has newer events or is deleted (-1); all of them once `closed`."""
        for woken, (run_id, after) in self._waiting.items():
            number = numbers.get(run_id, 0)
            if not woken.done() and (self.closed or number < 0 or number > after):
                woken.set_result(None)
