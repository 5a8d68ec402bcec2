"""Processes of the service that are forked from one that has imported all they need, which saves seconds of processor
time each. They differ from executed ones in their start alone; tests of that start execute theirs.
"""

import multiprocessing
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest


@cache
def _context() -> ForkServerContext:
    """What forks them. Its server is started here, once per test session, and ends with it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["testing.preloaded_modules"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OMP_NUM_THREADS", "1")  # read when torch is loaded
        forkserver.ensure_running()
    return context


class PreloadedProcess:
    """`python -m MODULE` in a session of its own, used as a `subprocess.Popen` is.

    It appends its standard output and its log to files: a pipe that nobody reads would hold it up once it is full.
    """

    def __init__(
        self,
        module: str,
        environment: dict[str, str],
        *,
        output: Path,
        log: Path,
        fork_server: socket.socket | None = None,
    ) -> None:
        given = (module, environment, output, log, fork_server)
        self._process = _context().Process(target=_become, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, minus the number of a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once there is one; raise `subprocess.TimeoutExpired` after `timeout` seconds."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _become(
    module: str,
    environment: dict[str, str],
    output: Path,
    log: Path,
    fork_server: socket.socket | None,
) -> None:
    """Be what `python -m module` would be."""
    os.setsid()
    for file, descriptor in ((output, 1), (log, 2)):
        with file.open("ab") as opened:
            os.dup2(opened.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()  # else all have the same, and so the same pauses
    sys.argv[1:] = [] if fork_server is None else [f"--fork-server={fork_server.detach()}"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
