"""The `sae` command as a real process, in an empty folder and a clean environment; nothing of it outlives a test."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing import command_line
from testing.command_line import SaeProcess, StartSae


@pytest.fixture
def sae(tmp_path: Path) -> Iterator[StartSae]:
    """Starts `sae` with arguments and settings."""
    started: list[SaeProcess] = []

    def start(*arguments: str, **settings: str) -> SaeProcess:
        output = tmp_path / f"output-{len(started)}.txt"
        started.append(command_line.start(tmp_path, output, *arguments, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)
