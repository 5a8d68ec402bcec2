"""Requests to stop one attempt: from the run's owner through the registry, or because the worker is exiting."""

import math
import time
from collections.abc import Mapping
from typing import Final, cast

import structlog

from registry.database.tables import Run
from worker import messages
from worker.settings import WorkerSettings
from worker.supervising.deadlines import Deadlines
from worker.supervising.drain import Drain
from worker.supervising.lease import Lease
from worker.supervising.ledger import Ledger
from worker.supervising.trainer_process import TrainerProcess

CANCEL_SECONDS: Final = 1.0
"""How long a trainer may take to stop after a cancel, when its further messages are not needed."""

_URGENCY: Final[Mapping[messages.StopRequest, int]] = {"pause": 0, "release": 1, "cancel": 2}


class StopRequests:
    """Looks for requests to stop, and sends them to the trainer with a deadline, each more urgent than the last."""

    def __init__(
        self, run: Run, settings: WorkerSettings, *, drain: Drain, ledger: Ledger, lease: Lease, deadlines: Deadlines
    ) -> None:
        self._settings, self._drain, self._deadlines = settings, drain, deadlines
        self._ledger, self._lease = ledger, lease
        self._polled_at = time.monotonic()
        self._log = structlog.get_logger().bind(run=run.id, attempt=run.attempt)
        self.sent: messages.StopRequest | None = None
        """The request that was sent last, which is the most urgent one."""

    def forward(self, trainer: TrainerProcess) -> None:
        """Send new requests; the registry is asked every `poll_seconds`."""
        if self._drain.asked:
            self._send(trainer, "release")
        now = time.monotonic()
        if now - self._polled_at >= self._settings.poll_seconds:
            self._polled_at = now
            request = self._ledger.stop_request() or self._lease.stop_request
            if request is not None:
                self._send(trainer, cast(messages.StopRequest, request))  # the table's CHECK allows no other

    def _send(self, trainer: TrainerProcess, request: messages.StopRequest) -> None:
        """Send a stop request, unless one that is at least as urgent was sent before.

        A pause waits for the end of the epoch, so that nothing is lost; a worker that exits gives its own grace time; a
        cancel gives a second.
        """
        if self.sent is not None and _URGENCY[request] <= _URGENCY[self.sent]:
            return
        self.sent = request
        limits = {"cancel": CANCEL_SECONDS, "release": self._settings.grace_seconds, "pause": math.inf}
        self._deadlines.exit_within(limits[request])
        trainer.send(messages.Stop(request=request))
        self._log.info("trainer_asked_to_stop", request=request)
