"""The end of a worker that was asked to leave and cannot: what it waits for, most often a database, says nothing.

Knows no runs. It is as if the worker had been killed: its trainer ends with it, its run is taken up again.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Final

import structlog

MARGIN_SECONDS: Final = 15.0
"""What a worker has beyond its grace time to write down how its run stands."""

AT_ONCE_SECONDS: Final = 10.0
"""The same, when it was asked twice."""

EXIT_STATUS: Final = 1

_log = structlog.get_logger()


class LastResort:
    """A context that has to be left in time after one of these signals; else the process ends.

    For the main thread, which alone runs handlers, and runs none while it waits within a library. The interpreter
    writes each signal to a socket at once, whatever that thread does; another one reads it there.
    """

    def __init__(self, signals: Collection[int], grace_seconds: float) -> None:
        self._signals, self._grace_seconds = frozenset(signals), grace_seconds
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._watch, name="last resort", daemon=True)

    def __enter__(self) -> None:
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        signal.set_wakeup_fd(-1)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _watch(self) -> None:
        asked, end_at = 0, None
        while end_at is None or time.monotonic() < end_at:
            self._reader.settimeout(None if end_at is None else max(0.01, end_at - time.monotonic()))
            with suppress(TimeoutError):
                numbers = self._reader.recv(1)
                if not numbers:  # the context was left
                    return
                if numbers[0] in self._signals:
                    asked += 1
                    patience = self._grace_seconds + MARGIN_SECONDS if asked == 1 else AT_ONCE_SECONDS
                    end_at = min(end_at or float("inf"), time.monotonic() + patience)
        _log.error("worker_cut_off", reason="it was asked to leave, and what it waits for does not answer")
        os._exit(EXIT_STATUS)
