"""The `sae` command as a real process, in an empty folder and a clean environment."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psutil

from testing.network import free_port
from testing.waiting import PATIENCE, eventually


@dataclass(frozen=True)
class SaeProcess:
    """A running `sae`, its output so far and the processes that it started."""

    process: subprocess.Popen[bytes]
    file: Path
    folder: Path
    port: int

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.file.read_text()

    def wait_for(self, words: str) -> None:
        """Return once `words` are in the output; fail where the process ends without them."""

        def printed() -> bool:
            ended = self.process.poll()
            if words in self.output:
                return True
            assert ended is None, f"ended with {ended}: {self.output}"
            return False

        eventually(f"{words!r} in the output", printed)

    def descendants(self) -> list[psutil.Process]:
        """Every process that descends from this one, now."""
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def child(self, module: str) -> psutil.Process:
        """The process that runs this module."""
        return next(child for child in self.descendants() if module in child.cmdline())

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


StartSae: TypeAlias = Callable[..., SaeProcess]
"""Starts `sae` with arguments and settings; it is ended after the test."""


def start(folder: Path, output: Path, *arguments: str, **settings: str) -> SaeProcess:
    """Start `sae` with arguments and settings in a folder; what it prints goes into the file `output`."""
    port = int(settings.pop("SAE_PORT", free_port()))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SAE_")}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("sae"), *arguments],
            env={**clean, "SAE_PORT": str(port), **settings},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return SaeProcess(process, output, folder, port)
