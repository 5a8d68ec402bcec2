"""One of several processes that empty a queue or update a bare table at the same time; started by run_queue.py.

It imports only the registry, because a worker that claims a run has loaded little more. It prints that it is ready,
waits for a line, works until its time is over or the queue is empty, and prints its results as JSON.
"""

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from registry import runs
from registry.database import sessions
from registry.settings import RegistrySettings

ROUNDS_OF_WARMTH = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=("claim", "finish", "commit"))
    parser.add_argument("url")
    parser.add_argument("number", type=int)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    with WORK[options.work](options.url, options.number) as once:
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(paced(once, options.seconds)))


def paced(once: Callable[[], Any], seconds: float) -> dict[str, Any]:
    """Repeat the work; returns end time by the monotonic clock, duration and result of each call."""
    began = at = time.monotonic()
    done, took, gave = [], [], []
    while at < began + seconds and (given := once()) is not None:
        done.append(time.monotonic())
        took.append(done[-1] - at)
        gave.append(given)
        at = time.monotonic()
    return {"began": began, "done": done, "took": took, "gave": gave}


@contextmanager
def claiming(url: str, number: int) -> Iterator[Callable[[], Any]]:
    """Claim a run and leave it running."""
    with opened(url) as database:

        def once() -> str | None:
            with database.write() as session:
                run = runs.claim(session, owner=f"claimer {number}", lease_seconds=600, devices=["auto", "cpu"])
            return None if run is None else run.id

        yield once


@contextmanager
def finishing(url: str, number: int) -> Iterator[Callable[[], Any]]:
    """Claim a run and finish it successfully."""
    with opened(url) as database, claiming(url, number) as claim:

        def once() -> str | None:
            run_id = claim()
            if run_id is not None:
                with database.write() as session:
                    runs.succeed(session, run_id, 1, result={})
            return run_id

        yield once


@contextmanager
def opened(url: str) -> Iterator[sessions.Database]:
    """Open the database, with open connections and compiled statements."""
    database = sessions.open(RegistrySettings(database_url=url))
    for _ in range(ROUNDS_OF_WARMTH):
        with database.write() as session:
            runs.claim(session, owner="nobody", lease_seconds=600, devices=["none"])
    yield database
    database.dispose()


@contextmanager
def committing(url: str, number: int) -> Iterator[Callable[[], Any]]:
    """The reference: update this process's own row durably."""
    with on_sqlite(url, number) if url.startswith("sqlite") else on_postgresql(url, number) as once:
        for _ in range(ROUNDS_OF_WARMTH):
            once()
        yield once


@contextmanager
def on_sqlite(url: str, number: int) -> Iterator[Callable[[], Any]]:
    with closing(sessions.connect_sqlite(Path(str(make_url(url).database)))) as connection:
        yield lambda: changed(connection, number)


def changed(connection: sqlite3.Connection, number: int) -> int:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE bare SET n = n + 1 WHERE id = ?", [number])
    connection.execute("COMMIT")
    return number


@contextmanager
def on_postgresql(url: str, number: int) -> Iterator[Callable[[], Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda: connection.execute("UPDATE bare SET n = n + 1 WHERE id = %s", [number]).rowcount


WORK = {"claim": claiming, "finish": finishing, "commit": committing}

if __name__ == "__main__":
    main()
