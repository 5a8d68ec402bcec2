"""A run of kind `baselines` inside the trainer: a model beside classical dictionaries, to a table and their atoms.

Long work is the workshop's iterator; this file holds the `for` and keeps the time. Interrupted, it begins anew:
it takes a minute or two, which no checkpoint is worth.
"""

import time
from collections.abc import Sequence
from typing import Any

from sparse_coding import atom_files, baselines, datasets, spec, weights
from sparse_coding.atom_files import Atoms
from sparse_coding.baselines import Entry
from worker import materials, messages
from worker.pipe import Pipe

Ending = messages.Result | messages.Stopped


def carry_out(asked: spec.BaselinesSpec, start: messages.Start, pipe: Pipe, here: messages.Hello) -> Ending:
    """One method after the other, or until asked to stop."""
    pipe.say(messages.Progress(phase="preparing"))
    assert start.inputs.model is not None, "a run of baselines is claimed with its model"
    assert start.inputs.dataset is not None, "a run of baselines is claimed with its dataset"
    model = weights.read(start.inputs.model, here.device)
    ground = baselines.load(model, datasets.open(start.inputs.dataset), asked.fit_rows)
    began = lap = time.monotonic()
    entries: list[Entry] = []
    documents: list[dict[str, Any]] = []
    for event in baselines.contest(ground, asked.methods, iterations=asked.iterations, seed=asked.seed):
        if pipe.wish is not None:
            return messages.Stopped(wish=pipe.wish)
        if isinstance(event, Entry):
            now = time.monotonic()
            entries.append(event)
            documents.append(event.document() | {"seconds": now - lap})
            lap = now
        else:
            pipe.say(messages.Progress(phase="training", epoch=event.step, epochs=event.steps))
    pipe.say(messages.Progress(phase="finishing", epoch=1, epochs=1))
    path = start.folder / "atoms.safetensors"
    atom_files.write(
        path, _dictionaries(entries), image_shape=model.preprocessing.image_shape, n_latents=model.n_latents
    )
    summary = baselines.summary(ground, documents) | {
        "model": asked.model,
        "train_seconds": time.monotonic() - began,
        "device": here.device,
        "threads": start.threads,
        "torch": here.torch,
    }
    return messages.Result(outputs=(messages.Output(role="atoms", **materials.file(path)),), summary=summary)


def _dictionaries(entries: Sequence[Entry]) -> dict[str, Atoms]:
    """Of each method its atoms; a truncated code has those of the full one."""
    found = {entry.method: entry.dictionary for entry in entries if entry.dictionary is not None}
    return {method: atoms for method, atoms in found.items() if not method.endswith(".truncated")}
