"""The request that the whole worker stop; can be set inside a signal handler."""

import contextlib
import queue


class Drain:
    """`asked` counts: once means finish in order, twice means at once."""

    def __init__(self) -> None:
        self.asked = 0
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put may interrupt its own get; an Event's not

    def ask(self) -> None:
        """Ask once more."""
        self.asked += 1
        self._bell.put(None)

    def wait(self, seconds: float) -> None:
        """Wait until the time is over or somebody asks."""
        if not self.asked:
            with contextlib.suppress(queue.Empty):
                self._bell.get(timeout=seconds)
