"""Answers that are computed once and kept: a key of everything that they depend on, and the bytes behind it.

Runs in the compute thread, one at a time, so that two requests for the same answer compute it once. Knows neither
what is computed nor how it is shown.
"""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from registry import analyses, artifacts
from registry.errors import ArtifactMissing
from service import reception, space
from service.dependencies import Rooms
from service.errors import StorageFull
from sparse_coding import datasets, spec
from sparse_coding.datasets import Dataset
from sparse_coding.weights import TrainedModel

FORMULAS_VERSION: Final = 1
"""Grows with every change of a formula or of a kept form, so that answers kept from before are not given."""

MAX_ACTIVATIONS: Final = 2**26
"""Activations that an analysis holds at a time: 256 MiB of float32."""


def kept(rooms: Rooms, kind: str, inputs: Mapping[str, Any], make: Callable[[], bytes]) -> bytes:
    """What `make` returned the first time it was asked for this kind and these inputs.

    `inputs` are JSON values: the digests of all that is read, and every parameter.
    """
    key = key_of(kind, inputs)
    with rooms.database.read() as session:
        digest = analyses.find(session, key)
    if digest is not None:
        with contextlib.suppress(ArtifactMissing):  # what was lost with a disk can be made again
            return rooms.artifacts.path(digest).read_bytes()
    content = make()
    _keep(rooms, key, kind, content)
    return content


def key_of(kind: str, inputs: Mapping[str, Any]) -> str:
    """SHA-256 over the kind, all inputs and the version of the formulas."""
    document = {"kind": kind, "formulas_version": FORMULAS_VERSION, "inputs": dict(inputs)}
    return hashlib.sha256(spec.canonical_json(document).encode()).hexdigest()


def _keep(rooms: Rooms, key: str, kind: str, content: bytes) -> None:
    """Store the answer, unless the storage is full: it can always be computed again."""
    try:
        with rooms.database.read() as session:
            space.require(session, rooms.settings.max_stored_bytes, len(content))
    except StorageFull:
        return
    _store(rooms, key, kind, content)


def _store(rooms: Rooms, key: str, kind: str, content: bytes) -> None:
    with reception.folder(rooms.uploads) as folder:
        unfinished = folder / kind
        unfinished.write_bytes(content)
        stored = rooms.artifacts.put(unfinished)
    with rooms.database.write() as session:
        artifacts.register(session, stored)
        analyses.keep(session, key, kind, stored)


def fitting(model: TrainedModel, rows: int) -> int:
    """So many of `rows` rows that their activations are at most `MAX_ACTIVATIONS`; at least one."""
    return max(1, min(rows, MAX_ACTIVATIONS // model.n_latents))


def dataset(rooms: Rooms, digest: str) -> Dataset:
    """The dataset file with this SHA-256, mapped."""
    return datasets.open(rooms.artifacts.path(digest))
