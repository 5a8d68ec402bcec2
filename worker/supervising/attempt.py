"""One attempt at one run: from the claim to its outcome in the registry.

It follows the trainer, which has torch, and writes to the registry, which the trainer does not know. It has no torch.
"""

import queue
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from registry import errors
from registry.database.sessions import Database
from registry.database.tables import Run
from registry.stores.protocol import ArtifactStore
from worker import messages
from worker.settings import WorkerSettings
from worker.supervising import failures, preparation
from worker.supervising.deadlines import Deadlines
from worker.supervising.devices import Devices
from worker.supervising.drain import Drain
from worker.supervising.fork_server import ForkServer
from worker.supervising.lease import Lease, LeaseLost
from worker.supervising.ledger import Ledger
from worker.supervising.outcome import Outcome
from worker.supervising.stop_requests import StopRequests
from worker.supervising.trainer_events import TrainerEvents
from worker.supervising.trainer_process import TrainerEvent, TrainerProcess

TICK_SECONDS: Final = 0.2
"""How long the supervisor waits for a message before it checks everything else."""


@dataclass(frozen=True)
class WorkerContext:
    """What every attempt of a worker shares."""

    settings: WorkerSettings
    threads: int
    database: Database
    lease_database: Database
    artifacts: ArtifactStore
    devices: Devices
    server: ForkServer
    drain: Drain


class Attempt:
    """Starts the trainer of one run, follows it until it has exited, and writes the outcome."""

    def __init__(self, context: WorkerContext, run: Run, claimed_at: float) -> None:
        settings = context.settings
        self._context, self._run = context, run
        self._folder: Path = settings.work_dir / f"{run.id}-{run.fence}"
        self._log = structlog.get_logger().bind(run=run.id, attempt=run.attempt)
        self._lease = Lease(
            context.lease_database,
            run.id,
            run.fence,
            claimed_at=claimed_at,
            lease_seconds=settings.lease_seconds,
            renew_seconds=settings.renew_seconds,
            margin_seconds=settings.lease_margin_seconds,
            on_lost=self.kill,
        )
        self._ledger = Ledger(context.database, self._lease, run.id, run.fence, write_seconds=settings.write_seconds)
        self._outcome = Outcome(run.id, run.fence)
        self._deadlines = Deadlines(settings.stall_seconds)
        self._stop_requests = StopRequests(
            run, settings, drain=context.drain, ledger=self._ledger, lease=self._lease, deadlines=self._deadlines
        )
        self._trainer: TrainerProcess | None = None

    def carry_out(self) -> None:
        """Carry the run to an outcome, or give it up unchanged if another worker has it."""
        self._log.info("run_claimed", kind=self._run.kind, fence=self._run.fence)
        try:
            with self._lease:  # renewed until the outcome is written
                self._work()
                self._settle()
        except (errors.Fenced, LeaseLost) as lost:
            self._log.warning("run_given_up", reason=str(lost))
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End the trainer at once; callable from any thread and from a signal handler."""
        if self._trainer is not None:
            self._trainer.kill()

    def _work(self) -> None:
        """Run the trainer until it exits; any error of it or around it becomes the ending of the run."""
        try:
            self._follow()
        except (errors.Fenced, LeaseLost):
            raise
        except Exception as error:
            self._ledger.stop_request()  # raises Fenced: errors do not matter if another worker has the run
            self._outcome.end_with(failures.explained(error, self._log))
        finally:
            if self._trainer is not None:
                self._trainer.close()

    def _follow(self) -> None:
        """Start the trainer, and handle its events until it has exited."""
        start = self._prepared()
        inbox: queue.SimpleQueue[TrainerEvent] = queue.SimpleQueue()
        events = self._events()
        self._trainer = trainer = TrainerProcess(inbox, self._context.server)
        trainer.send(start)
        while self._outcome.returncode is None:
            try:
                event = inbox.get(timeout=TICK_SECONDS)
            except queue.Empty:
                pass
            else:
                self._deadlines.on_message()
                events.handle(event)
                self._limit_exit()
            self._check(trainer)

    def _prepared(self) -> messages.Start:
        """The order that starts the trainer, for which the inputs are found and the folder is made."""
        context, run = self._context, self._run
        asked = preparation.parsed(run)
        inputs = self._ledger.insist(lambda session: preparation.inputs(session, context.artifacts, run))
        self._outcome.asked, self._outcome.dataset_digest = asked, inputs.dataset_digest
        self._folder.mkdir(parents=True)
        return messages.Start(
            run_id=run.id,
            fence=run.fence,
            spec=asked,
            inputs=inputs.paths,
            folder=self._folder,
            sources=context.settings.sources_dir,
            device=context.devices.for_run(preparation.device(asked)),
            threads=context.threads,
            checkpoint_seconds=context.settings.checkpoint_seconds,
            seconds_before=inputs.seconds_before,
        )

    def _events(self) -> TrainerEvents:
        return TrainerEvents(
            self._run,
            self._folder,
            ledger=self._ledger,
            artifacts=self._context.artifacts,
            outcome=self._outcome,
            keep_last=self._context.settings.keep_last,
            kill=self.kill,
        )

    def _limit_exit(self) -> None:
        """After its last message the trainer only has to exit soon."""
        if self._outcome.ending is not None:
            self._deadlines.exit_within(self._context.settings.exit_seconds)

    def _check(self, trainer: TrainerProcess) -> None:
        """Check everything that does not come from the trainer."""
        self._lease.check()
        self._ledger.flush()
        self._stop_requests.forward(trainer)
        if self._deadlines.is_stalled:
            detail = "The training made no progress."
            self._outcome.end_with(messages.Error(code="STALLED", detail=detail, may_pass=True))
            trainer.kill()
        if self._deadlines.is_overdue or self._context.drain.asked > 1:
            trainer.kill()

    def _settle(self) -> None:
        """Write the outcome, after everything that is not written yet."""
        try:
            run = self._ledger.insist(self._outcome.transition(self._stop_requests.sent))
        except (errors.Fenced, LeaseLost):
            raise
        except Exception as error:  # the registry refused it, or something that was noted; nothing of it was written
            self._ledger.discard()
            self._outcome.ending = failures.explained(error, self._log)
            run = self._ledger.insist(self._outcome.transition(None))
        self._log.info("run_ended", state=run.state, error=run.error_code)
