"""The trainer as its supervisor sees it: forked for a connection, spoken to in JSON lines, killed as a group.

Knows what is said on the connection, not what it means for a run.
"""

import contextlib
import queue
import signal
import socket
import threading
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from worker import messages
from worker.supervising.fork_server import ForkServer

ANSWER_SECONDS: Final = 5.0
"""How long the fork server may take to end a trainer on which we have hung up."""


@dataclass(frozen=True)
class MalformedLine:
    """A line that is no message of this release."""

    reason: str


TrainerEvent = messages.Report | MalformedLine


class TrainerProcess:
    """One trainer in a session of its own; its reports arrive in `inbox`, `Exited` last."""

    def __init__(self, inbox: "queue.SimpleQueue[TrainerEvent]", server: ForkServer) -> None:
        self._inbox, self._server = inbox, server
        self._connection = server.connect()
        self._forked = self._hung_up = False
        self._reader = threading.Thread(target=self._read, name="trainer reports", daemon=True)
        self._reader.start()

    def send(self, order: messages.Order) -> None:
        """Give an order; a trainer that has ended does not get it, and `Exited` says so."""
        with contextlib.suppress(OSError):
            self._connection.sendall(messages.line(order))

    def kill(self) -> None:
        """Hang up, on which the server kills the whole group; safe at any time, in any thread, in a signal handler.

        Before the fork there is nobody to wait for: the server may take seconds to import torch.
        """
        self._hung_up = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR if self._forked else socket.SHUT_RDWR)

    def close(self) -> None:
        """Kill it, wait until it is gone, and close the connection."""
        self.kill()
        self._reader.join(ANSWER_SECONDS)
        if self._reader.is_alive():  # the server stands still; the kernel ends its trainers with it
            self._server.kill()
            self._reader.join()
        self._connection.close()

    def _read(self) -> None:
        """Pass on what is said until the end; an end without `Exited` is the server's."""
        last: TrainerEvent | None = None
        # a trainer that is killed with an order unread resets the connection, after all that it said
        with contextlib.suppress(ConnectionError), self._connection.makefile("rb") as lines:
            for line in filter(bytes.strip, lines):
                last = _parsed(line)
                self._forked = True
                self._inbox.put(last)
        if not isinstance(last, messages.Exited):
            code = -signal.SIGKILL if self._hung_up else self._server.returncode()
            self._inbox.put(messages.Exited(returncode=code))


def _parsed(line: bytes) -> TrainerEvent:
    try:
        return messages.read_report(line)
    except ValidationError as error:
        return MalformedLine(f"{error.error_count()} problems in a line of {len(line)} bytes")
