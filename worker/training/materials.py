"""What a run is made from and leaves behind: its dataset opened, and its files described for the pipe.

Knows no training. A built-in dataset that has not been imported yet is made here and reported.
"""

import hashlib
from pathlib import Path
from typing import Any

from sparse_coding import data, errors
from sparse_coding.data import datasets
from sparse_coding.data.datasets import Dataset
from sparse_coding.specs import feasibility
from sparse_coding.specs.training import TrainSpec
from worker import messages
from worker.training.pipe import Pipe


def dataset(name: str, start: messages.Start, pipe: Pipe) -> tuple[Dataset, str | None]:
    """The run's dataset; with its digest if it was made here."""
    pipe.say(messages.Progress(phase="preparing"))
    if start.inputs.dataset is not None:
        return datasets.open(start.inputs.dataset), None
    path = data.builtin_datasets.materialise(name, start.folder, start.sources)
    opened = datasets.open(path)  # before it is reported: the file is moved away then, but stays mapped
    made = messages.Dataset(name=name, facts=opened.facts, classes=opened.classes, **file(path))
    pipe.say(made)
    return opened, made.sha256


def refuse_misfit(asked: TrainSpec, opened: Dataset) -> None:
    """The API has validated the spec, but only with the catalogue's facts of a dataset that is not imported yet.

    Raises `SpecDoesNotFit`.
    """
    reasons = [f"{objection.pointer} {objection.detail}" for objection in feasibility.objections(asked, opened.facts)]
    if reasons:
        raise errors.SpecDoesNotFit("; ".join(reasons))


def file(path: Path) -> dict[str, Any]:
    """The fields of a `messages.File`."""
    return {"path": path.name, "sha256": digest(path), "bytes": path.stat().st_size}


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
