"""Who gets which run, and when: order, devices, and many at the same time."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from registry import idempotency, runs
from registry.database import identifiers
from registry.database.tables import IdempotencyKey, Run
from registry.errors import IdempotencyMismatch
from testing.registry_harness import RegistryHarness

ASKED = "a" * 64
OTHER = "b" * 64


def test_higher_priority_comes_first_and_equals_in_order_of_waiting(harness: RegistryHarness) -> None:
    late, first, urgent, second = (harness.enqueue(priority=priority) for priority in (-1, 0, 5, 0))
    harness.arrange(second, available_at=first.available_at)  # of two that came together, the smaller id
    claimed = [harness.claim().id for _ in range(4)]
    assert claimed == [urgent.id, first.id, second.id, late.id]
    assert harness.claim() is None


def test_a_run_that_waits_longer_comes_first_whatever_its_id(harness: RegistryHarness) -> None:
    younger, older = harness.enqueue(), harness.enqueue()
    harness.arrange(older, available_at=younger.available_at - timedelta(seconds=5))
    assert harness.claim().id == older.id


def test_a_run_is_not_claimed_before_its_time(harness: RegistryHarness) -> None:
    run = harness.enqueue(priority=100)
    harness.arrange(run, available_at=run.available_at + timedelta(hours=1))
    assert harness.claim() is None


@pytest.mark.parametrize(("devices", "fits"), [(["auto", "cpu"], "cpu"), (["auto", "cuda"], "cuda"), (["cpu"], "cpu")])
def test_a_worker_gets_only_runs_for_its_devices(harness: RegistryHarness, devices: list[str], fits: str) -> None:
    made = {device: harness.enqueue(device=device) for device in ("cuda", "cpu")}
    assert harness.claim(devices=devices).id == made[fits].id
    assert harness.claim(devices=devices) is None


def test_a_worker_with_no_device_gets_nothing(harness: RegistryHarness) -> None:
    harness.enqueue()
    assert harness.claim(devices=[]) is None


def test_a_claim_walks_along_the_queue_and_sorts_nothing(harness: RegistryHarness) -> None:
    """However many wait, on SQLite without any statistics; PostgreSQL keeps its own."""
    waiting = {"kind": "train", "state": "queued", "spec": {}, "spec_version": 1, "device": "auto"}
    ids = [identifiers.new_id() for _ in range(500)]
    harness.write(lambda session: session.add_all(Run(id=run_id, priority=0, **waiting) for run_id in ids))
    executed: list[Any] = []

    def claim_and_explain(session: Session) -> None:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *call: executed.append((call[2], call[3])))
        assert runs.claim(session, owner="me", lease_seconds=60, devices=["auto", "cpu"]) is not None
        [(claim, parameters), *_] = [each for each in executed if "SET state" in each[0]]
        explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[connection.dialect.name]
        plan = str(connection.exec_driver_sql(f"{explain} {claim}", parameters).all())
        assert "ix_runs_queue" in plan
        assert "ORDER BY" not in plan
        assert "Sort" not in plan

    harness.write(claim_and_explain)


@pytest.mark.slow
def test_eight_threads_drain_a_hundred_runs_each_exactly_once(harness: RegistryHarness) -> None:
    wanted = {harness.enqueue(priority=number % 3).id for number in range(100)}
    start = Barrier(8)

    def drain(owner: str) -> list[str]:
        start.wait()
        mine = []
        while (run := harness.claim(owner)) is not None:
            assert run.lease_owner == owner
            mine.append(run.id)
            harness.write(runs.succeed, run.id, run.fence, result={"by": owner})
        return mine

    with ThreadPoolExecutor(8) as pool:
        drained = Counter(itertools.chain(*pool.map(drain, [f"worker {number}" for number in range(8)])))
    assert drained == Counter(wanted)
    assert harness.read(runs.counts)["succeeded"] == 100


def test_reapers_at_the_same_time_take_each_run_once(harness: RegistryHarness) -> None:
    lost = [harness.lapsed().id for _ in range(10)]
    start = Barrier(4)

    def reap(_: int) -> list[str]:
        start.wait()
        return harness.write(runs.reap)

    with ThreadPoolExecutor(4) as pool:
        reaped = list(itertools.chain(*pool.map(reap, range(4))))
    assert sorted(reaped) == sorted(lost)


def test_twenty_requests_with_one_key_at_the_same_time_make_one_run(harness: RegistryHarness) -> None:
    start = Barrier(20)

    def ask(number: int) -> tuple[str, bool]:
        start.wait()
        enqueued = harness.write(
            runs.enqueue,
            kind="train",
            spec={"number": number},
            spec_version=1,
            idempotency_key="key",
            request_sha256=ASKED,
        )
        return enqueued.run.id, enqueued.replayed

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert len({run_id for run_id, _ in answers}) == 1
    assert Counter(replayed for _, replayed in answers) == {True: 19, False: 1}
    assert harness.read(runs.counts)["queued"] == 1


def test_the_same_key_for_another_request_is_refused_and_leaves_no_run(harness: RegistryHarness) -> None:
    harness.enqueue(idempotency_key="key", request_sha256=ASKED)
    with pytest.raises(IdempotencyMismatch):
        harness.enqueue(idempotency_key="key", request_sha256=OTHER)
    assert harness.read(runs.counts)["queued"] == 1


def test_a_replay_answers_with_the_run_as_it_is_now(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(runs.succeed, run.id, run.fence, result={})
    first = harness.enqueue(idempotency_key="key", request_sha256=ASKED)
    harness.write(runs.cancel, first.id)
    again = harness.enqueue(idempotency_key="key", request_sha256=ASKED)
    assert (again.id, again.state) == (first.id, "cancelled")


def test_a_key_is_deleted_after_a_day(harness: RegistryHarness) -> None:
    first = harness.enqueue(idempotency_key="key", request_sha256=ASKED)
    with harness.database.write() as session:
        session.get_one(IdempotencyKey, "key").created_at -= timedelta(seconds=idempotency.KEPT_SECONDS + 1)
    second = harness.enqueue(idempotency_key="key", request_sha256=OTHER)
    assert second.id != first.id
    assert harness.enqueue(idempotency_key="key", request_sha256=OTHER).id == second.id


def test_a_transaction_that_breaks_off_leaves_neither_run_nor_key(harness: RegistryHarness) -> None:
    def break_off(session: Session) -> None:
        runs.enqueue(session, kind="train", spec={}, spec_version=1, idempotency_key="key", request_sha256=ASKED)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        harness.write(break_off)
    assert harness.read(runs.counts)["queued"] == 0
    harness.enqueue(idempotency_key="key", request_sha256=OTHER)
