"""Which runs this worker may claim, by device. Asks the driver, and so needs no torch."""

import platform
from typing import Literal

from sparse_coding import drivers

Choice = Literal["auto", "cpu", "cuda"]

CPU_ONLY = frozenset({"auto", "cpu"})
EVERYTHING = frozenset({"auto", "cpu", "cuda"})


class DeviceMissing(Exception):
    """The worker is configured to use CUDA, but there is none."""


class Devices:
    """What `choice` (the setting) allows on this machine. Raises DeviceMissing when CUDA was demanded in vain."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._cuda = None if choice == "cpu" else drivers.cuda_device_name()
        if choice == "cuda" and self._cuda is None:
            raise DeviceMissing("SAE_DEVICE is cuda, but torch finds no CUDA device here; set it to auto or cpu.")

    @property
    def kind(self) -> str:
        """What runs of device `auto` get."""
        return "cpu" if self._cuda is None else "cuda"

    @property
    def device_name(self) -> str:
        """The device in the maker's words."""
        return self._cuda or platform.processor() or platform.machine()

    def claimable(self) -> frozenset[str]:
        """Values of a run's `device` that may be claimed."""
        return CPU_ONLY if self._cuda is None else EVERYTHING

    def for_run(self, asked: Choice) -> Choice:
        """The device for the trainer of a claimed run; `auto` leaves the choice to the trainer."""
        if asked == "auto":
            return self._choice
        return asked
