"""Transactions: written whole or not at all, readers that cannot write, and outages under the registry's own name."""

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url, select, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from registry import runs
from registry.database import clock, file_systems, schema, sessions
from registry.database.tables import Run
from registry.errors import DatabaseFull, DatabaseUnavailable, for_operators
from registry.settings import RegistrySettings
from testing.registry_harness import RegistryHarness
from testing.waiting import PATIENCE


@pytest.fixture
def on_sqlite(tmp_path: Path) -> RegistrySettings:
    return RegistrySettings(data_dir=tmp_path / "data")


def test_a_block_that_raises_leaves_nothing_behind(harness: RegistryHarness) -> None:
    def break_off(session: Session) -> None:
        runs.enqueue(session, kind="train", spec={}, spec_version=1)
        raise KeyError

    with pytest.raises(KeyError):
        harness.write(break_off)
    assert harness.read(runs.counts)["queued"] == 0


def test_what_is_read_stays_readable_after_the_transaction(harness: RegistryHarness) -> None:
    assert harness.enqueue().spec == {"a": 1}


def test_a_reader_cannot_write(harness: RegistryHarness) -> None:
    harness.enqueue()
    with pytest.raises(DBAPIError, match=r"(?i)read.?only"):
        harness.read(lambda session: session.execute(text("DELETE FROM runs")))
    assert harness.read(runs.counts)["queued"] == 1


def test_a_reader_neither_waits_for_a_writer_nor_sees_its_half_done_work(harness: RegistryHarness) -> None:
    with harness.database.write() as session:
        runs.enqueue(session, kind="train", spec={}, spec_version=1)
        assert harness.read(runs.counts)["queued"] == 0
    assert harness.read(runs.counts)["queued"] == 1


def test_all_queries_of_a_reader_see_the_same_time(harness: RegistryHarness) -> None:
    run = harness.enqueue()
    with harness.database.read() as session:
        assert runs.counts(session)["queued"] == 1
        harness.write(runs.cancel, run.id)
        assert runs.counts(session)["queued"] == 1
    assert harness.read(runs.counts)["queued"] == 0


def test_writers_that_read_first_wait_for_each_other_and_lose_nothing(harness: RegistryHarness) -> None:
    """With plain transactions, SQLite would refuse the second of two that read before they write."""
    run = harness.enqueue(spec_version=0)

    def count_up(_: int) -> None:
        with harness.database.write() as session:
            found = session.scalars(select(Run).where(Run.id == run.id).with_for_update()).one()
            found.spec_version += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(40)))
    assert harness.get(run).spec_version == 40


def test_nan_is_refused_where_json_is_kept(harness: RegistryHarness) -> None:
    run = harness.running()
    with pytest.raises((StatementError, ValueError), match="JSON compliant"):
        harness.write(runs.record, run.id, run.fence, progress={"loss": float("nan")})


def test_times_are_aware_and_of_the_databases_clock(harness: RegistryHarness) -> None:
    now = datetime.now(UTC)
    made = harness.enqueue().created_at
    assert made.tzinfo is UTC
    assert abs(made - now) < timedelta(minutes=1)
    assert made.microsecond % 1000 == 0


def test_a_statement_sees_one_time_and_the_next_one_a_later(harness: RegistryHarness) -> None:
    with harness.database.write() as session:
        first, same = session.execute(select(clock.now_ms(), clock.now_ms())).one()
        later = [session.execute(select(clock.now_ms())).scalar_one() for _ in range(200)]
    assert first == same
    assert later == sorted(later)
    assert first <= later[0] < later[-1], "it does not stand still for a whole transaction"


def test_moments_are_kept_exactly_and_naive_ones_refused() -> None:
    moment = clock.Moment()
    odd = datetime(2031, 7, 9, 1, 2, 3, 457000, tzinfo=timezone(timedelta(hours=5)))
    stored = moment.process_bind_param(odd, None)
    assert stored == 1_941_307_323_457
    assert moment.process_result_value(stored, None) == odd
    with pytest.raises(TypeError):
        moment.process_bind_param(datetime(2031, 7, 9), None)


def test_sqlite_is_set_up_for_several_processes(settings: RegistrySettings, database: sessions.Database) -> None:
    if settings.url.get_backend_name() != "sqlite":
        pytest.skip("these are SQLite's settings")
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    for opened in (database.read(), database.write()):
        with opened as session:
            assert {name: session.execute(text(f"PRAGMA {name}")).scalar() for name in wanted} == wanted


def test_a_database_that_is_not_there_is_an_outage_and_is_not_made(on_sqlite: RegistrySettings) -> None:
    on_sqlite.data_dir.mkdir()
    database = sessions.open(on_sqlite)
    with pytest.raises(DatabaseUnavailable), database.read() as session:
        session.execute(text("SELECT 1"))
    assert list(on_sqlite.data_dir.iterdir()) == []


def test_a_server_that_does_not_answer_is_an_outage() -> None:
    database = sessions.Database("postgresql+psycopg://postgres@127.0.0.1:1/nothing")
    for opened in (database.read, database.write):
        with pytest.raises(DatabaseUnavailable) as caught, opened() as session:
            session.execute(text("SELECT 1"))
        assert caught.value.may_pass
        assert "127.0.0.1" not in str(caught.value)
        assert "127.0.0.1" in for_operators(caught.value)
    database.dispose()


def pump(source: socket.socket, sink: socket.socket) -> None:
    while received := source.recv(65536):
        sink.sendall(received)
    sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def far_away(postgres_url: str) -> Iterator[URL]:
    """The server by TCP, as if it were elsewhere, for one connection: by itself it listens in its folder only."""
    url = make_url(postgres_url)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as server:
        server.connect(f"{url.query['host']}/.s.PGSQL.5432")

        def forward() -> None:
            client, _ = listener.accept()
            with client:
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join()

        forwarding = threading.Thread(target=forward, daemon=True)
        forwarding.start()
        host, port = listener.getsockname()
        yield url.set(drivername="postgresql+psycopg", host=host, port=port, query={})
        forwarding.join(PATIENCE)
        assert not forwarding.is_alive(), "the connection is still open"


def options(database: sessions.Database) -> dict[str, int]:
    """What the system knows of patience with this connection."""
    names = ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    with database.read() as session:
        driver: Any = session.connection().connection.dbapi_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as line:
            assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            return {name: line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has it")
@pytest.mark.parametrize("asked", [{}, {"keepalives_idle": "60"}])
def test_a_line_that_is_cut_without_a_word_is_noticed_in_half_a_minute(far_away: URL, asked: dict[str, str]) -> None:
    """The system would wait for a quarter of an hour, or for two. Who knows their network better says so in the URL."""
    database = sessions.Database(far_away.update_query_dict(asked))
    found = options(database)
    database.dispose()
    assert found["TCP_USER_TIMEOUT"] == 30_000
    idle = int(asked.get("keepalives_idle", 10))
    assert found["TCP_KEEPIDLE"] == idle
    assert found["TCP_KEEPIDLE"] + found["TCP_KEEPINTVL"] * found["TCP_KEEPCNT"] == idle + 20


def test_a_lock_that_is_not_released_in_time_is_an_outage(
    on_sqlite: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "BUSY_SECONDS", 0.05)
    on_sqlite.data_dir.mkdir()
    sqlite3.connect(on_sqlite.data_dir / "registry.sqlite3").close()
    first, second = sessions.open(on_sqlite), sessions.open(on_sqlite)
    with first.write() as held:
        held.execute(text("CREATE TABLE t (a)"))
        with pytest.raises(DatabaseUnavailable), second.write() as session:
            session.execute(text("SELECT 1"))
    first.dispose()
    second.dispose()


def test_a_full_disk_is_called_by_its_name(on_sqlite: RegistrySettings) -> None:
    schema.upgrade(on_sqlite)
    database = sessions.open(on_sqlite)
    with database.write() as session:
        session.execute(text("CREATE TABLE large (content)"))

    def fill(session: Session) -> None:
        session.execute(text(f"PRAGMA max_page_count = {session.scalar(text('PRAGMA page_count'))}"))
        session.execute(text("INSERT INTO large VALUES (zeroblob(1000000))"))

    with database.write() as session, pytest.raises(DatabaseFull, match="is full") as full, sessions.translated():
        fill(session)
    assert for_operators(full.value).endswith("(database or disk is full)")
    database.dispose()


@pytest.mark.parametrize("at_the_end", [False, True], ids=["at a statement", "at the commit"])
def test_a_transaction_that_the_server_ended_for_it_stood_still_is_an_outage(
    harness: RegistryHarness, at_the_end: bool
) -> None:
    if harness.database.url.get_backend_name() == "sqlite":
        pytest.skip("SQLite has no server")

    def stand_still(session: Session) -> None:
        session.execute(text("SET idle_in_transaction_session_timeout = '10ms'"))
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        alive = text(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}")
        deadline = time.monotonic() + 30
        while harness.read(lambda other: other.scalar(alive)):
            assert time.monotonic() < deadline
        if not at_the_end:
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable) as caught:
        harness.write(stand_still)
    assert "idle-in-transaction" in caught.value.driver_message
    assert harness.read(runs.counts)["queued"] == 0


def test_a_mistake_in_a_statement_is_no_outage(harness: RegistryHarness) -> None:
    with pytest.raises(DBAPIError):
        harness.write(lambda session: session.execute(text("SELECT * FROM nowhere")))


def test_a_waiting_writer_goes_on_when_the_other_is_done(harness: RegistryHarness) -> None:
    waiting, done = threading.Event(), threading.Event()
    run = harness.enqueue()

    def cancel() -> None:
        waiting.set()
        harness.write(runs.cancel, run.id)
        done.set()

    with harness.database.write() as session:
        session.scalars(select(Run).with_for_update()).one()
        thread = threading.Thread(target=cancel)
        thread.start()
        waiting.wait(10)
        assert not done.wait(0.2), "the row is held"
    assert done.wait(10)
    thread.join()
    assert harness.get(run).state == "cancelled"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mounts"
    monkeypatch.setattr(file_systems, "MOUNTS", file)
    return file


def test_the_innermost_and_last_mount_tells_the_file_system(tmp_path: Path, mounts: Path) -> None:
    lines = [
        "/dev/vda / ext4 rw 0 0",
        f"auto {tmp_path}/far autofs rw 0 0",
        f"server:/a {tmp_path}/far nfs4 rw 0 0",
        f"server:/b {tmp_path}/with\\040space cifs rw 0 0",
        f"tmpfs {tmp_path}/far/near tmpfs rw 0 0",
    ]
    mounts.write_text("\n".join(lines) + "\n")
    kinds = {name: file_systems.kind_of(tmp_path / name) for name in ("x", "far/x", "far/near/x/y", "with space/x")}
    assert kinds == {"x": "ext4", "far/x": "nfs4", "far/near/x/y": "tmpfs", "with space/x": "cifs"}


def test_a_link_does_not_hide_a_network_file_system(tmp_path: Path, mounts: Path) -> None:
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/a {tmp_path}/far nfs rw 0 0\n")
    (tmp_path / "link").symlink_to(tmp_path / "far")
    assert file_systems.kind_of(tmp_path / "link" / "x") == "nfs"


def test_a_system_that_does_not_tell_its_mounts_is_trusted(tmp_path: Path, mounts: Path) -> None:
    assert file_systems.kind_of(tmp_path) is None
    file_systems.require_local(tmp_path)


def test_this_very_machine_is_understood(tmp_path: Path) -> None:
    assert not Path("/proc/mounts").exists() or file_systems.kind_of(tmp_path)
