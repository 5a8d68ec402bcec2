"""The fork server as a supervisor sees it: a process that turns a connection into a trainer.

Start one from the main thread only: the kernel ends it when the thread that started it ends (see pipe.die_with).
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Final

SPIN_COUNT: Final = "10000"
"""Looks that a waiting OpenMP thread takes before it sleeps: some tens of microseconds, about the pause between two
products of the tutorial's network. Read by GNU's OpenMP, which torch brings."""


RESTART_SECONDS: Final = 5.0
"""Least time between two starts of a server that nobody waits for: one that cannot start must not try all the time."""


class ForkServer:
    """A fork server of our own, started again whenever it has ended; or one that others share with us.

    A shared one is known by a descriptor of its control socket, and whoever started it sees to it that it lives.
    """

    def __init__(self, threads: int, shared: int | None = None) -> None:
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._control = None if shared is None else socket.socket(fileno=shared)
        self._is_shared = shared is not None
        self._started_at = -RESTART_SECONDS

    def ensure(self) -> None:
        """Start the server if it does not live, ahead of the next trainer."""
        if not self._lives and time.monotonic() - self._started_at >= RESTART_SECONDS:
            self._start()

    @property
    def _lives(self) -> bool:
        return self._is_shared or (self._process is not None and self._process.poll() is None)

    def _start(self) -> None:
        """A new server. It takes connections at once, and serves them when it has imported torch."""
        self._let_go()
        self._started_at = time.monotonic()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = start(theirs, threads=self._threads)

    def connect(self) -> socket.socket:
        """Our end of a new connection; a trainer is forked for it, and logs where we do.

        A server that has just died hangs up.
        """
        if not self._lives:
            self._start()
        assert self._control is not None
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(ConnectionError):
            socket.send_fds(self._control, [b"."], [theirs.fileno(), sys.stderr.fileno()])
        return ours

    def share(self) -> int:
        """The descriptor of the control socket, for another supervisor; it is valid until the server has to restart."""
        if not self._lives:
            self._start()
        assert self._control is not None
        return self._control.fileno()

    def returncode(self) -> int:
        """How the server ended that hung up on us; negative codes are signals."""
        return -signal.SIGKILL if self._process is None else self._process.wait()

    def kill(self) -> None:
        """End our own server at once, and with it its trainers."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End our own server, or let go of one that is shared."""
        self.kill()
        self._let_go()

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.wait()
        if self._control is not None:
            self._control.close()


def start(control: socket.socket, *, threads: int) -> "subprocess.Popen[bytes]":
    """A fork server with `control` as its standard input; its log goes where ours goes.

    -P keeps folders of the current directory from taking the name of a module.
    """
    command = [sys.executable, "-P", "-m", "worker.training.fork_server", "--parent", str(os.getpid())]
    return subprocess.Popen(  # noqa: S603 - the interpreter that runs us, and a module of this project
        command, stdin=control.fileno(), start_new_session=True, env=_environment(threads)
    )


def _environment(threads: int) -> dict[str, str]:
    """Ours without our settings (among them the database's address), with what OpenMP reads when torch is loaded.

    Threads that wait for each other look a little while before they sleep. Always sleeping makes an epoch of this size
    take twice as long, and always looking fifty times as long as soon as anything else wants a core.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("SAE_")}
    counts = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return {"GOMP_SPINCOUNT": SPIN_COUNT} | inherited | counts
