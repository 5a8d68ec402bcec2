"""Starts the other packages as processes, watches and stops them.

Signals arrive as bytes in a socket (`signal.set_wakeup_fd`), so that one wait covers Ctrl-C, the end of a child and a
timeout, and no code is interrupted.
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
"""Time that an orderly stop may take in addition to the grace time in which a trainer writes its checkpoint."""

HURRY_SECONDS: Final = 5.0
"""Time that a stop may take after a second signal."""

_PR_SET_PDEATHSIG: Final = 1


class _SignalWaiter:
    """Waits for signals, which have no other effect from `__enter__` to `__exit__`."""

    def __enter__(self) -> "_SignalWaiter":
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        handled = [number for number in STOP_SIGNALS if number == signal.SIGINT or not _is_ignored(number)]
        self._before = {number: signal.signal(number, _ignore) for number in (*handled, signal.SIGCHLD)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float) -> set[int]:
        """Wait for the first signals; returns an empty set after `seconds`."""
        ready, _, _ = select.select([self._reader], [], [], max(seconds, 0.0))
        return set(self._reader.recv(4096)) if ready else set()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing. Without a handler the wakeup descriptor would not be written."""


def _is_ignored(number: int) -> bool:
    # nohup has set SIGHUP to be ignored, and this must stay
    return signal.getsignal(number) is signal.SIG_IGN


@dataclass(frozen=True)
class Child:
    """A process of another package, in its own session, so that the terminal's Ctrl-C reaches only this process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def succeeded(self) -> bool:
        # uvicorn raises SIGTERM again after it has stopped
        return self.process.returncode in (0, -signal.SIGTERM)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Children:
    """The child processes of a command, which are stopped at its end."""

    def __init__(self, signals: _SignalWaiter, grace_seconds: float) -> None:
        self._signals = signals
        self._stop_seconds = grace_seconds + BEYOND_GRACE_SECONDS
        self._children: list[Child] = []

    def start(self, name: str, module: str, *arguments: str, log: Path | None = None, **environment: str) -> Child:
        """Start `python -m module`, with its output in `log`, or the same as this process's."""
        with log.open("wb") if log else contextlib.nullcontext() as output:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, and modules of this project
                command(module, *arguments),
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def run(self, name: str, module: str, *arguments: str, log: Path | None = None, **environment: str) -> None:
        """Run `python -m module` until it ends. Raises `ChildEnded` unless its exit status is 0."""
        child = self.start(name, module, *arguments, log=log, **environment)
        try:
            while True:
                self.wait(60)
        except ChildEnded:
            if child.is_alive or child.process.returncode != 0:
                raise
        self._children.remove(child)

    def wait(self, seconds: float) -> None:
        """Wait at most `seconds`. Raises `Interrupted` after a signal and `ChildEnded` if a child has ended."""
        for number in sorted(self._signals.wait(seconds) & set(STOP_SIGNALS)):
            raise Interrupted(number)
        for child in self._children:
            if not child.is_alive:
                raise ChildEnded(child.name, child.process.returncode, child.log)

    def stop(self, seconds: float | None = None) -> list[Child]:
        """Stop all children: SIGTERM, SIGTERM again after a second signal, SIGKILL after the time limit.

        Returns those that failed to stop cleanly.
        """
        stopping = [child for child in self._children if child.is_alive]
        if self._terminate(stopping, self._stop_seconds if seconds is None else seconds):
            self._terminate(stopping, HURRY_SECONDS)  # a worker then returns its run without waiting for its trainer
        for child in stopping:
            if child.is_alive:
                child.kill()
        self._children.clear()
        return [child for child in stopping if not child.succeeded]

    def _terminate(self, stopping: list[Child], seconds: float) -> bool:
        """Send SIGTERM and wait for the end of all; returns whether a signal has ended the wait early."""
        for child in stopping:
            if child.is_alive:
                child.process.terminate()
        deadline = time.monotonic() + seconds
        while any(child.is_alive for child in stopping) and time.monotonic() < deadline:
            if self._signals.wait(deadline - time.monotonic()) & set(STOP_SIGNALS):
                return True
        return False


@contextlib.contextmanager
def children(grace_seconds: float = 30) -> Iterator[Children]:
    """Start processes during the block; those that are still running at its end are stopped."""
    with _SignalWaiter() as signals:
        started = Children(signals, grace_seconds)
        try:
            yield started
        finally:
            started.stop()


def command(module: str, *arguments: str) -> list[str]:
    """The command line of another package; -P prevents folders of the current directory from shadowing it."""
    return [sys.executable, "-P", "-m", module, *arguments]


def become(module: str, *arguments: str) -> None:
    """Replace this process by another package's, so that it receives signals directly. Does not return."""
    words = command(module, *arguments)
    os.execv(words[0], words)  # noqa: S606 - no shell is needed


def free_port(host: str = "127.0.0.1") -> int:
    """A currently unused port."""
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


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux: send SIGTERM to a child when this process ends, even if it is killed."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def set_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return set_signal
