"""One run's lease, kept alive beside the work: renewed by a thread with a database connection of its own.

Knows nothing of the trainer but how to have it killed. Time here is the monotonic clock of this machine, counted
from before each renewal was sent, so it never believes in a lease that the database has given up.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from registry import errors, runs
from registry.database.sessions import Database

RETRY_SECONDS = 1.0
"""Pause before a renewal that found no database is tried again: the database may be back just before the end."""


_log = structlog.get_logger()


class LeaseLost(Exception):
    """The run is no longer this worker's to write."""


class Lease:
    """A context in which the run stays ours, or is `lost` and `on_lost` has been called, in whatever thread."""

    def __init__(
        self,
        database: Database,
        run_id: str,
        fence: int,
        *,
        claimed_at: float,
        lease_seconds: float,
        renew_seconds: float,
        on_lost: Callable[[], None],
        margin_seconds: float,
    ) -> None:
        self._database, self._run_id, self._fence = database, run_id, fence
        self._lease_seconds, self._renew_seconds = lease_seconds, renew_seconds
        self._trusted_seconds = lease_seconds - margin_seconds
        self._deadline = claimed_at + self._trusted_seconds
        self._on_lost = on_lost
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=f"lease {work.__name__}", daemon=True)
            for work in (self._renew, self._guard)
        ]
        self.lost: str | None = None
        """Why the run is not ours any more; None while it is."""
        self.stop_request: str | None = None
        """The run's `stop_requested`, as the last renewal answered."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join(timeout=1)  # one that waits for a database that is away is left behind: it can only renew

    def check(self) -> None:
        """Raise LeaseLost if the run is not ours any more."""
        if self.lost is not None:
            raise LeaseLost(self.lost)

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the loss of the lease. Raises LeaseLost as `check` does."""
        self._closed.wait(seconds)
        self.check()

    def _renew(self) -> None:
        pause = self._renew_seconds
        while not self._closed.wait(pause):
            sent = time.monotonic()
            try:
                with self._database.write() as session:
                    session.connection()  # waits for its turn; a run that was given up meanwhile is for others
                    if self._closed.is_set():
                        return None
                    self.stop_request = runs.renew(session, self._run_id, self._fence, self._lease_seconds)
            except errors.Fenced:
                return self._lose("another worker or a forced cancel has taken the run")
            except errors.DatabaseUnavailable as away:
                _log.warning("database_away", work="renewal", reason=away.driver_message)
                pause = min(self._renew_seconds, RETRY_SECONDS)
                continue  # the guard decides how long that may last
            pause = self._renew_seconds
            self._deadline = sent + self._trusted_seconds
        return None

    def _guard(self) -> None:
        """Never touches the database, so that nothing can hold it up."""
        while not self._closed.wait(max(0.0, self._deadline - time.monotonic())):
            if time.monotonic() >= self._deadline:
                return self._lose("the lease could not be renewed in time")
        return None

    def _lose(self, reason: str) -> None:
        if self._closed.is_set():
            return
        self.lost = reason
        self._closed.set()
        self._on_lost()
