"""The lease: kept while the database answers, given up by our own clock when it does not, lost when it is taken."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from registry import runs
from registry.database import sessions
from registry.database.tables import Run
from worker.supervising.lease import Lease, LeaseLost

LEASE, MARGIN, RENEW = 4.0, 2.0, 0.1


class Holder:
    """A claimed run, its lease, and whether its loss was heard of."""

    def __init__(self, yard: Any, seconds: float = LEASE, renew_seconds: float = RENEW) -> None:
        self.heard_at: float | None = None
        self.claimed_at = time.monotonic()
        self.run: Run = yard.do(runs.claim, owner="a-worker", lease_seconds=seconds, devices=["auto"])
        self.lease = Lease(
            yard.database,
            self.run.id,
            self.run.fence,
            claimed_at=self.claimed_at,
            lease_seconds=seconds,
            renew_seconds=renew_seconds,
            margin_seconds=MARGIN,
            on_lost=self._hear,
        )

    def _hear(self) -> None:
        self.heard_at = time.monotonic()


def held(yard: Any, seconds: float = LEASE) -> Holder:
    yard.enqueue()
    return Holder(yard, seconds)


def expires_in(yard: Any, holder: Holder) -> float:
    """Seconds from the claim to the lease's end in the database."""
    run = yard.get(holder.run)
    return float((run.lease_expires_at - run.started_at).total_seconds())


def test_a_lease_is_renewed_beyond_its_first_end(yard: Any) -> None:
    holder = held(yard, seconds=60)  # far away, for on a busy machine a renewal takes its time
    with holder.lease as lease:
        yard.eventually("a later end", lambda: expires_in(yard, holder) > 60.5)
        lease.check()
    assert holder.heard_at is None


def test_a_renewal_brings_the_wish_of_the_owner(yard: Any) -> None:
    holder = held(yard)
    with holder.lease as lease:
        yard.do(runs.cancel, holder.run.id)
        assert yard.eventually("the wish", lambda: lease.wish) == "cancel"


def test_a_lease_that_was_taken_is_lost_at_the_next_renewal(yard: Any) -> None:
    holder = held(yard)
    with holder.lease as lease:
        yard.do(runs.cancel, holder.run.id, force=True)
        yard.eventually("the loss", lambda: holder.heard_at)
        with pytest.raises(LeaseLost, match="taken"):
            lease.check()


def locked(yard: Any) -> Any:
    """Another process holds SQLite's write lock, so that a renewal hangs."""

    @contextmanager
    def lock() -> Iterator[None]:
        connection = sqlite3.connect(sessions.file_of(yard.settings.url), isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.close()

    return lock()


@pytest.mark.parametrize("outage", ["hangs", "refuses"])
def test_a_lease_is_given_up_before_the_database_lets_others_have_it(
    request: pytest.FixtureRequest, away: Callable[[Any], Any], outage: str
) -> None:
    yard = request.getfixturevalue("yard" if outage == "hangs" else "postgres_yard")
    holder = held(yard)
    with holder.lease as lease:
        with locked(yard) if outage == "hangs" else away(yard):
            began = time.monotonic()
            yard.eventually("the loss", lambda: holder.heard_at)
            with pytest.raises(LeaseLost, match="in time"):
                lease.check()
        assert holder.heard_at > began, "not at the first renewal that fails"
        assert holder.heard_at < holder.claimed_at + expires_in(yard, holder), "while it is still ours"


def test_a_database_that_is_back_before_the_end_saves_the_lease(postgres_yard: Any, away: Any) -> None:
    """However long it is to the next renewal: one that found no database is tried again soon."""
    postgres_yard.enqueue()
    holder = Holder(postgres_yard, seconds=20, renew_seconds=10)  # the second one would come too late
    with holder.lease as lease, capture_logs() as logs:
        with away(postgres_yard):
            postgres_yard.eventually("a renewal in vain", lambda: logs)
        postgres_yard.eventually("a later end", lambda: expires_in(postgres_yard, holder) > 20.5)
        lease.check()


def test_waiting_ends_with_the_lease(yard: Any) -> None:
    holder = held(yard)
    with holder.lease as lease, locked(yard):
        began = time.monotonic()
        with pytest.raises(LeaseLost):
            lease.pause(600)
        assert time.monotonic() - began < 10


def test_a_lease_that_is_let_go_in_time_is_not_lost(yard: Any) -> None:
    holder = held(yard)
    with holder.lease:
        pass
    yard.do(runs.release, holder.run.id, holder.run.fence)
    assert (holder.lease.lost, holder.heard_at) == (None, None)


def test_a_renewal_that_had_to_wait_too_long_renews_nothing(yard: Any) -> None:
    """The run was given up meanwhile, and others shall not have to wait for it once more."""
    holder = held(yard)
    with locked(yard):
        with holder.lease:
            yard.eventually("the loss", lambda: holder.heard_at)
        (late,) = [thread for thread in threading.enumerate() if thread.name == "lease _renew"]
    late.join(timeout=60)
    assert not late.is_alive()
    assert expires_in(yard, holder) == LEASE
