"""Starts the other rooms as processes, watches them and ends them; knows nothing of what they do.

Signals arrive as bytes in a socket (`signal.set_wakeup_fd`), so that one wait hears a Ctrl-C, a child's end and a
time-out alike, and nothing is interrupted in the middle.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from client.errors import AddressInUse, ChildEnded, Interrupted

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BEYOND_GRACE_SECONDS: Final = 15.0
"""What an orderly end may take beyond the grace time in which a worker's trainer writes its checkpoint."""

HURRY_SECONDS: Final = 5.0
"""What an end may take that was asked for twice."""

_PR_SET_PDEATHSIG: Final = 1


class _Bell:
    """Hears signals, from `__enter__` to `__exit__`, in place of their usual effects."""

    def __enter__(self) -> "_Bell":
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        heard = [number for number in STOP_SIGNALS if number == signal.SIGINT or not _is_ignored(number)]
        self._before = {number: signal.signal(number, _nothing) for number in (*heard, signal.SIGCHLD)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float) -> set[int]:
        """The signals that came within so many seconds; returns with the first."""
        ready, _, _ = select.select([self._reader], [], [], max(seconds, 0.0))
        return set(self._reader.recv(4096)) if ready else set()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler must be there for the wakeup descriptor to be written."""


def _is_ignored(number: int) -> bool:
    # nohup ignores SIGHUP before we start, and means it
    return signal.getsignal(number) is signal.SIG_IGN


@dataclass(frozen=True)
class Child:
    """A process of another room, in a session of its own so that the terminal's Ctrl-C reaches only us."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    @property
    def ended_well(self) -> bool:
        # uvicorn raises the SIGTERM that it obeyed again
        return self.process.returncode in (0, -signal.SIGTERM)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Children:
    """The processes that were started here and will be ended here."""

    def __init__(self, bell: _Bell, grace_seconds: float) -> None:
        self._bell = bell
        self._stop_seconds = grace_seconds + BEYOND_GRACE_SECONDS
        self._children: list[Child] = []

    def start(self, name: str, module: str, *arguments: str, log: Path | None = None, **environment: str) -> Child:
        """Run `python -m module`; its output goes to `log`, or where ours goes."""
        with log.open("wb") if log else contextlib.nullcontext() as output:
            process = subprocess.Popen(  # noqa: S603 - the interpreter that runs us, and modules of this project
                command(module, *arguments),
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                preexec_fn=_tie_to_us(),
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def run(self, name: str, module: str, *arguments: str, log: Path | None = None, **environment: str) -> None:
        """Run `python -m module` to its end; raises `ChildEnded` if that is not exit 0."""
        child = self.start(name, module, *arguments, log=log, **environment)
        try:
            while True:
                self.wait(60)
        except ChildEnded:
            if child.lives or child.process.returncode != 0:
                raise
        self._children.remove(child)

    def wait(self, seconds: float) -> None:
        """Wait so long, or a little less; raises `Interrupted` when asked to stop, `ChildEnded` when a child died."""
        for number in sorted(self._bell.wait(seconds) & set(STOP_SIGNALS)):
            raise Interrupted(number)
        for child in self._children:
            if not child.lives:
                raise ChildEnded(child.name, child.process.returncode, child.log)

    def stop(self, seconds: float | None = None) -> list[Child]:
        """End all that live: SIGTERM; SIGTERM again when a second signal comes; SIGKILL when the time is up.

        Returns those that did not end well.
        """
        asked = [child for child in self._children if child.lives]
        if self._ask(asked, self._stop_seconds if seconds is None else seconds):
            self._ask(asked, HURRY_SECONDS)  # a worker gives its run back then, without another word of its trainer
        for child in asked:
            if child.lives:
                child.kill()
        self._children.clear()
        return [child for child in asked if not child.ended_well]

    def _ask(self, asked: list[Child], seconds: float) -> bool:
        """Ask those that live to end, and wait for it; whether a signal has cut the wait short."""
        for child in asked:
            if child.lives:
                child.process.terminate()
        deadline = time.monotonic() + seconds
        while any(child.lives for child in asked) and time.monotonic() < deadline:
            if self._bell.wait(deadline - time.monotonic()) & set(STOP_SIGNALS):
                return True
        return False


@contextlib.contextmanager
def children(grace_seconds: float = 30) -> Iterator[Children]:
    """A house in which processes can be started; whatever still lives at the end is ended."""
    with _Bell() as bell:
        family = Children(bell, grace_seconds)
        try:
            yield family
        finally:
            family.stop()


def command(module: str, *arguments: str) -> list[str]:
    """The command line of another room; -P keeps folders of the current directory from taking a room's name."""
    return [sys.executable, "-P", "-m", module, *arguments]


def become(module: str, *arguments: str) -> None:
    """Replace this process by another room; signals then need no hand to pass them on. Does not return."""
    words = command(module, *arguments)
    os.execv(words[0], words)  # noqa: S606 - no shell is wanted


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nothing listens now."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def require_free(host: str, port: int) -> None:
    """Raises `AddressInUse` if the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise AddressInUse(host, port, (error.strerror or str(error)).lower()) from None


def _tie_to_us() -> Callable[[], None] | None:
    """On Linux: a child is asked to end when we are gone, even if we are killed."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return tie
