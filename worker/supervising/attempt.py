"""One attempt at one run: from the claim to its outcome in the registry.

It follows the trainer, which has torch, and writes to the registry, which the trainer does not know. It has no torch.
"""

import math
import queue
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import structlog
from sqlalchemy.orm import Session

from registry import checkpoints, collection, datasets, errors, models, run_blobs, runs
from registry.database.sessions import Database
from registry.database.tables import Run
from registry.metrics import MetricRecord
from registry.stores.protocol import ArtifactStore, Stored
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.runs import AnySpec
from worker import exits, messages
from worker.settings import WorkerSettings
from worker.supervising import preparation, publication
from worker.supervising.devices import Devices
from worker.supervising.drain import Drain
from worker.supervising.fork_server import ForkServer
from worker.supervising.lease import Lease, LeaseLost
from worker.supervising.ledger import Ledger
from worker.supervising.trainer_process import MalformedLine, TrainerEvent, TrainerProcess

TICK_SECONDS: Final = 0.2
"""How long the supervisor waits for a message before it checks everything else."""

CANCEL_SECONDS: Final = 1.0
"""How long a trainer may take to stop after a cancel, when its further messages are not needed."""

_URGENCY: Final[Mapping[messages.StopRequest, int]] = {"pause": 0, "release": 1, "cancel": 2}

Ending = messages.Result | messages.Stopped | messages.Error


class FileChanged(Exception):
    """A file is not the one that the trainer reported."""


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
    """The state of one attempt by this worker."""

    def __init__(self, context: WorkerContext, run: Run, claimed_at: float) -> None:
        self._context, self._run = context, run
        self._folder: Path = context.settings.work_dir / f"{run.id}-{run.fence}"
        self._lease = Lease(
            context.lease_database,
            run.id,
            run.fence,
            claimed_at=claimed_at,
            lease_seconds=context.settings.lease_seconds,
            renew_seconds=context.settings.renew_seconds,
            margin_seconds=context.settings.lease_margin_seconds,
            on_lost=self.kill,
        )
        self._ledger = Ledger(
            context.database, self._lease, run.id, run.fence, write_seconds=context.settings.write_seconds
        )
        self._inbox: queue.SimpleQueue[TrainerEvent] = queue.SimpleQueue()
        self._trainer: TrainerProcess | None = None
        self._returncode: int | None = None
        self._ending: Ending | None = None
        self._asked: AnySpec | None = None
        self._dataset_digest: str | None = None
        self._outputs: list[run_blobs.Output] = []
        self._stop_request: messages.StopRequest | None = None
        self._last_message_at = self._polled_at = time.monotonic()
        self._kill_at = math.inf
        self._log = structlog.get_logger().bind(run=run.id, attempt=run.attempt)

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
            self._start()
            while self._returncode is None:
                self._listen()
                self._look_around()
        except (errors.Fenced, LeaseLost):
            raise
        except Exception as error:
            self._ledger.stop_request()  # raises Fenced: errors do not matter if another worker has the run
            self._end_with(self._explained(error))
        finally:
            if self._trainer is not None:
                self._trainer.close()

    def _start(self) -> None:
        context = self._context
        asked = preparation.parsed(self._run)
        inputs = self._ledger.insist(lambda session: preparation.inputs(session, context.artifacts, self._run))
        self._asked, self._dataset_digest = asked, inputs.dataset_digest
        self._folder.mkdir(parents=True)
        self._trainer = TrainerProcess(self._inbox, context.server)
        self._trainer.send(
            messages.Start(
                run_id=self._run.id,
                fence=self._run.fence,
                spec=run_specs.document(asked),
                inputs=inputs.paths,
                folder=self._folder,
                sources=context.settings.sources_dir,
                device=context.devices.for_run(preparation.device(asked)),
                threads=context.threads,
                checkpoint_seconds=context.settings.checkpoint_seconds,
                seconds_before=inputs.seconds_before,
            )
        )

    def _listen(self) -> None:
        try:
            event = self._inbox.get(timeout=TICK_SECONDS)
        except queue.Empty:
            return
        self._last_message_at = time.monotonic()
        match event:
            case messages.Hello():
                self._on_hello(event)
            case messages.Dataset():
                self._on_dataset(event)
            case messages.Progress():
                self._on_progress(event)
            case messages.Metrics():
                self._on_metrics(event)
            case messages.Checkpoint():
                self._on_checkpoint(event)
            case messages.Result():
                self._on_result(event)
            case messages.Stopped() | messages.Error():
                self._end_with(event)
            case MalformedLine():
                self._on_malformed_line(event)
            case messages.Forked():
                self._log.info("trainer_started", pid=event.pid)
            case messages.Exited():
                self._returncode = event.returncode

    def _on_hello(self, hello: messages.Hello) -> None:
        run, environment = self._run, hello.model_dump(exclude={"type", "protocol"})
        self._ledger.note(lambda session: runs.describe(session, run.id, run.fence, environment))
        self._log.info("trainer_ready", **environment)

    def _on_dataset(self, made: messages.Dataset) -> None:
        stored = self._adopt(made)
        facts = datasets.Facts(**vars(made.facts), classes=made.classes)

        def enter(session: Session) -> None:
            datasets.enter(session, name=made.name, stored=stored, facts=facts, builtin=True)
            run_blobs.attach_dataset(session, self._run.id, self._run.fence, stored.sha256)

        kept = {"dataset": made.name, "sha256": stored.sha256, "bytes": stored.bytes}
        self._ledger.note(enter, then=lambda: self._log.info("dataset_kept", **kept))
        self._dataset_digest = stored.sha256

    def _on_progress(self, progress: messages.Progress) -> None:
        self._ledger.note_progress(progress.model_dump(exclude={"type"}))

    def _on_metrics(self, metrics: messages.Metrics) -> None:
        self._ledger.note_metrics(MetricRecord(metrics.member, metrics.epoch, dict(metrics.record)))

    def _on_checkpoint(self, checkpoint: messages.Checkpoint) -> None:
        stored = self._adopt(checkpoint)
        run, keep_last = self._run, self._context.settings.keep_last

        def commit(session: Session) -> None:
            checkpoints.add(session, run.id, run.fence, epoch=checkpoint.epoch, stored=stored)
            collection.prune(session, run.id, keep_last)

        fields = {"epoch": checkpoint.epoch, "bytes": stored.bytes}
        self._log.info("checkpoint_stored", **fields)
        self._ledger.note(commit, then=lambda: self._log.info("checkpoint_kept", **fields))

    def _on_result(self, result: messages.Result) -> None:
        self._outputs = [run_blobs.Output(file.role, file.member, self._adopt(file)) for file in result.outputs]
        self._end_with(result)

    def _on_malformed_line(self, line: MalformedLine) -> None:
        detail = "The training process sent a message that the worker does not understand."
        self._end_with(messages.Error(code=exits.CRASHED, detail=detail))
        self._log.error("malformed_line", reason=line.reason)
        self.kill()

    def _end_with(self, ending: Ending) -> None:
        """The first ending counts; what comes after it only has to end soon."""
        self._ending = self._ending or ending
        self._kill_at = min(self._kill_at, time.monotonic() + self._context.settings.exit_seconds)

    def _look_around(self) -> None:
        """Check everything that does not come from the trainer."""
        self._lease.check()
        self._ledger.flush()
        self._look_for_stop_request()
        now = time.monotonic()
        if now - self._last_message_at > self._context.settings.stall_seconds:
            self._end_with(messages.Error(code="STALLED", detail="The training made no progress.", may_pass=True))
            self.kill()
        if now > self._kill_at or self._context.drain.asked > 1:
            self.kill()

    def _look_for_stop_request(self) -> None:
        if self._context.drain.asked:
            self._ask_to_stop("release")
        now = time.monotonic()
        if now - self._polled_at >= self._context.settings.poll_seconds:
            self._polled_at = now
            request = self._ledger.stop_request() or self._lease.stop_request
            if request is not None:
                self._ask_to_stop(cast(messages.StopRequest, request))  # the table's CHECK allows no other

    def _ask_to_stop(self, request: messages.StopRequest) -> None:
        """Send a stop request, unless one that is at least as urgent was sent before.

        A pause waits for the end of the epoch, so that nothing is lost; a worker that exits gives its own grace time; a
        cancel gives a second.
        """
        if self._trainer is None or (
            self._stop_request is not None and _URGENCY[request] <= _URGENCY[self._stop_request]
        ):
            return
        self._stop_request = request
        grace = self._context.settings.grace_seconds
        limits = {"cancel": CANCEL_SECONDS, "release": grace, "pause": math.inf}
        self._kill_at = min(self._kill_at, time.monotonic() + limits[request])
        self._trainer.send(messages.Stop(request=request))
        self._log.info("trainer_asked_to_stop", request=request)

    def _adopt(self, file: messages.File) -> Stored:
        """Move a finished file into the store. Raises FileChanged if it is not the one that was reported."""
        stored = self._context.artifacts.put(self._folder / file.path)
        if stored != Stored(file.sha256, file.bytes):
            raise FileChanged
        return stored

    def _explained(self, error: Exception) -> messages.Error:
        """An error on this side of the pipe, as the run's owner may read it."""
        if isinstance(error, errors.RegistryError):
            return messages.Error(code=error.code, detail=str(error), may_pass=error.may_pass)
        if isinstance(error, preparation.SpecNotUnderstood):
            return messages.Error(code="SPEC_NOT_UNDERSTOOD", detail=str(error), may_pass=error.may_pass)
        self._log.exception("attempt_failed")
        if isinstance(error, OSError | FileChanged):
            return exits.storage(error)
        return messages.Error(code="INTERNAL_ERROR", detail="The worker failed unexpectedly; its log says where.")

    def _settle(self) -> None:
        """Write the outcome, after everything that is not written yet."""
        try:
            run = self._ledger.insist(self._outcome())
        except (errors.Fenced, LeaseLost):
            raise
        except Exception as error:  # the registry refused it, or something that was noted; nothing of it was written
            self._ledger.discard()
            self._ending, self._stop_request = self._explained(error), None
            run = self._ledger.insist(self._outcome())
        self._log.info("run_ended", state=run.state, error=run.error_code)

    def _outcome(self) -> Callable[[Session], Run]:
        run_id, fence = self._run.id, self._run.fence
        ending = self._ending
        if isinstance(ending, messages.Result):
            result, outputs, publications = ending.summary, self._outputs, self._publications(ending)
            return lambda session: runs.succeed(
                session, run_id, fence, result=result, outputs=outputs, publish=publications
            )
        if self._stop_request == "cancel" or (self._stop_request == "pause" and isinstance(ending, messages.Stopped)):
            return lambda session: runs.acknowledge_stop(session, run_id, fence)
        if ending is None and self._stop_request != "release":  # else this worker killed it
            assert self._returncode is not None
            ending = exits.verdict(self._returncode)
        if isinstance(ending, messages.Error):
            error = ending
            return lambda session: runs.fail(
                session, run_id, fence, code=error.code, detail=error.detail, may_pass=error.may_pass
            )
        return lambda session: runs.release(session, run_id, fence)

    def _publications(self, result: messages.Result) -> list[models.Publication]:
        """What the run publishes: a model for each weights file. Only training makes such files."""
        digest = self._dataset_digest
        assert self._asked is not None
        made = {output.member: output.stored for output in self._outputs if output.role == "weights"}
        return [
            models.Publication(
                name=str(learned.spec.name),
                member=learned.number,
                spec=run_specs.document(learned.spec),
                spec_version=run_specs.SPEC_VERSION,
                result=learned.result,
                weights=made[learned.number],
                dataset_name=learned.spec.dataset.name,
                dataset_digest=str(digest),
            )
            for learned in publication.learned(self._asked, result.summary)
            if learned.number in made
        ]
