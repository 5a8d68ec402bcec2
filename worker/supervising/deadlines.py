"""Until when the trainer of one attempt may go on. Knows neither the trainer nor the registry."""

import math
import time


class Deadlines:
    """Two limits of a trainer: the time between two messages, and the time until it has to exit."""

    def __init__(self, stall_seconds: float) -> None:
        self._stall_seconds = stall_seconds
        self._last_message_at = time.monotonic()
        self._exit_at = math.inf

    def on_message(self) -> None:
        """Start the time between two messages again."""
        self._last_message_at = time.monotonic()

    def exit_within(self, seconds: float) -> None:
        """Set the time until the trainer has to exit; the earliest limit that was ever set counts."""
        self._exit_at = min(self._exit_at, time.monotonic() + seconds)

    @property
    def is_stalled(self) -> bool:
        """Whether the trainer has sent nothing for too long."""
        return time.monotonic() - self._last_message_at > self._stall_seconds

    @property
    def is_overdue(self) -> bool:
        """Whether the trainer should have exited by now."""
        return time.monotonic() > self._exit_at
