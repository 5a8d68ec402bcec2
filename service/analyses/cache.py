"""Results of analyses, stored under their keys: looked up in one thread, computed once in another.

What is cached is read in the interactive thread. What is not is computed in the batch thread, one analysis at a time,
which looks again before it computes: equal requests at the same time compute a result once.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from fastapi import Request

from registry import analyses as registered
from registry import artifacts
from registry.errors import ArtifactMissing
from service import space
from service.analyses.analysis import Analysis
from service.errors import StorageFull
from service.http import reception
from service.state import AppState
from service.storage import Storage

P = ParamSpec("P")
T = TypeVar("T")


async def result(
    request: Request, app_state: AppState, plan: Callable[P, Analysis[T]], *args: P.args, **kwargs: P.kwargs
) -> T:
    """The result of the analysis that `plan` describes.

    `plan` runs in the interactive thread and may open files. Raises what it raises, and what `Compute.run` raises.
    """
    return (await results(request, app_state, lambda: [plan(*args, **kwargs)]))[0]


async def results(request: Request, app_state: AppState, plan: Callable[[], Sequence[Analysis[T]]]) -> list[T]:
    """The results of several analyses in their order; those that are not cached are computed one after the other."""

    def looked_up() -> tuple[Sequence[Analysis[T]], list[T | None]]:
        planned = plan()
        return planned, [find(app_state, analysis) for analysis in planned]

    planned, found = await app_state.interactive.run(request, looked_up)
    known = [each for each in found if each is not None]
    if len(known) == len(found):
        return known
    return await app_state.batch.run(request, lambda: [run_cached(app_state, analysis) for analysis in planned])


def run_cached(storage: Storage, analysis: Analysis[T]) -> T:
    """The cached result; else it is computed and stored."""
    found = find(storage, analysis)
    if found is not None:
        return found
    made = analysis.make()
    _store(storage, analysis, analysis.form.dump(made))
    return made


def find(storage: Storage, analysis: Analysis[T]) -> T | None:
    """The cached result; None where there is none, or its file is missing."""
    with storage.database.read() as session:
        digest = registered.find(session, analysis.key)
    if digest is None:
        return None
    with contextlib.suppress(ArtifactMissing, FileNotFoundError):  # deleted or just collected: it can be made again
        return analysis.form.load(storage.artifacts.path(digest).read_bytes())
    return None


def _store(storage: Storage, analysis: Analysis[T], content: bytes) -> None:
    """Store the result, unless the storage is full: it can always be computed again."""
    try:
        with storage.database.read() as session:
            space.require(session, storage.settings.max_stored_bytes, len(content))
        _write(storage, analysis, content)
    except StorageFull:
        return
    except OSError as error:
        if space.shortage(error) is None:
            raise


def _write(storage: Storage, analysis: Analysis[T], content: bytes) -> None:
    with reception.folder(storage.uploads) as folder:
        unfinished = folder / analysis.kind
        unfinished.write_bytes(content)
        stored = storage.artifacts.put(unfinished)
    with storage.database.write() as session:
        artifacts.register(session, stored)
        registered.keep(session, analysis.key, analysis.kind, stored)
