"""Kept answers, and what workers say of themselves."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from registry import analyses, workers
from registry.database.tables import Worker
from testing.registry_harness import RegistryHarness

KEY = "f" * 64
WHO = workers.Identity(host="here", pid=7, device="cpu", release="1.0", boot_id="b", pid_started="99", threads=2)


def test_an_answer_is_found_again_and_the_first_one_stays(harness: RegistryHarness) -> None:
    assert harness.read(analyses.find, KEY) is None
    harness.write(analyses.keep, KEY, "probe", harness.blob("first"))
    harness.write(analyses.keep, KEY, "probe", harness.blob("second"))
    assert harness.read(analyses.find, KEY) == harness.blob("first").sha256
    assert harness.read(analyses.find, "e" * 64) is None


def test_a_worker_that_beats_is_alive_as_it_last_described_itself(harness: RegistryHarness) -> None:
    harness.write(workers.heartbeat, "one", WHO)
    [before] = harness.read(workers.alive, 60)
    harness.write(workers.heartbeat, "one", replace(WHO, device="cuda", threads=None))
    [after] = harness.read(workers.alive, 60)
    assert (after.id, after.host, after.pid, after.device, after.threads) == ("one", "here", 7, "cuda", None)
    assert after.started_at == before.started_at
    assert after.seen_at >= before.seen_at


@pytest.mark.parametrize(("seconds", "seen"), [(60, ["one"]), (200, ["one", "two"])])
def test_a_worker_that_is_silent_for_too_long_is_not_listed(
    harness: RegistryHarness, seconds: int, seen: list[str]
) -> None:
    harness.write(workers.heartbeat, "two", WHO)
    [two] = harness.read(workers.alive, 60)
    earlier = two.seen_at - timedelta(seconds=100)
    harness.write(lambda session: session.execute(update(Worker).values(seen_at=earlier, started_at=earlier)))
    harness.write(workers.heartbeat, "one", WHO)
    assert [worker.id for worker in harness.read(workers.alive, seconds)] == seen


def test_a_worker_that_ends_is_deleted(harness: RegistryHarness) -> None:
    harness.write(workers.heartbeat, "one", WHO)
    for _ in range(2):
        harness.write(workers.remove, "one")
    assert harness.read(workers.alive, 60) == []


def test_a_worker_without_heartbeat_is_deleted_unless_it_holds_a_run(harness: RegistryHarness) -> None:
    """By what is known of it, it can still be proven dead."""
    run = harness.running()
    for name in (run.lease_owner, "idle"):
        harness.write(workers.heartbeat, name, WHO)
    earlier = harness.read(workers.alive, 60)[0].seen_at - timedelta(seconds=100)
    harness.write(lambda session: session.execute(update(Worker).values(seen_at=earlier)))
    harness.write(workers.heartbeat, "here", WHO)
    harness.write(workers.remove_silent, 200)
    assert len(harness.read(workers.alive, 600)) == 3
    harness.write(workers.remove_silent, 60)
    assert {worker.id for worker in harness.read(workers.alive, 600)} == {run.lease_owner, "here"}
