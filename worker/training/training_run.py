"""A run of kind `train` inside the trainer: one network, from its dataset to its weights.

Long work is an iterator of the core library; this file has the loop and reports to the pipe.
"""

import dataclasses
from pathlib import Path

from sparse_coding.data import preprocessing
from sparse_coding.models import weights
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import checkpoint, loop
from worker import messages
from worker.training import materials
from worker.training.pipe import Pipe
from worker.training.progress import RunProgress

Ending = messages.Result | messages.Stopped


class TrainingRun:
    """The state of one training run."""

    def __init__(self, asked: TrainSpec, start: messages.Start, pipe: Pipe, here: messages.Hello) -> None:
        self._asked, self._start, self._pipe, self._here = asked, start, pipe, here
        dataset, _ = materials.dataset(asked.dataset.name, start, pipe)
        materials.refuse_misfit(asked, dataset)
        self._preprocessing = preprocessing.fit(asked.dataset, dataset)
        self._data = loop.load(dataset, self._preprocessing, asked, here.device)
        self._state = self._first_state()
        self._progress = RunProgress(
            start,
            pipe,
            epochs=asked.training.epochs,
            epoch=self._state.epoch,
            rows=self._rows,
            all_rows=asked.training.epochs * len(self._data.train),
        )

    def carry_out(self) -> Ending:
        """Train to the end, or until asked to stop."""
        if self._pipe.stop_request is not None:
            return messages.Stopped(request=self._pipe.stop_request)
        for event in loop.epochs(self._state, self._data, self._asked):
            if isinstance(event, loop.EpochRecord):
                self._on_epoch(event)
            self._progress.report(self._state.epoch, self._rows)
            between = not self._state.rows
            if (stopped := self._progress.stopped(self._state.epoch, self._keep, between_epochs=between)) is not None:
                return stopped
        return self._result()

    @property
    def _rows(self) -> int:
        """Rows learned from so far, counted again in every epoch."""
        return self._state.epoch * len(self._data.train) + self._state.rows

    def _first_state(self) -> loop.TrainingState:
        path = self._start.inputs.checkpoint
        if path is not None:
            return checkpoint.read(path, self._asked, self._here.device)
        return loop.start(self._asked, self._preprocessing.n_inputs, self._here.device)

    def _on_epoch(self, record: loop.EpochRecord) -> None:
        figures = dataclasses.asdict(record) | {"seconds": self._progress.lap()}
        del figures["epoch"]
        self._pipe.say(messages.Metrics(epoch=record.epoch, record=figures))
        self._progress.checkpoint_if_due(record.epoch, self._keep)

    def _keep(self, path: Path) -> None:
        checkpoint.write(path, self._state, self._asked, self._preprocessing)

    def _result(self) -> messages.Result:
        self._progress.report_end(self._rows)
        path = self._start.folder / "weights.safetensors"
        weights.write(path, self._state.autoencoder, self._asked, self._preprocessing)
        summary = loop.summary(self._state.autoencoder, self._data, self._asked) | {
            "train_seconds": self._progress.seconds,
            "rows_per_second": self._progress.rows_per_second(self._rows),
            "device": self._here.device,
            "threads": self._start.threads,
            "torch": self._here.torch,
        }
        return messages.Result(outputs=(messages.Output(role="weights", **materials.file(path)),), summary=summary)
