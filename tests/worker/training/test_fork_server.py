"""A real fork server: a trainer is as good as a process of its own, and none outlives those for whom it works."""

import os
import queue
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from testing.processes import is_alive
from testing.trainer_process import RunningTrainer
from testing.waiting import eventually
from worker import messages
from worker.supervising import fork_server, trainer_process
from worker.supervising.fork_server import ForkServer
from worker.supervising.trainer_process import TrainerEvent, TrainerProcess

T = TypeVar("T")
PATIENCE = 60.0
ENDLESS = {"epochs": 100_000, "batch_size": 64}


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with closing(ForkServer(threads=2)) as server:
        yield server


class Attempt:
    """A trainer of a server, and what it says."""

    def __init__(self, server: ForkServer) -> None:
        self.inbox: queue.SimpleQueue[TrainerEvent] = queue.SimpleQueue()
        self.process = TrainerProcess(self.inbox, server)

    def until(self, kind: type[T]) -> T:
        while not isinstance(event := self.inbox.get(timeout=PATIENCE), kind):
            pass
        return event

    def rest(self) -> list[TrainerEvent]:
        """Everything to the exit."""
        events: list[TrainerEvent] = []
        while not events or not isinstance(events[-1], messages.Exited):
            events.append(self.inbox.get(timeout=PATIENCE))
        return events


@pytest.fixture
def attempt(server: ForkServer) -> Iterator[Attempt]:
    attempt = Attempt(server)
    yield attempt
    attempt.process.close()


def order(folder: Path, digits: Path, **training: Any) -> messages.Start:
    model = {"n_latents": 16, "hidden": [16]}
    return messages.Start(
        run_id="a-run",
        fence=1,
        spec={"dataset": {"name": "digits"}, "model": model, "training": {"epochs": 3, "batch_size": 72} | training},
        inputs=messages.Inputs(dataset=digits),
        folder=folder,
        sources=folder,
        threads=2,
        checkpoint_seconds=3600,
    )


def figures(reports: list[Any]) -> Any:
    """What a run learned: the digests of its weights and its curve, but for the time that it took."""
    curve = [{**report.record, "seconds": None} for report in reports if isinstance(report, messages.Metrics)]
    return curve, [report.outputs for report in reports if isinstance(report, messages.Result)]


# --- as good as a process of its own ---------------------------------------------------------------------------------


def test_forked_trainers_learn_the_very_weights_of_an_executed_one(
    server: ForkServer, trainer: RunningTrainer, tmp_path: Path, digits: Path
) -> None:
    with trainer(OMP_NUM_THREADS="2", GOMP_SPINCOUNT="10000") as executed:
        executed.send(order(tmp_path, digits))
        expected = figures(list(executed.reports()))
    assert len(expected[0]) == 3
    for _ in range(2):
        forked = Attempt(server)
        forked.process.send(order(tmp_path, digits))
        reports = forked.rest()
        assert figures(reports) == expected
        assert reports[-1] == messages.Exited(returncode=0)
        forked.process.close()


def test_a_trainer_that_is_killed_with_an_order_unread_is_reported(attempt: Attempt) -> None:
    pid = attempt.until(messages.Forked).pid
    os.kill(pid, signal.SIGSTOP)
    attempt.process.send(messages.CheckpointNow())
    os.kill(pid, signal.SIGKILL)
    assert attempt.rest() == [messages.Exited(returncode=-signal.SIGKILL)]


def test_a_server_has_one_thread_when_it_forks_and_its_trainer_begins_with_one(attempt: Attempt) -> None:
    pid = attempt.until(messages.Forked).pid
    (server,) = [parent_of(pid)]
    assert threads_of(pid) == 1
    assert threads_of(server) == 1
    assert not [link for link in open_files(server) if link.startswith(("/dev/nvidia", "/dev/shm"))]


def test_a_trainer_leads_its_own_session_and_is_the_first_to_be_killed_for_memory(attempt: Attempt) -> None:
    pid = attempt.until(messages.Forked).pid
    eventually("its own session", lambda: os.getsid(pid) == pid == os.getpgid(pid))
    eventually("its score", lambda: oom_score(pid) > oom_score(parent_of(pid)))


def test_a_trainer_holds_no_connection_but_its_own(server: ForkServer) -> None:
    attempts = [Attempt(server) for _ in range(3)]
    first, *_, last = [attempt.until(messages.Forked).pid for attempt in attempts]
    eventually("few sockets", lambda: len(sockets_of(last)) == len(sockets_of(first)) == 2)  # one for each direction
    for attempt in attempts:
        attempt.process.close()


# --- how it ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_the_signal_that_ended_a_trainer_is_reported_and_the_next_is_forked(attempt: Attempt, number: int) -> None:
    pid = attempt.until(messages.Forked).pid
    os.kill(pid, number)
    assert attempt.rest() == [messages.Exited(returncode=-number)]


def test_the_status_of_a_trainer_that_failed_is_reported(attempt: Attempt, tmp_path: Path, digits: Path) -> None:
    attempt.process.send(order(tmp_path, digits, batch_size=2000))
    *_, error, exited = attempt.rest()
    assert error.code == "SPEC_DOES_NOT_FIT"
    assert exited == messages.Exited(returncode=1)


def test_a_trainer_that_stands_still_is_killed_when_its_supervisor_hangs_up(attempt: Attempt) -> None:
    pid = attempt.until(messages.Forked).pid
    os.kill(pid, signal.SIGSTOP)
    attempt.process.kill()
    assert attempt.rest() == [messages.Exited(returncode=-signal.SIGKILL)]
    assert not is_alive(pid)


def test_one_trainer_is_killed_and_the_others_go_on(server: ForkServer, tmp_path: Path, digits: Path) -> None:
    killed, other = Attempt(server), Attempt(server)
    for attempt in (killed, other):
        attempt.process.send(order(tmp_path, digits, **ENDLESS))
        attempt.until(messages.Metrics)
    killed.process.kill()
    assert killed.rest()[-1].returncode in (-signal.SIGKILL, 3)
    seen = other.until(messages.Metrics).epoch
    assert other.until(messages.Metrics).epoch > seen
    for attempt in (killed, other):
        attempt.process.close()


def test_trainers_die_with_their_server_and_the_next_has_a_new_one() -> None:
    with closing(ForkServer(threads=1)) as server:
        attempt = Attempt(server)
        pid = attempt.until(messages.Forked).pid
        eventually("its own session", lambda: os.getsid(pid) == pid)
        eventually("the tie to its server", lambda: oom_score(pid) > 0)
        os.kill(pid, signal.SIGSTOP)
        os.kill(parent_of(pid), signal.SIGKILL)
        assert attempt.rest() == [messages.Exited(returncode=-signal.SIGKILL)]
        eventually("the death of the trainer", lambda: not is_alive(pid))
        attempt.process.close()
        after = Attempt(server)
        assert after.until(messages.Forked).pid != pid
        after.process.close()


def test_a_server_that_does_not_answer_is_killed_with_its_trainers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_process, "ANSWER_SECONDS", 0.1)
    with closing(ForkServer(threads=1)) as server:
        attempt = Attempt(server)
        pid = attempt.until(messages.Forked).pid
        eventually("the tie to its server", lambda: oom_score(pid) > 0)
        os.kill(pid, signal.SIGSTOP)
        os.kill(parent_of(pid), signal.SIGSTOP)
        attempt.process.close()
        eventually("the death of the trainer", lambda: not is_alive(pid))


def test_a_trainer_that_is_not_forked_yet_is_killed_without_waiting() -> None:
    with closing(ForkServer(threads=1)) as server:
        attempt = Attempt(server)  # the server imports torch for some seconds
        attempt.process.close()
        assert attempt.rest() == [messages.Exited(returncode=-signal.SIGKILL)]


def test_a_server_ends_when_its_control_socket_does_and_when_its_parent_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with theirs, fork_server.start(theirs, threads=1) as process:
        theirs.close()
        ours.close()
        assert process.wait(PATIENCE) == 0
    command = [sys.executable, "-m", "worker.training.fork_server", "--parent", str(os.getpid() + 1)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait(PATIENCE) == 3, "though its control socket has not ended"


def test_the_kernel_ends_a_server_whose_parent_is_killed() -> None:
    """Even one that can do nothing itself: it is stopped before."""
    script = (
        "import socket, time\n"
        "from worker.supervising import fork_server\n"
        "ours, theirs = socket.socketpair()\n"
        "print(fork_server.start(theirs, threads=1).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        eventually("the tie to its parent", lambda: ignores(server, signal.SIGTERM))
        os.kill(server, signal.SIGSTOP)
        parent.kill()
        eventually("the death of the server", lambda: not is_alive(server))


def ignores(pid: int, number: int) -> bool:
    """Whether a process ignores a signal: the server's step after tying itself to its parent."""
    return bool(int(status_of(pid, "SigIgn"), 16) >> (number - 1) & 1)


def status_of(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))


def parent_of(pid: int) -> int:
    return int(status_of(pid, "PPid"))


def threads_of(pid: int) -> int:
    return int(status_of(pid, "Threads"))


def open_files(pid: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            found.append(str(link.readlink()))
    return found


def sockets_of(pid: int) -> list[str]:
    return [link for link in open_files(pid) if link.startswith("socket:")]


def oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
