"""The trainer's end of the pipe: reports go out, orders come in, and life ends with the supervisor.

Knows no tensors and no database; it is imported before torch, so that it stands when anything else can go wrong.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

from worker import messages

EXIT_ORPHANED = 3
"""Exit status of a trainer that noticed that its supervisor is gone; nobody is left to read it."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: int | None) -> None:
    """Have the kernel kill this process when its parent ends; exit at once if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(EXIT_ORPHANED)


def leave_signals_to_the_supervisor() -> None:
    """Ignore the signals that ask a whole service to stop: the supervisor answers them, with a checkpoint."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def take_over() -> "Pipe":
    """This process's standard input and output as the pipe; from here on fd 1 is stderr, for libraries print."""
    reports, orders = os.dup(1), os.dup(0)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return Pipe(reports, orders)


class Pipe:
    """Both directions over two file descriptors. `stop_request` and `checkpoint_wanted` are the requests so far."""

    def __init__(self, reports: int, orders: int) -> None:
        self._reports = os.fdopen(reports, "wb")
        self._lines = _lines(orders)
        self.stop_request: messages.StopRequest | None = None
        self.checkpoint_wanted = False

    def say(self, report: messages.Report) -> None:
        """Send one report."""
        self._reports.write(messages.line(report))
        self._reports.flush()

    def wait_for_start(self) -> messages.Start:
        """The first order. Raises ValueError for any other; ends the process if there is none."""
        text = next(self._lines, None)
        if text is None:
            _orphaned()
        order = messages.read_order(text)
        if not isinstance(order, messages.Start):
            raise ValueError(f"the first order must be start, not {order.type}")
        return order

    def listen(self) -> None:
        """Take further orders in a thread; the end of the orders ends the process."""
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def _listen(self) -> None:
        try:
            for text in self._lines:
                match messages.read_order(text):
                    case messages.Stop(request=request):
                        self.stop_request = request
                    case messages.CheckpointNow():
                        self.checkpoint_wanted = True
        finally:
            _orphaned()


def _lines(descriptor: int) -> Iterator[bytes]:
    """Lines of a pipe. Plain reads: a buffered file would hold a lock that the end of the interpreter waits for."""
    rest = b""
    while chunk := os.read(descriptor, 65_536):
        *complete, rest = (rest + chunk).split(b"\n")
        yield from complete


def _orphaned() -> NoReturn:
    os._exit(EXIT_ORPHANED)
