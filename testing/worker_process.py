"""`python -m worker` as a process of its own, with its log in a file."""

import json
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from testing.preloaded import PreloadedProcess
from testing.processes import is_alive
from testing.waiting import PATIENCE, eventually


class WorkerProcess(PreloadedProcess):
    """A worker and its log, read up to some place."""

    def __init__(self, log: Path, environment: dict[str, str], fork_server: int | None = None) -> None:
        self.log, self.position = log, 0
        log.touch()
        with ExitStack() as stack:
            shared = None
            if fork_server is not None:
                shared = stack.enter_context(socket.socket(fileno=os.dup(fork_server)))
            super().__init__("worker", environment, output=Path(os.devnull), log=log, fork_server=shared)

    def trainers(self) -> list[int]:
        """Return the process ids of its trainers that live, whoever has forked them."""
        lines = [line for line in self.log.read_text().splitlines() if '"trainer_started"' in line]
        return [pid for pid in (int(json.loads(line)["pid"]) for line in lines) if is_alive(pid)]

    def ended(self, within: float = PATIENCE) -> str:
        """Wait for its end; return the rest of its log."""
        self.wait(within)
        rest = self.log.read_text()[self.position :]
        self.position += len(rest)
        return rest

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
