"""One run inside the trainer: from the order to start to its last message. The one file of this room that knows torch.

Has no database. Long work is the workshop's iterator; this file holds the `for`, keeps the time, and tells the pipe.
"""

import dataclasses
import hashlib
import importlib
import platform
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch

from sparse_coding import checkpoint, datasets, errors, preprocessing, spec, training, weights
from sparse_coding.datasets import Dataset
from worker import messages
from worker.pipe import Pipe

SAY_SECONDS: Final = 0.5
"""Least time between two messages of progress."""

OUT_OF_MEMORY: Final = "OUT_OF_MEMORY"

Ending = messages.Result | messages.Stopped | messages.Error


def hello(device: Literal["auto", "cpu", "cuda"]) -> messages.Hello:
    """What `device` means here. Raises SpecDoesNotFit for a CUDA that is missing."""
    chosen = training.device_for(device)
    return messages.Hello(
        torch=torch.__version__,
        device="cuda" if chosen.type == "cuda" else "cpu",
        device_name=torch.cuda.get_device_name() if chosen.type == "cuda" else _processor(),
        threads=torch.get_num_threads(),
    )


def _processor() -> str:
    return platform.processor() or platform.machine()


def carry_out(start: messages.Start, pipe: Pipe) -> Ending:
    """The run's last message. What the workshop refuses is an error for the run's owner; a bug passes through."""
    torch.set_num_threads(start.threads)
    try:
        here = hello(start.device)
        pipe.say(here)
        asked = spec.parse(start.spec)
        if isinstance(asked, spec.ImportSpec):
            return _bring_in(asked, start, pipe)
        return _Training(asked, start, pipe, here).carry_out()
    except errors.SparseCodingError as error:
        return messages.Error(code=error.code, detail=str(error), may_pass=error.may_pass)
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        traceback.print_exc()
        return messages.Error(code=OUT_OF_MEMORY, detail="The run does not fit into the memory here.", may_pass=True)


def _bring_in(asked: spec.ImportSpec, start: messages.Start, pipe: Pipe) -> messages.Result:
    dataset, digest = _dataset(asked.dataset, start, pipe)
    if start.inputs.dataset is not None:
        digest = _digest(start.inputs.dataset)
    rows = {"train_rows": dataset.facts.train_rows, "test_rows": dataset.facts.test_rows}
    return messages.Result(summary={"dataset": asked.dataset, "digest": digest, **rows})


def _dataset(name: str, start: messages.Start, pipe: Pipe) -> tuple[Dataset, str | None]:
    """The run's dataset. A built-in that is not in the archive yet is made here and reported; then its digest, too."""
    pipe.say(messages.Progress(phase="preparing"))
    if start.inputs.dataset is not None:
        return datasets.open(start.inputs.dataset), None
    # loads scikit-learn and torchvision, which takes longer than torch itself, and most runs find their dataset made
    path = importlib.import_module("sparse_coding.builtin_datasets").materialise(name, start.folder, start.sources)
    dataset = datasets.open(path)  # before it is reported: the file is moved away then, but stays mapped
    made = messages.Dataset(name=name, facts=dataset.facts, classes=dataset.classes, **_file(path))
    pipe.say(made)
    return dataset, made.sha256


@dataclass
class _Pace:
    """How fast rows go by in this attempt. `epoch` counts finished epochs, as everywhere."""

    rows_per_epoch: int
    epochs: int
    first_epoch: int
    began: float = field(default_factory=time.monotonic)

    def rows_per_second(self, epoch: int, rows: int = 0) -> float:
        done = (epoch - self.first_epoch) * self.rows_per_epoch + rows
        return done / max(time.monotonic() - self.began, 1e-9)

    def progress(self, epoch: int, rows: int) -> messages.Progress:
        speed = self.rows_per_second(epoch, rows)
        left = (self.epochs - epoch) * self.rows_per_epoch - rows
        eta = left / speed if speed else None
        return messages.Progress(
            phase="training", epoch=epoch, epochs=self.epochs, rows_per_second=speed, eta_seconds=eta
        )


class _Training:
    """The state of one training run."""

    def __init__(self, asked: spec.TrainSpec, start: messages.Start, pipe: Pipe, here: messages.Hello) -> None:
        self._asked, self._start, self._pipe, self._here = asked, start, pipe, here
        dataset, _ = _dataset(asked.dataset.name, start, pipe)
        _refuse_misfit(asked, dataset)
        self._preprocessing = preprocessing.fit(asked.dataset, dataset)
        self._data = training.load(dataset, self._preprocessing, asked, here.device)
        self._state = self._first_state()
        self._pace = _Pace(len(self._data.train), asked.training.epochs, self._state.epoch)
        self._epoch_began = self._pace.began
        self._kept_at, self._kept_epoch = self._pace.began, self._state.epoch
        self._said_at = 0.0
        self._seconds = start.seconds_before

    def carry_out(self) -> Ending:
        """Train to the end, or until asked to stop."""
        if self._pipe.wish is not None:
            return messages.Stopped(wish=self._pipe.wish)
        for event in training.epochs(self._state, self._data, self._asked):
            if isinstance(event, training.EpochRecord):
                self._on_epoch(event)
            self._say_progress()
            if (stopped := self._stopped()) is not None:
                return stopped
        return self._result()

    def _first_state(self) -> training.TrainingState:
        path = self._start.inputs.checkpoint
        if path is not None:
            return checkpoint.read(path, self._asked, self._here.device)
        return training.start(self._asked, self._preprocessing.n_inputs, self._here.device)

    def _say_progress(self) -> None:
        if time.monotonic() - self._said_at >= SAY_SECONDS:
            self._said_at = time.monotonic()
            self._pipe.say(self._pace.progress(self._state.epoch, self._state.rows))

    def _on_epoch(self, record: training.EpochRecord) -> None:
        now = time.monotonic()
        seconds, self._epoch_began = now - self._epoch_began, now
        self._seconds += seconds
        figures = dataclasses.asdict(record) | {"seconds": seconds}
        del figures["epoch"]
        self._pipe.say(messages.Metrics(epoch=record.epoch, record=figures))
        wanted = self._pipe.checkpoint_wanted or now - self._kept_at >= self._start.checkpoint_seconds
        if wanted and not self._is_last:
            self._keep_checkpoint()

    @property
    def _is_last(self) -> bool:
        """Whether all epochs are done: then the weights are next, and a stop comes too late."""
        return self._state.epoch == self._asked.training.epochs

    def _stopped(self) -> messages.Stopped | None:
        """The end that was asked for, if this is a place for it.

        A cancelled run stops at any pulse: what it learned since its last checkpoint is not wanted. The others have
        to go on where they stopped, and that is only possible between two epochs.
        """
        wish = self._pipe.wish
        if wish is None or self._is_last or (wish != "cancel" and self._state.rows):
            return None
        if wish != "cancel" and self._state.epoch > self._kept_epoch:
            self._keep_checkpoint()
        return messages.Stopped(wish=wish)

    def _keep_checkpoint(self) -> None:
        path = self._start.folder / f"checkpoint-{self._state.epoch}.safetensors"
        checkpoint.write(path, self._state, self._asked, self._preprocessing)
        self._pipe.say(messages.Checkpoint(epoch=self._state.epoch, **_file(path)))
        self._pipe.checkpoint_wanted = False
        self._kept_at, self._kept_epoch = time.monotonic(), self._state.epoch

    def _result(self) -> messages.Result:
        epochs = self._asked.training.epochs
        speed = self._pace.rows_per_second(epochs)
        self._pipe.say(
            messages.Progress(phase="finishing", epoch=epochs, epochs=epochs, rows_per_second=speed, eta_seconds=0)
        )
        path = self._start.folder / "weights.safetensors"
        weights.write(path, self._state.autoencoder, self._asked, self._preprocessing)
        summary = training.summary(self._state, self._data, self._asked) | {
            "train_seconds": self._seconds,
            "rows_per_second": speed,
            "device": self._here.device,
            "threads": self._start.threads,
            "torch": self._here.torch,
        }
        return messages.Result(outputs=(messages.Output(role="weights", **_file(path)),), summary=summary)


def _refuse_misfit(asked: spec.TrainSpec, dataset: Dataset) -> None:
    """The front door has judged the spec, but a built-in's facts are those of its catalogue until it is made."""
    reasons = [f"{objection.pointer} {objection.detail}" for objection in spec.objections(asked, dataset.facts)]
    if reasons:
        raise errors.SpecDoesNotFit("; ".join(reasons))


def _file(path: Path) -> dict[str, Any]:
    """The fields of a `messages.File`."""
    return {"path": path.name, "sha256": _digest(path), "bytes": path.stat().st_size}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_shortage(error: Exception) -> bool:
    """torch's allocator for the CPU has no error class of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
