"""What every worker does for all of them: puts back the runs of lost workers, says that it is alive, sweeps up.

Runs in a thread beside the work, with a database connection of its own, so that a long run holds up nothing.
"""

import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.orm import Session

from registry import errors, runs, workers
from registry.database.sessions import Database
from worker.supervising import identity

REMOVE_SECONDS: Final = 24 * 3600.0
"""How long rows of killed workers are kept, for operators who query the database."""

_log = structlog.get_logger()


class Upkeep:
    """A context in which the upkeep is done about every `seconds`, the first time at once."""

    def __init__(
        self,
        database: Database,
        worker_id: str,
        describe: Callable[[], workers.Identity],
        *,
        work_dir: Path,
        seconds: float,
    ) -> None:
        self._database, self._worker_id, self._describe = database, worker_id, describe
        self._work_dir, self._seconds = work_dir, seconds
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="upkeep", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._closed.set()
        self._thread.join(timeout=1)  # a database that is away must not hold up the end
        self._tolerantly(self._remove)

    def _keep_up(self) -> None:
        while True:
            self._tolerantly(self._beat_and_reap)
            self._tolerantly(self._sweep)
            if self._closed.wait(self._seconds * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads workers over time
                return

    def _tolerantly(self, work: Callable[[], None]) -> None:
        try:
            work()
        except errors.DatabaseUnavailable as away:
            _log.warning("database_away", work="upkeep", reason=away.driver_message)
        except Exception:  # the work goes on without upkeep, and other workers reap too; the log must say it
            _log.exception("upkeep_failed")

    def _beat_and_reap(self) -> None:
        me = self._describe()
        with self._database.read() as session:
            holding = workers.holding(session)
        dead = [worker.id for worker in holding if identity.is_gone(worker, me)]
        with self._database.write() as session:
            workers.heartbeat(session, self._worker_id, me)
            lost = runs.reap(session, dead)
            workers.remove_silent(session, REMOVE_SECONDS)
            for worker_id in set(dead) - workers.runs_of(session, dead).keys():
                workers.remove(session, worker_id)
        for run_id in lost:
            _log.warning("run_reaped", run=run_id)

    def _remove(self) -> None:
        with self._database.write() as session:
            workers.remove(session, self._worker_id)

    def _sweep(self) -> None:
        """Remove folders that killed workers left behind: those of attempts that are over."""
        if not self._work_dir.is_dir():
            return
        for folder in list(self._work_dir.iterdir()):
            with self._database.read() as session:
                over = not _in_progress(session, folder.name)
            if over:
                shutil.rmtree(folder, ignore_errors=True)


def _in_progress(session: Session, folder: str) -> bool:
    run_id, _, fence = folder.rpartition("-")
    try:
        run = runs.get(session, run_id)
    except errors.RunNotFound:
        return False
    return run.state == "running" and str(run.fence) == fence
