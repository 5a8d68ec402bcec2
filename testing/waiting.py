"""Waits for what another process or thread brings about."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds that a test waits for something that must happen, on a busy machine."""


def eventually(what: str, happened: Callable[[], T], within: float = PATIENCE, pause: float = 0.02) -> T:
    """Return the first true answer of `happened`; fail after `within` seconds with a message that names `what`."""
    deadline = time.monotonic() + within
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within:g} s"
        time.sleep(pause)
    return answer
