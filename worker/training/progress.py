"""The progress of a run that learns: what it reports, when it writes a checkpoint, when it stops on request.

The same for one network and for many. It measures time, which the core library does not, and uses no tensors.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from worker import messages
from worker.training import materials
from worker.training.pipe import Pipe

REPORT_SECONDS: Final = 0.5
"""Least time between two messages of progress."""


class RunProgress:
    """From the first row of this attempt to the last. Epochs are counted when they are finished, rows in all epochs."""

    def __init__(self, start: messages.Start, pipe: Pipe, *, epochs: int, epoch: int, rows: int, all_rows: int) -> None:
        self._start, self._pipe = start, pipe
        self._epochs, self._first_rows, self._all_rows = epochs, rows, all_rows
        self._began = self._lap_began = self._checkpoint_at = time.monotonic()
        self._checkpoint_epoch = epoch
        self._reported_at = 0.0
        self.seconds = start.seconds_before
        """What all finished epochs took, those of earlier attempts included."""

    def lap(self) -> float:
        """Seconds since the end of the last epoch, or since the beginning."""
        now = time.monotonic()
        seconds, self._lap_began = now - self._lap_began, now
        self.seconds += seconds
        return seconds

    def rows_per_second(self, rows: int) -> float:
        """The pace of this attempt, at a time when `rows` are learned from."""
        return (rows - self._first_rows) / max(time.monotonic() - self._began, 1e-9)

    def report(self, epoch: int, rows: int) -> None:
        """Say how far the run is, if nothing was said of it for a while."""
        if time.monotonic() - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = time.monotonic()
        speed = self.rows_per_second(rows)
        eta = (self._all_rows - rows) / speed if speed else None
        self._pipe.say(
            messages.Progress(
                phase="training", epoch=epoch, epochs=self._epochs, rows_per_second=speed, eta_seconds=eta
            )
        )

    def report_end(self, rows: int) -> None:
        """Say that all is learned, and only figures and files are left to do."""
        speed, epochs = self.rows_per_second(rows), self._epochs
        self._pipe.say(
            messages.Progress(phase="finishing", epoch=epochs, epochs=epochs, rows_per_second=speed, eta_seconds=0)
        )

    def checkpoint_if_due(self, epoch: int, write: Callable[[Path], None]) -> None:
        """Between two epochs: have a checkpoint written if one is wanted, or the last one is old."""
        due = time.monotonic() - self._checkpoint_at >= self._start.checkpoint_seconds
        if (self._pipe.checkpoint_wanted or due) and epoch < self._epochs:
            self._keep(epoch, write)

    def stopped(self, epoch: int, write: Callable[[Path], None], *, between_epochs: bool) -> messages.Stopped | None:
        """The end that was asked for, if this is a place for it.

        A cancelled run stops at any pulse: what it learned since its last checkpoint is not wanted. The others have
        to go on where they stopped, and that is only possible between two epochs. After the last one it is too late.
        """
        request = self._pipe.stop_request
        if request is None or epoch == self._epochs or (request != "cancel" and not between_epochs):
            return None
        if request != "cancel" and epoch > self._checkpoint_epoch:
            self._keep(epoch, write)
        return messages.Stopped(request=request)

    def _keep(self, epoch: int, write: Callable[[Path], None]) -> None:
        path = self._start.folder / f"checkpoint-{epoch}.safetensors"
        write(path)
        self._pipe.say(messages.Checkpoint(epoch=epoch, **materials.file(path)))
        self._pipe.checkpoint_wanted = False
        self._checkpoint_at, self._checkpoint_epoch = time.monotonic(), epoch
