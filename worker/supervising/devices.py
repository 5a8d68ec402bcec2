"""Which runs this worker may claim, by device. Has no torch: a probe, a trainer that only says hello, has looked.

The probe takes seconds and runs beside the first claims; runs that do not ask for CUDA need not wait for it. Whoever
asks looks whether it has answered: the first run may last for days. Threads may ask at the same time.
"""

import threading
from typing import Literal

from pydantic import ValidationError

from worker import messages
from worker.supervising import trainer_process

Choice = Literal["auto", "cpu", "cuda"]

CPU_ONLY = frozenset({"auto", "cpu"})
EVERYTHING = frozenset({"auto", "cpu", "cuda"})


class DeviceMissing(Exception):
    """The worker was told to use CUDA, and there is none."""


class Devices:
    """What `choice` (the setting) allows on this machine."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._probe = None if choice == "cpu" else trainer_process.start(["--probe"], threads=1)
        self._found: messages.Hello | None = None
        self._looking = threading.Lock()

    @property
    def known(self) -> bool:
        """Whether the probe has answered, or none was needed."""
        self._look()
        return self._probe is None

    @property
    def kind(self) -> str:
        """What runs of device `auto` get, as far as is known."""
        self._look()
        return "cuda" if self._has_cuda else "cpu"

    @property
    def device_name(self) -> str | None:
        """The device in the maker's words, once the probe has answered."""
        self._look()
        return None if self._found is None else self._found.device_name

    def claimable(self) -> frozenset[str]:
        """Values of a run's `device` that may be claimed now. Raises DeviceMissing when CUDA was demanded in vain."""
        self._look()
        if self._choice == "cpu" or (self._choice == "auto" and not self._has_cuda):
            return CPU_ONLY
        if self._has_cuda:
            return EVERYTHING
        if self.known:
            raise DeviceMissing("SAE_DEVICE is cuda, but torch finds no CUDA device here; set it to auto or cpu.")
        return frozenset()

    def for_run(self, asked: Choice) -> Choice:
        """The device that a claimed run's trainer is told to use; `auto` leaves the choice to it."""
        if asked == "auto":
            return self._choice
        return asked

    def close(self) -> None:
        """End a probe that is still looking."""
        with self._looking:
            if self._probe is not None:
                self._probe.kill()
                self._probe.communicate()
                self._probe = None

    @property
    def _has_cuda(self) -> bool:
        return self._found is not None and self._found.device == "cuda"

    def _look(self) -> None:
        with self._looking:
            if self._probe is not None and self._probe.poll() is not None:
                self._found = _hello(self._probe.communicate()[0])
                self._probe = None


def _hello(said: bytes) -> messages.Hello | None:
    """What a finished probe found out; a probe that failed found nothing."""
    try:
        report = messages.read_report(said)
    except ValidationError:
        return None
    return report if isinstance(report, messages.Hello) else None
