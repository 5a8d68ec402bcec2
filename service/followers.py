"""Those who follow runs over open connections: how many there may be, and what wakes them. Knows no event's content.

One look at the database serves all of them: a follower to whose run nothing happens costs neither a thread nor a query.
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
"""How often the runs that are followed are looked at."""

RETRY_SECONDS: Final = 10
"""What a client is told to wait where too many follow already; streams last long."""

_log = structlog.get_logger("service.followers")


class Followers:
    """A context in which followers are woken; `most` of them may be there at a time. All methods are the loop's own."""

    def __init__(self, database: Database, *, most: int, poll_seconds: float = POLL_SECONDS) -> None:
        self._database, self._most, self._poll_seconds = database, most, poll_seconds
        self._present = 0
        self._waiting: dict[asyncio.Future[None], tuple[str, int]] = {}
        self._watch: asyncio.Task[None] | None = None
        self.threads = CapacityLimiter(2)
        """For reading events: those who follow shall not take the threads of those who ask."""
        self.closed = False
        """Whether everyone has to leave."""

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._look_again_and_again(), name="followers")
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.close()
        assert self._watch is not None
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch

    @property
    def present(self) -> int:
        """How many follow."""
        return self._present

    def enter(self) -> None:
        """One more follows, until it calls `leave`. Raises Overloaded."""
        if self._present >= self._most:
            raise Overloaded(
                f"{self._present} streams of events are open already, as many as may; ask for pages of events instead, "
                f"or try again in {RETRY_SECONDS} s",
                retry_after=RETRY_SECONDS,
            )
        self._present += 1

    def leave(self) -> None:
        """One less follows."""
        self._present -= 1

    def close(self) -> None:
        """Wake everyone, to leave at once: a server that shuts down waits for them."""
        self.closed = True
        self._wake({})

    async def news(self, run_id: str, after: int, seconds: float) -> bool:
        """Wait until the run has an event after the number `after`, or is gone, or all is closed.

        False after so many seconds without any of it.
        """
        if self.closed:
            return True
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[heard] = (run_id, after)
        try:
            async with asyncio.timeout(seconds):
                await heard
        except TimeoutError:
            return False
        finally:
            del self._waiting[heard]
        return True

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            if not self._waiting:
                continue
            followed = {run_id for run_id, _ in self._waiting.values()}
            try:
                numbers = await anyio.to_thread.run_sync(self._numbers, followed, limiter=self.threads)
            except DatabaseUnavailable as away:
                _log.warning("database_away", reason=away.said)
            except Exception:  # or nobody would be woken any more; the log must say it
                _log.exception("look_failed")
            else:
                self._wake(dict.fromkeys(followed, -1) | numbers)

    def _numbers(self, run_ids: Collection[str]) -> dict[str, int]:
        with self._database.read() as session:
            return events.numbers(session, run_ids)

    def _wake(self, numbers: dict[str, int]) -> None:
        """Wake those whose run is further than what they know, or gone (-1); of runs that nobody looked at only when
        all is closed."""
        for heard, (run_id, after) in self._waiting.items():
            number = numbers.get(run_id, 0)
            if not heard.done() and (self.closed or number < 0 or number > after):
                heard.set_result(None)
