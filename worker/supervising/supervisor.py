"""The worker's main loop: claims a run, sees its attempt through, claims the next. Has no torch and no numpy.

One run at a time; the trainer is a process of its own (see attempt), so nothing that a run does can starve the lease.
"""

import os
import socket
import time
from collections.abc import Iterator
from typing import Final

import structlog

from registry import collection, errors, runs, workers
from registry.database import identifiers, sessions
from registry.database.tables import Run
from registry.stores.directory import DirectoryStore
from worker.settings import WorkerSettings
from worker.supervising import identity
from worker.supervising.attempt import Attempt, WorkerContext
from worker.supervising.collector import Collector
from worker.supervising.devices import Devices
from worker.supervising.drain import Drain
from worker.supervising.fork_server import ForkServer
from worker.supervising.upkeep import Upkeep

AWAY_SECONDS: Final = 5.0
"""Pause after a claim that found no database."""

_log = structlog.get_logger()


class Supervisor:
    """One worker. Make and use it in the main thread, for its fork server dies with the thread that starts it.

    `shared_server`: a descriptor of the control socket of a fork server that others use, too. Raises DeviceMissing.
    """

    def __init__(self, settings: WorkerSettings, shared_server: int | None = None) -> None:
        self._settings = settings
        self._id = f"{socket.gethostname()}-{os.getpid()}-{identifiers.new_id()}"
        threads = settings.threads or _cores()
        self._context = WorkerContext(
            settings=settings,
            threads=threads,
            database=sessions.open(settings),
            lease_database=sessions.open(settings),
            artifacts=DirectoryStore(settings.artifacts_dir),
            devices=Devices(settings.device),
            server=ForkServer(threads, shared_server),
            drain=Drain(),
        )
        self._attempt: Attempt | None = None

    def ask_to_stop(self) -> None:
        """Finish in order: a checkpoint, then the run goes back. Asked again: at once. Safe in a signal handler."""
        self._context.drain.ask()
        if self._context.drain.asked > 1 and self._attempt is not None:
            self._attempt.kill()

    def serve(self) -> None:
        """Work until asked to stop, or until no run is left if so set."""
        _log.info("worker_started", worker=self._id, device=self._settings.device, threads=self._context.threads)
        upkeep_database = sessions.open(self._settings)
        upkeep = Upkeep(
            upkeep_database,
            self._id,
            self._describe,
            work_dir=self._settings.work_dir,
            seconds=self._settings.reap_seconds,
        )
        try:
            with upkeep, Collector(self._collect, self._settings.collect_seconds):
                self._work()
        finally:
            self._context.server.close()
            for database in (self._context.database, self._context.lease_database, upkeep_database):
                database.dispose()
            _log.info("worker_ended", worker=self._id)

    def _work(self) -> None:
        drain, settings = self._context.drain, self._settings
        while not drain.asked:
            self._context.server.ensure()
            claimed_at = time.monotonic()
            try:
                run = self._claim()
            except errors.DatabaseUnavailable as away:
                _log.warning("database_away", work="claim", reason=away.driver_message)
                drain.wait(AWAY_SECONDS)
                continue
            if run is not None:
                self._attempt = Attempt(self._context, run, claimed_at)
                self._attempt.carry_out()
            elif settings.exit_when_idle:
                return
            else:
                drain.wait(settings.idle_seconds)

    def _claim(self) -> Run | None:
        devices = self._context.devices.claimable()
        with self._context.database.read() as session:
            if not runs.is_any_waiting(session, devices):  # an idle worker takes no lock
                return None
        with self._context.database.write() as session:
            return runs.claim(session, owner=self._id, lease_seconds=self._settings.lease_seconds, devices=devices)

    def _collect(self) -> Iterator[collection.Gone]:
        return collection.collect(self._context.database, self._context.artifacts, collection.rules(self._settings))

    def _describe(self) -> workers.Identity:
        devices = self._context.devices
        return identity.describe(devices.kind, devices.device_name, self._context.threads)


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
