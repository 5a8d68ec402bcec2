"""`python -m service` as a process of its own, which may be killed."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import httpx

from registry.settings import RegistrySettings
from testing.preloaded import PreloadedProcess
from testing.waiting import eventually

PATIENCE = 60.0
"""Seconds that a process has for whatever it must do."""


class ServiceProcess:
    """A running service and a client for it."""

    def __init__(self, registry: RegistrySettings, *, executed: bool = False, **settings: str) -> None:
        own = {"SAE_DATA_DIR": str(registry.data_dir), "SAE_PORT": "0", "OMP_NUM_THREADS": "1"}
        own |= {"SAE_DATABASE_URL": registry.database_url} if registry.database_url else {}
        folder = Path(tempfile.mkdtemp(prefix="service-", dir=registry.data_dir.parent))
        self.output, self.log = folder / "output.txt", folder / "log.txt"
        self.output.touch()
        start = _executed if executed else _preloaded
        self.process = start({**os.environ, **own, **settings}, self.output, self.log)
        eventually("its address, or its end", lambda: self.announced.endswith("\n") or self.process.poll(), PATIENCE)
        found = re.fullmatch(r"API explorer: (http://\S+)/docs\n", self.announced)
        assert found, self.announced + self.end()
        self.http = httpx.Client(base_url=found[1], trust_env=False, timeout=PATIENCE)

    @property
    def announced(self) -> str:
        """What it has said on its standard output."""
        return self.output.read_text()

    def end(self, number: int = signal.SIGTERM) -> str:
        """Send a signal, wait for the end, and return the log."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(PATIENCE)
        return self.log.read_text()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.wait(PATIENCE)


def _preloaded(environment: dict[str, str], output: Path, log: Path) -> PreloadedProcess:
    return PreloadedProcess("service", environment, output=output, log=log)


def _executed(environment: dict[str, str], output: Path, log: Path) -> "subprocess.Popen[bytes]":
    with output.open("ab") as to_output, log.open("ab") as to_log:
        command = [sys.executable, "-m", "service"]
        return subprocess.Popen(command, env=environment, stdout=to_output, stderr=to_log)


Launch: TypeAlias = Callable[..., ServiceProcess]
"""`launch(registry, SAE_NAME=value)` starts a service as a process of its own, which is killed after the test;
`executed=True` executes it instead of forking a preloaded one."""
