"""Ports of this machine."""

import random
import socket
from contextlib import suppress


def free_port() -> int:
    """Return a port that nobody listens on, below those of outgoing connections, so that it stays free for a while."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
