"""What the trainer of one attempt reports -> writes into the registry, files into the store, and the outcome."""

from collections.abc import Callable
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from registry import checkpoints, collection, datasets, run_blobs, runs
from registry.database.tables import Run
from registry.metrics import MetricRecord
from registry.stores.protocol import ArtifactStore, Stored
from worker import exits, messages
from worker.supervising.failures import FileChanged
from worker.supervising.ledger import Ledger
from worker.supervising.outcome import Outcome
from worker.supervising.trainer_process import MalformedLine, TrainerEvent


class TrainerEvents:
    """Handles the events of one trainer: `folder` has its files, `kill` ends it."""

    def __init__(
        self,
        run: Run,
        folder: Path,
        *,
        ledger: Ledger,
        artifacts: ArtifactStore,
        outcome: Outcome,
        keep_last: int,
        kill: Callable[[], None],
    ) -> None:
        self._run, self._folder, self._keep_last, self._kill = run, folder, keep_last, kill
        self._ledger, self._artifacts, self._outcome = ledger, artifacts, outcome
        self._log = structlog.get_logger().bind(run=run.id, attempt=run.attempt)

    def handle(self, event: TrainerEvent) -> None:
        """Note what has to be written. Raises FileChanged and OSError for a file that cannot be stored."""
        match event:
            case messages.Hello():
                self._on_hello(event)
            case messages.Dataset():
                self._on_dataset(event)
            case messages.Progress():
                self._ledger.note_progress(event.model_dump(exclude={"type"}))
            case messages.Metrics():
                self._ledger.note_metrics(MetricRecord(event.member, event.epoch, dict(event.record)))
            case messages.Checkpoint():
                self._on_checkpoint(event)
            case messages.Result():
                self._on_result(event)
            case messages.Stopped() | messages.Error():
                self._outcome.end_with(event)
            case MalformedLine():
                self._on_malformed_line(event)
            case messages.Forked():
                self._log.info("trainer_started", pid=event.pid)
            case messages.Exited():
                self._outcome.returncode = event.returncode

    def _on_hello(self, hello: messages.Hello) -> None:
        run, environment = self._run, hello.model_dump(exclude={"type", "protocol"})
        self._ledger.note(lambda session: runs.describe(session, run.id, run.fence, environment))
        self._log.info("trainer_ready", **environment)

    def _on_dataset(self, made: messages.Dataset) -> None:
        stored = self._store(made)
        facts = datasets.Facts(**vars(made.facts), classes=made.classes)

        def enter(session: Session) -> None:
            datasets.enter(session, name=made.name, stored=stored, facts=facts, builtin=True)
            run_blobs.attach_dataset(session, self._run.id, self._run.fence, stored.sha256)

        fields = {"dataset": made.name, "sha256": stored.sha256, "bytes": stored.bytes}
        self._ledger.note(enter, then=lambda: self._log.info("dataset_kept", **fields))
        self._outcome.dataset_digest = stored.sha256

    def _on_checkpoint(self, checkpoint: messages.Checkpoint) -> None:
        stored, run = self._store(checkpoint), self._run

        def commit(session: Session) -> None:
            checkpoints.add(session, run.id, run.fence, epoch=checkpoint.epoch, stored=stored)
            collection.prune(session, run.id, self._keep_last)

        fields = {"epoch": checkpoint.epoch, "bytes": stored.bytes}
        self._log.info("checkpoint_stored", **fields)
        self._ledger.note(commit, then=lambda: self._log.info("checkpoint_kept", **fields))

    def _on_result(self, result: messages.Result) -> None:
        outputs = [run_blobs.Output(file.role, file.member, self._store(file)) for file in result.outputs]
        self._outcome.outputs = outputs
        self._outcome.end_with(result)

    def _on_malformed_line(self, line: MalformedLine) -> None:
        detail = "The training process sent a message that the worker does not understand."
        self._outcome.end_with(messages.Error(code=exits.CRASHED, detail=detail))
        self._log.error("malformed_line", reason=line.reason)
        self._kill()

    def _store(self, file: messages.File) -> Stored:
        """Move a finished file into the store. Raises FileChanged if it is not the one that was reported."""
        stored = self._artifacts.put(self._folder / file.path)
        if stored != Stored(file.sha256, file.bytes):
            raise FileChanged
        return stored
