"""The lease: kept while the database answers, given up by our own clock when it does not, lost when it is taken."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from registry import runs
from registry.database import sessions
from testing.waiting import PATIENCE, eventually
from testing.worker_harness import Outage, WorkerHarness
from worker.supervising.lease import Lease, LeaseLost

LEASE, MARGIN, RENEW = 4.0, 2.0, 0.1


class Holder:
    """A claimed run, its lease, and when its loss was reported."""

    def __init__(self, harness: WorkerHarness, seconds: float = LEASE, renew_seconds: float = RENEW) -> None:
        self.reported_at: float | None = None
        self.claimed_at = time.monotonic()
        run = harness.write(runs.claim, owner="a-worker", lease_seconds=seconds, devices=["auto"])
        assert run is not None
        self.run = run
        self.lease = Lease(
            harness.database,
            self.run.id,
            self.run.fence,
            claimed_at=self.claimed_at,
            lease_seconds=seconds,
            renew_seconds=renew_seconds,
            margin_seconds=MARGIN,
            on_lost=self._hear,
        )

    def _hear(self) -> None:
        self.reported_at = time.monotonic()


def held(harness: WorkerHarness, seconds: float = LEASE) -> Holder:
    harness.enqueue()
    return Holder(harness, seconds)


def expires_in(harness: WorkerHarness, holder: Holder) -> float:
    """Seconds from the claim to the lease's end in the database."""
    run = harness.get(holder.run)
    return float((run.lease_expires_at - run.started_at).total_seconds())


def test_a_lease_is_renewed_beyond_its_first_end(harness: WorkerHarness) -> None:
    holder = held(harness, seconds=60)  # far away, for on a busy machine a renewal takes its time
    with holder.lease as lease:
        eventually("a later end", lambda: expires_in(harness, holder) > 60.5)
        lease.check()
    assert holder.reported_at is None


def test_a_renewal_returns_the_stop_request(harness: WorkerHarness) -> None:
    holder = held(harness)
    with holder.lease as lease:
        harness.write(runs.cancel, holder.run.id)
        assert eventually("the stop request", lambda: lease.stop_request) == "cancel"


def test_a_lease_that_was_taken_is_lost_at_the_next_renewal(harness: WorkerHarness) -> None:
    holder = held(harness)
    with holder.lease as lease:
        harness.write(runs.cancel, holder.run.id, force=True)
        eventually("the loss", lambda: holder.reported_at)
        with pytest.raises(LeaseLost, match="taken"):
            lease.check()


def locked(harness: WorkerHarness) -> Any:
    """Another process holds SQLite's write lock, so that a renewal hangs."""

    @contextmanager
    def lock() -> Iterator[None]:
        connection = sqlite3.connect(sessions.file_of(harness.settings.url), isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.close()

    return lock()


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["hangs", "refuses"])
def test_a_lease_is_given_up_before_the_database_lets_others_have_it(
    request: pytest.FixtureRequest, away: Outage, outage: str
) -> None:
    harness = request.getfixturevalue("harness" if outage == "hangs" else "postgres_harness")
    holder = held(harness)
    with holder.lease as lease:
        with locked(harness) if outage == "hangs" else away(harness):
            began = time.monotonic()
            eventually("the loss", lambda: holder.reported_at)
            with pytest.raises(LeaseLost, match="in time"):
                lease.check()
        assert holder.reported_at > began, "not at the first renewal that fails"
        assert holder.reported_at < holder.claimed_at + expires_in(harness, holder), "while it is still ours"


def test_a_database_that_is_back_before_the_end_saves_the_lease(postgres_harness: WorkerHarness, away: Outage) -> None:
    """However long it is to the next renewal: one that found no database is tried again soon."""
    postgres_harness.enqueue()
    holder = Holder(postgres_harness, seconds=20, renew_seconds=10)  # the second one would come too late
    with holder.lease as lease, capture_logs() as logs:
        with away(postgres_harness):
            eventually("a renewal in vain", lambda: logs)
        eventually("a later end", lambda: expires_in(postgres_harness, holder) > 20.5)
        lease.check()


def test_waiting_ends_with_the_lease(harness: WorkerHarness) -> None:
    holder = held(harness)
    with holder.lease as lease, locked(harness):
        began = time.monotonic()
        with pytest.raises(LeaseLost):
            lease.pause(600)
        assert time.monotonic() - began < 10


def test_a_lease_that_is_let_go_in_time_is_not_lost(harness: WorkerHarness) -> None:
    holder = held(harness)
    with holder.lease:
        pass
    harness.write(runs.release, holder.run.id, holder.run.fence)
    assert (holder.lease.lost, holder.reported_at) == (None, None)


def test_a_renewal_that_had_to_wait_too_long_renews_nothing(harness: WorkerHarness) -> None:
    """The run was given up meanwhile, and others shall not have to wait for it once more."""
    holder = held(harness)
    with locked(harness):
        with holder.lease:
            eventually("the loss", lambda: holder.reported_at)
        (late,) = [thread for thread in threading.enumerate() if thread.name == "lease _renew"]
    late.join(PATIENCE)
    assert not late.is_alive()
    assert expires_in(harness, holder) == LEASE
