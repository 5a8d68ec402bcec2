"""The trainer as its supervisor sees it: started by exec, spoken to in JSON lines, killed as a group.

Knows what is said on the pipe, not what it means for a run. Start one from the main thread only: the kernel ends
the trainer when the thread that started it ends (see pipe.die_with).
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from worker import messages

SPIN_COUNT: Final = "10000"
"""Looks that a waiting OpenMP thread takes before it sleeps: some tens of microseconds, about the pause between two
products of the tutorial's network. Read by GNU's OpenMP, which torch brings."""


@dataclass(frozen=True)
class Ended:
    """The process is gone and said nothing after this; negative codes are signals."""

    returncode: int


@dataclass(frozen=True)
class Garbled:
    """A line that is no message of this release."""

    reason: str


Heard = messages.Report | Ended | Garbled


class TrainerProcess:
    """One running trainer in a session of its own; what it says arrives in `inbox`, `Ended` last."""

    def __init__(self, inbox: "queue.SimpleQueue[Heard]", *, threads: int) -> None:
        self._process = start(["--supervisor", str(os.getpid())], threads=threads)
        self._inbox = inbox
        self._ear = threading.Thread(target=self._relay, name="trainer reports", daemon=True)
        self._ear.start()

    @property
    def pid(self) -> int:
        """Its process id, which is its group's and session's id too."""
        return self._process.pid

    def send(self, order: messages.Order) -> None:
        """Give an order; one that has ended already cannot hear it, and `Ended` says so."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(messages.line(order))
            self._process.stdin.flush()

    def kill(self) -> None:
        """End the whole group at once; harmless when it has ended, safe in any thread and in a signal handler."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, wait until it is gone, and let go of the pipe."""
        self.kill()
        self._ear.join()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def _relay(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._inbox.put(_understood(line))
        self._inbox.put(Ended(self._process.wait()))


def start(arguments: list[str], *, threads: int) -> "subprocess.Popen[bytes]":
    """A trainer process with pipes for orders and reports; its log goes where ours goes."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "worker.training.trainer",
        *arguments,
    ]  # -P: no module from the current folder
    return subprocess.Popen(  # noqa: S603 - the interpreter that runs us, and a module of this project
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=_environment(threads)
    )


def _understood(line: bytes) -> Heard:
    try:
        return messages.read_report(line)
    except ValidationError as error:
        return Garbled(f"{error.error_count()} problems in a line of {len(line)} bytes")


def _environment(threads: int) -> dict[str, str]:
    """Ours without our settings (among them the database's address), with what OpenMP reads when torch is loaded.

    Threads that wait for each other look a little while before they sleep. Always sleeping makes an epoch of this size
    take twice as long, and always looking fifty times as long as soon as anything else wants a core.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("SAE_")}
    counts = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return {"GOMP_SPINCOUNT": SPIN_COUNT} | inherited | counts
