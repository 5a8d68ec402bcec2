"""Answers that are computed once and kept: a key of everything that they depend on, and the bytes behind it.

What is kept is looked up in the thread for quick things, and what is not is computed in the one for slow things, one at
a time, so that two requests for the same answer compute it once. Knows neither what is computed nor how it is shown.
"""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, TypeVar

from fastapi import Request

from registry import analyses, artifacts
from registry.errors import ArtifactMissing
from service import space
from service.errors import StorageFull
from service.http import reception
from service.state import AppState
from sparse_coding.data import datasets
from sparse_coding.data.datasets import Dataset
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs import runs as run_specs

P = ParamSpec("P")
T = TypeVar("T")

FORMULAS_VERSION: Final = 2
"""Grows with every change of a formula or of a kept form, so that answers kept from before are not given."""

MAX_ACTIVATIONS: Final = 2**26
"""Activations that an analysis holds at a time: 256 MiB of float32."""


_look_up_only: Final[ContextVar[bool]] = ContextVar("look_up_only", default=False)


class _NotKept(Exception):
    """Somebody has to compute it."""


async def answer(
    request: Request, app_state: AppState, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """What `function` makes of answers that are `kept`: at once if all are there, else when they are computed.

    It may be begun twice, so it must do nothing that cannot be done again. Raises what `Compute.run` raises.
    """

    def work() -> T:
        return function(*args, **kwargs)

    try:
        return await app_state.interactive.run(request, lambda: _looked_up(work))
    except _NotKept:
        return await app_state.batch.run(request, work)


def _looked_up(work: Callable[[], T]) -> T:
    token = _look_up_only.set(True)
    try:
        return work()
    finally:
        _look_up_only.reset(token)


def kept(app_state: AppState, kind: str, inputs: Mapping[str, Any], make: Callable[[], bytes]) -> bytes:
    """What `make` returned the first time it was asked for this kind and these inputs.

    `inputs` are JSON values: the digests of all that is read, and every parameter.
    """
    key = key_of(kind, inputs)
    with app_state.database.read() as session:
        digest = analyses.find(session, key)
    if digest is not None:
        with contextlib.suppress(ArtifactMissing, FileNotFoundError):  # lost, or just collected: it can be made again
            return app_state.artifacts.path(digest).read_bytes()
    if _look_up_only.get():
        raise _NotKept
    content = make()
    _keep(app_state, key, kind, content)
    return content


def key_of(kind: str, inputs: Mapping[str, Any]) -> str:
    """SHA-256 over the kind, all inputs and the version of the formulas."""
    document = {"kind": kind, "formulas_version": FORMULAS_VERSION, "inputs": dict(inputs)}
    return hashlib.sha256(run_specs.canonical_json(document).encode()).hexdigest()


def _keep(app_state: AppState, key: str, kind: str, content: bytes) -> None:
    """Store the answer, unless the storage is full: it can always be computed again."""
    try:
        with app_state.database.read() as session:
            space.require(session, app_state.settings.max_stored_bytes, len(content))
        _store(app_state, key, kind, content)
    except StorageFull:
        return
    except OSError as error:
        if space.shortage(error) is None:
            raise


def _store(app_state: AppState, key: str, kind: str, content: bytes) -> None:
    with reception.folder(app_state.uploads) as folder:
        unfinished = folder / kind
        unfinished.write_bytes(content)
        stored = app_state.artifacts.put(unfinished)
    with app_state.database.write() as session:
        artifacts.register(session, stored)
        analyses.keep(session, key, kind, stored)


def fitting(model: TrainedModel, rows: int) -> int:
    """So many of `rows` rows that their activations are at most `MAX_ACTIVATIONS`; at least one."""
    return max(1, min(rows, MAX_ACTIVATIONS // model.n_latents))


def dataset(app_state: AppState, digest: str) -> Dataset:
    """The dataset file with this SHA-256, mapped."""
    return datasets.open(app_state.artifacts.path(digest))
