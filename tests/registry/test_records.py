"""Kept answers, and what workers say of themselves."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from registry import analyses, workers
from registry.database.tables import Worker

KEY = "f" * 64
WHO = workers.Identity(host="here", pid=7, device="cpu", release="1.0", boot_id="b", pid_started="99", threads=2)


def test_an_answer_is_found_again_and_the_first_one_stays(desk: Any) -> None:
    assert desk.see(analyses.find, KEY) is None
    desk.do(analyses.keep, KEY, "probe", desk.blob("first"))
    desk.do(analyses.keep, KEY, "probe", desk.blob("second"))
    assert desk.see(analyses.find, KEY) == desk.blob("first").sha256
    assert desk.see(analyses.find, "e" * 64) is None


def test_a_worker_that_beats_is_alive_as_it_last_described_itself(desk: Any) -> None:
    desk.do(workers.heartbeat, "one", WHO)
    [before] = desk.see(workers.alive, 60)
    desk.do(workers.heartbeat, "one", replace(WHO, device="cuda", threads=None))
    [after] = desk.see(workers.alive, 60)
    assert (after.id, after.host, after.pid, after.device, after.threads) == ("one", "here", 7, "cuda", None)
    assert after.started_at == before.started_at
    assert after.seen_at >= before.seen_at


@pytest.mark.parametrize(("seconds", "seen"), [(60, ["one"]), (200, ["one", "two"])])
def test_a_worker_that_is_silent_for_too_long_is_not_listed(desk: Any, seconds: int, seen: list[str]) -> None:
    desk.do(workers.heartbeat, "two", WHO)
    [two] = desk.see(workers.alive, 60)
    earlier = two.seen_at - timedelta(seconds=100)
    desk.do(lambda session: session.execute(update(Worker).values(seen_at=earlier, started_at=earlier)))
    desk.do(workers.heartbeat, "one", WHO)
    assert [worker.id for worker in desk.see(workers.alive, seconds)] == seen


def test_a_worker_that_ends_is_forgotten(desk: Any) -> None:
    desk.do(workers.heartbeat, "one", WHO)
    for _ in range(2):
        desk.do(workers.remove, "one")
    assert desk.see(workers.alive, 60) == []


def test_a_silent_worker_is_forgotten_after_a_while_unless_it_holds_a_run(desk: Any) -> None:
    """By what is known of it, it can still be proven dead."""
    run = desk.running()
    for name in (run.lease_owner, "idle"):
        desk.do(workers.heartbeat, name, WHO)
    earlier = desk.see(workers.alive, 60)[0].seen_at - timedelta(seconds=100)
    desk.do(lambda session: session.execute(update(Worker).values(seen_at=earlier)))
    desk.do(workers.heartbeat, "here", WHO)
    desk.do(workers.remove_silent, 200)
    assert len(desk.see(workers.alive, 600)) == 3
    desk.do(workers.remove_silent, 60)
    assert {worker.id for worker in desk.see(workers.alive, 600)} == {run.lease_owner, "here"}
