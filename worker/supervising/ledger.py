"""Every write of one attempt into the registry: fenced, in batches, patient in an outage.

Knows the run's id and fence, not what its numbers mean. `registry.errors.Fenced` passes through: whoever sees it
kills the trainer and writes nothing more.
"""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy.orm import Session

from registry import errors, runs
from registry.database.sessions import Database
from registry.metrics import MetricRecord
from worker.supervising.lease import Lease

RETRY_SECONDS: Final = 1.0
"""Pause before a transaction that must happen is tried again."""

_T = TypeVar("_T")

_log = structlog.get_logger()


class Ledger:
    """What one attempt has to tell the registry, kept until the registry has it."""

    def __init__(self, database: Database, lease: Lease, run_id: str, fence: int, *, write_seconds: float) -> None:
        self._database, self._lease = database, lease
        self._run_id, self._fence = run_id, fence
        self._progress: dict[str, Any] | None = None
        self._metrics: list[MetricRecord] = []
        self._others: list[Callable[[Session], object]] = []
        self._afterwards: list[Callable[[], None]] = []
        self._has_metrics = False
        self._write_seconds = write_seconds
        self._due = 0.0

    def note_progress(self, progress: dict[str, Any]) -> None:
        """The newest replaces the one before."""
        self._progress = progress

    def note_metrics(self, record: MetricRecord) -> None:
        """Every record is kept. The first of an attempt is written at once: somebody may be waiting for it."""
        self._metrics.append(record)
        if not self._has_metrics:
            self._has_metrics, self._due = True, 0.0

    def note(self, write: Callable[[Session], object], then: Callable[[], None] = lambda: None) -> None:
        """Any other fenced write, done in the order of noting, after progress and metrics; `then` when it is kept."""
        self._others.append(write)
        self._afterwards.append(then)

    def flush(self) -> None:
        """Write what is noted, if it is time; while the database is away everything stays noted."""
        if time.monotonic() < self._due or not self._has_notes:
            return
        try:
            self._write_notes()
        except errors.DatabaseUnavailable as away:
            self._warn(away)
        self._due = time.monotonic() + self._write_seconds

    def insist(self, write: Callable[[Session], _T]) -> _T:
        """What is noted, then `write` in one transaction, until it is done. Raises LeaseLost when it is too late.

        `write` must bear being done twice: the answer to a commit may get lost.
        """
        while True:
            self._lease.check()
            try:
                if self._has_notes:
                    self._write_notes()
                with self._database.write() as session:
                    return write(session)
            except errors.DatabaseUnavailable as away:
                self._warn(away)
                self._lease.pause(RETRY_SECONDS)

    def stop_request(self) -> str | None:
        """What the run's owner asked for; None, too, while the database is away."""
        try:
            with self._database.read() as session:
                return runs.stop_request(session, self._run_id, self._fence)
        except errors.DatabaseUnavailable:
            return None

    def discard(self) -> None:
        """Let go of everything that is noted."""
        self._progress = None
        self._metrics.clear()
        self._others.clear()
        self._afterwards.clear()

    def _warn(self, away: errors.DatabaseUnavailable) -> None:
        _log.warning("database_away", reason=away.driver_message, unwritten_metrics=len(self._metrics))

    @property
    def _has_notes(self) -> bool:
        return bool(self._progress or self._metrics or self._others)

    def _write_notes(self) -> None:
        with self._database.write() as session:
            runs.record(session, self._run_id, self._fence, progress=self._progress, metrics=self._metrics)
            for write in self._others:
                write(session)
        kept = self._afterwards.copy()
        self.discard()
        for then in kept:
            then()
