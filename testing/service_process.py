"""`python -m service` as a process of its own, which may be killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TypeAlias

import httpx

from registry.settings import RegistrySettings

PATIENCE = 60.0
"""Seconds that a process has for whatever it must do."""


class ServiceProcess:
    """A running `python -m service` and a client for it."""

    def __init__(self, registry: RegistrySettings, **settings: str) -> None:
        own = {"SAE_DATA_DIR": str(registry.data_dir), "SAE_PORT": "0", "OMP_NUM_THREADS": "1"}
        own |= {"SAE_DATABASE_URL": registry.database_url} if registry.database_url else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env={**os.environ, **own, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.announced = self.process.stdout.readline()
        found = re.fullmatch(r"API explorer: (http://\S+)/docs\n", self.announced)
        assert found, self.announced + self.end()
        self.http = httpx.Client(base_url=found[1], trust_env=False, timeout=PATIENCE)

    def end(self, number: int = signal.SIGTERM) -> str:
        """Send a signal, wait for the end, and return the log."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=PATIENCE)[1]

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self.process.kill()
        self.process.wait(PATIENCE)


Launch: TypeAlias = Callable[..., ServiceProcess]
"""`launch(registry, SAE_NAME=value)` starts a service as a process of its own; it is killed after the test."""
