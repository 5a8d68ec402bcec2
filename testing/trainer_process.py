"""`python -m worker.training.trainer` as a process of its own, spoken to as its supervisor would."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from worker import messages

T = TypeVar("T")


@dataclass(frozen=True)
class Trainer:
    """A trainer process, orders to it and reports from it."""

    process: "subprocess.Popen[bytes]"

    def send(self, order: messages.Order) -> None:
        """Write an order into its pipe."""
        assert self.process.stdin is not None
        self.process.stdin.write(messages.line(order))
        self.process.stdin.flush()

    def reports(self) -> Iterator[messages.Report]:
        """Yield reports as they come, to the last."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield messages.read_report(line)

    def until(self, kind: type[T]) -> T:
        """Return the next report of that kind."""
        return next(report for report in self.reports() if isinstance(report, kind))


RunningTrainer: TypeAlias = Callable[..., AbstractContextManager[Trainer]]
"""`with trainer() as started:` is a trainer process for the time of the block; its arguments are its environment."""


@contextmanager
def running_trainer(**environment: str) -> Iterator[Trainer]:
    """Run a trainer with further environment variables; it is killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.training.trainer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    with process:
        try:
            yield Trainer(process)
        finally:
            process.kill()
