"""Who is proven dead: a process of this boot and of these process ids that is no more, and never one from elsewhere."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from registry import workers
from registry.database.tables import Worker
from worker.supervising import identity

ME = identity.describe("cpu", None, 1)


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def row(pid: int, **changed: Any) -> Worker:
    """The row of a worker here, with this process id and the start that belongs to it."""
    facts: dict[str, Any] = dataclasses.asdict(ME) | {"pid": pid, "pid_started": identity._started(str(pid))}
    return Worker(id="w", **(facts | changed))


def test_this_process_knows_itself_and_lives() -> None:
    assert None not in (ME.boot_id, ME.pid_namespace, ME.pid_started)
    assert not identity.is_gone(row(ME.pid), ME)


def test_a_killed_process_is_gone_even_before_it_is_reaped(process: "subprocess.Popen[bytes]") -> None:
    worker = row(process.pid)
    assert not identity.is_gone(worker, ME)
    process.kill()
    process.stdin.close()
    while not identity.is_gone(worker, ME):  # ends with the process, without anybody who waits for it
        pass
    process.wait()
    assert identity.is_gone(worker, ME)


def test_another_process_with_the_same_number_is_not_the_worker(process: "subprocess.Popen[bytes]") -> None:
    assert identity.is_gone(row(process.pid, pid_started="1"), ME)


@pytest.mark.parametrize("field", ["host", "boot_id", "pid_namespace"])
@pytest.mark.parametrize("value", ["elsewhere", None])
def test_nothing_is_proven_of_a_worker_from_elsewhere(
    process: "subprocess.Popen[bytes]", field: str, value: str | None
) -> None:
    process.kill()
    process.wait()
    worker = row(process.pid, pid_started="1")
    assert identity.is_gone(worker, ME)
    there: workers.Identity = dataclasses.replace(ME, **{field: value})
    assert not identity.is_gone(worker, there)
    setattr(worker, field, value)
    assert not identity.is_gone(worker, ME)


def test_nothing_is_proven_without_the_start_of_the_process(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    assert not identity.is_gone(row(process.pid, pid_started=None), ME)
