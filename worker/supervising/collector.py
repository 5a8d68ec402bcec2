"""Garbage collection by a worker: deletes old checkpoints and unreferenced files, in small steps.

In a thread of its own, so that a large collection keeps nobody from beating and reaping. Knows not what is removed.
"""

import random
import threading
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from registry import errors
from registry.collection import Gone

FIRST: Final = 0.1
"""The share of the interval after which a worker collects first: not at once, as it may not stay for long."""

_log = structlog.get_logger()


class Collector:
    """A context in which `collect` is gone through about every `seconds`."""

    def __init__(self, collect: Callable[[], Iterator[Gone]], seconds: float) -> None:
        self._collect, self._seconds = collect, seconds
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep_collecting, name="collector", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._closed.set()
        self._thread.join(timeout=1)  # what is not removed now is removed another time

    def _keep_collecting(self) -> None:
        share = FIRST
        while not self._closed.wait(self._seconds * share):
            self._go_through()
            share = random.uniform(0.8, 1.2)  # noqa: S311 - spreads workers over time

    def _go_through(self) -> None:
        files = size = 0
        try:
            for gone in self._collect():
                files, size = files + 1, size + gone.bytes
                if self._closed.is_set():
                    break
        except (errors.DatabaseUnavailable, errors.StoreBusy) as reason:
            _log.warning("collection_put_off", reason=reason.code)
        except Exception:  # the work goes on without it; the log must say it
            _log.exception("collection_failed")
        if files:
            _log.info("files_collected", files=files, bytes=size)
