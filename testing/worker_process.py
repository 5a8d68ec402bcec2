"""`python -m worker` as a process of its own, with its log in a file."""

import subprocess
import sys
from pathlib import Path

from testing.waiting import PATIENCE, eventually


class WorkerProcess(subprocess.Popen[str]):
    """A worker process whose log is a file: a pipe that nobody reads would hold it up once it is full."""

    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        self.log, self.position = log, 0
        with log.open("w") as written:
            super().__init__(
                [sys.executable, "-m", "worker"],
                env=environment,
                stderr=written,
                text=True,
                start_new_session=True,
            )

    def communicate(self, _input: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; return no output, and the rest of its log."""
        self.wait(timeout)
        rest = self.log.read_text()[self.position :]
        self.position += len(rest)
        return "", rest

    def wait_for_event(self, event: str, within: float = PATIENCE) -> None:
        """Read the log up to that event."""
        eventually(f"{event} in a worker's log", lambda: self.has_logged(f'"event": "{event}"'), within)

    def has_logged(self, words: str) -> bool:
        """Tell whether a line of the unread log has these words; if so, all up to it counts as read."""
        ended = self.poll() is not None
        log = self.log.read_text()
        found = log.find(words, self.position)
        end = log.find("\n", found)
        if found >= 0 <= end:
            self.position = end + 1
            return True
        assert not ended, f"the worker ended without {words}: {log[self.position :]}"
        return False
