"""A service whose PostgreSQL goes away and comes back: it says so, keeps its streams, and loses and doubles nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from registry import runs
from registry.database import schema, sessions
from registry.settings import RegistrySettings
from testing.service_process import Launch

RUNS = "/api/v1/runs"
DIGITS = {"dataset": {"name": "digits"}}


@pytest.fixture
def registry(tmp_path: Path, postgres_database: str) -> RegistrySettings:
    settings = RegistrySettings(data_dir=tmp_path / "data", database_url=postgres_database)
    schema.upgrade(settings)
    return settings


@contextmanager
def away(registry: RegistrySettings) -> Iterator[None]:
    """Connections are dropped, and new ones refused, for the time of the block."""
    url = make_url(str(registry.database_url))
    server = url.set(database="postgres", drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'")
        yield
        connection.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")


def test_what_is_asked_in_an_outage_is_refused_in_words_and_done_once_when_it_is_asked_again(
    registry: RegistrySettings, launch: Launch
) -> None:
    http = launch(registry).http
    run = http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": "before"}).json()
    with away(registry):
        asked = [
            *(http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": key}) for key in ("before", "meanwhile")),
            *(http.get(path) for path in (RUNS, f"{RUNS}/{run['id']}", f"{RUNS}/{run['id']}/events", "/readyz")),
            *(http.post(f"{RUNS}/{run['id']}/{verb}") for verb in ("pause", "resume", "cancel")),
        ]
        assert {answer.status_code for answer in asked} == {503}
        assert {answer.json()["code"] for answer in asked if answer.url.path != "/readyz"} == {"DATABASE_UNAVAILABLE"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in asked if answer.url.path != "/readyz")
        assert http.get("/livez").status_code == 200
    assert http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": "before"}).json() == run
    other = http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": "meanwhile"}).json()
    assert [each["id"] for each in http.get(RUNS).json()["items"]] == [other["id"], run["id"]]


def test_a_stream_outlives_an_outage_and_tells_what_happened_after_it(
    registry: RegistrySettings, launch: Launch
) -> None:
    http = launch(registry).http
    run = http.post(RUNS, json=DIGITS).json()["id"]
    database = sessions.open(registry)
    with http.stream("GET", f"{RUNS}/{run}/events", headers={"Accept": "text/event-stream"}) as answer:
        streamed = (line for line in answer.iter_lines() if line.startswith("event: "))
        seen = [next(streamed)]
        with database.write() as session:  # noticed in the outage or after it: the stream must bear both
            runs.pause(session, run)
        with away(registry):
            assert http.get(RUNS).status_code == 503
        with database.write() as session:
            runs.resume(session, run)
            runs.cancel(session, run)
        seen += streamed
    database.dispose()
    assert seen == ["event: queued", "event: paused", "event: queued", "event: cancelled"]
