"""The `sae` command as a real process, in an empty folder and a clean environment; nothing of it outlives a test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from client import processes

PATIENCE = 120.0
"""Seconds that a test waits for something that must happen, on a busy machine."""


@dataclass(frozen=True)
class Sae:
    """A running `sae`, its output so far and the processes that it started."""

    process: subprocess.Popen[bytes]
    output: Path
    folder: Path
    port: int

    def said(self) -> str:
        return self.output.read_text()

    def says(self, words: str) -> None:
        """Returns once `words` are in the output."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.said():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.said()}"
            assert time.monotonic() < deadline, f"{words!r} was never said: {self.said()}"
            time.sleep(0.05)

    def family(self) -> list[psutil.Process]:
        """Every process that descends from this one, now."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, module: str) -> psutil.Process:
        """The process of one room."""
        return next(child for child in self.family() if module in child.cmdline())

    def end(self, number: int = signal.SIGINT) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def survivors(family: list[psutil.Process]) -> list[str]:
    """What is left of these processes shortly after they should be gone."""
    _, alive = psutil.wait_procs(family, timeout=10)
    return [" ".join(process.cmdline()) for process in alive]


@pytest.fixture
def sae(tmp_path: Path) -> Iterator[Callable[..., Sae]]:
    """Starts `sae` with arguments and settings."""
    started: list[Sae] = []

    def start(*arguments: str, **settings: str) -> Sae:
        port = int(settings.pop("SAE_PORT", processes.free_port()))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SAE_")}
        output = tmp_path / f"output-{len(started)}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("sae"), *arguments],
                env={**clean, "SAE_PORT": str(port), **settings},
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        started.append(Sae(process, output, tmp_path, port))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)


@pytest.fixture
def survivors_of() -> Callable[[list[psutil.Process]], list[str]]:
    return survivors
