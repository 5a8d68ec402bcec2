"""A run of kind `baselines` inside the trainer: a model beside classical dictionaries, to a table and their atoms.

Long work is an iterator of the core library; this file has the loop and measures time. Interrupted, it begins anew:
it takes a minute or two, which no checkpoint is worth.
"""

import time
from typing import Any, Final

from sparse_coding.data import datasets
from sparse_coding.dictionaries import baselines
from sparse_coding.dictionaries.baselines import Entry
from sparse_coding.models import weights
from sparse_coding.specs.baselines import BaselinesSpec
from worker import messages
from worker.training import materials
from worker.training.pipe import Pipe

HUNDREDTHS: Final = 100
"""What takes the place of epochs in the progress: hundredths of each method."""

Ending = messages.Result | messages.Stopped


def carry_out(asked: BaselinesSpec, start: messages.Start, pipe: Pipe, here: messages.Hello) -> Ending:
    """One method after the other, or until asked to stop."""
    pipe.say(messages.Progress(phase="preparing"))
    assert start.inputs.model is not None, "a run of baselines is claimed with its model"
    assert start.inputs.dataset is not None, "a run of baselines is claimed with its dataset"
    model = weights.read(start.inputs.model, here.device)
    ground = baselines.load(model, datasets.open(start.inputs.dataset), asked.fit_rows)
    began = lap = time.monotonic()
    entries: list[Entry] = []
    documents: list[dict[str, Any]] = []
    for event in baselines.compare(ground, asked.methods, iterations=asked.iterations, seed=asked.seed):
        if pipe.stop_request is not None:
            return messages.Stopped(request=pipe.stop_request)
        if isinstance(event, Entry):
            now = time.monotonic()
            entries.append(event)
            documents.append(event.document() | {"seconds": now - lap})
            lap = now
        else:
            done = HUNDREDTHS * asked.methods.index(event.method) if event.method in asked.methods else 0
            done += HUNDREDTHS * event.step // event.steps
            pipe.say(messages.Progress(phase="training", epoch=done, epochs=HUNDREDTHS * len(asked.methods)))
    whole = HUNDREDTHS * len(asked.methods)
    pipe.say(messages.Progress(phase="finishing", epoch=whole, epochs=whole))
    path = start.folder / "atoms.safetensors"
    baselines.write(path, ground, entries)
    summary = baselines.summary(ground, documents) | {
        "model": asked.model,
        "train_seconds": time.monotonic() - began,
        "device": here.device,
        "threads": start.threads,
        "torch": here.torch,
    }
    return messages.Result(outputs=(messages.Output(role="atoms", **materials.file(path)),), summary=summary)
