"""Garbage collection: old checkpoints and cached results, unreferenced blobs, orphaned files.

Rows are deleted before files. Each is checked again while it cannot change: a row under its lock, a file under the
store's lock. A blob that is stored again meanwhile has a new time, and stays.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Row, Select, case, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session

from registry import artifacts
from registry.database.clock import milliseconds, now_ms
from registry.database.sessions import Database
from registry.database.tables import LIVE, Analysis, Artifact, Checkpoint, Run, RunMetric
from registry.errors import UnsuitableDatabase
from registry.settings import RegistrySettings
from registry.stores.protocol import ArtifactStore, Idle

BATCH: Final = 100
"""Rows per transaction, and files deleted under one lock."""
FIGURE: Final = "test_mse"
"""The field of a metrics record that decides which checkpoint is the best: the smallest value of any member."""
UNUSED: Final = "unreferenced"
ORPHANED: Final = "the database has no record of it"
ANSWER: Final = "an old cached result, which is recomputed on the next request"

_DAY: Final = 86_400.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Gone:
    """A file that was, or would be, deleted from the store, and why."""

    name: str
    bytes: int
    why: str


@dataclass(frozen=True)
class Rules:
    """What is kept although it is not in use."""

    keep_last: int
    """Newest checkpoints kept of an unfinished run; a finished one keeps its last. Both keep their best. 0: all."""
    seconds: float
    """How long an unreferenced blob or file is kept after its last use."""
    answers: float | None = None
    """How many seconds a cached result is kept; None: for ever. Its row does not record what it was computed from."""


def rules(settings: RegistrySettings) -> Rules:
    """The rules of these settings."""
    return Rules(settings.keep_last, settings.unused_seconds, settings.keep_answers_days * _DAY)


def prune(session: Session, run_id: str, keep_last: int) -> list[str]:
    """Delete the run's superseded checkpoints; returns their digests. The caller must have locked the run's row.

    The newest `keep_last` (of a finished run: the last one) and the best by held-out mse are kept; 0 keeps all.
    """
    rows = session.execute(_superseded(keep_last, run_id)).all() if keep_last else []
    epochs = [row.epoch for row in rows]
    session.execute(delete(Checkpoint).where(Checkpoint.run_id == run_id, Checkpoint.epoch.in_(epochs)))
    return [row.sha256 for row in rows]


def collect(database: Database, store: ArtifactStore, rules: Rules, *, orphaned: bool = False) -> Iterator[Gone]:
    """Delete what is not in use, in small transactions; yields every deleted file.

    Orphaned files are deleted only with `orphaned`, because they may belong to another database. Raises StoreBusy, and
    UnsuitableDatabase if there are files but the database has no record of any.
    """
    if orphaned:
        _require_matching_database(database, store, rules.seconds)
    reasons = _prune_all(database, rules.keep_last) | _delete_old_results(database, rules.answers)
    store.require_free()
    while unused := _delete_unused(database, rules.seconds):
        for gone in store.clear(unused, rules.seconds):
            yield Gone(gone.name, gone.bytes, reasons.get(gone.name, UNUSED))
    if orphaned:
        for batch in _batches(_orphans(database, store, rules.seconds)):
            for gone in store.clear([found.name for found in batch], rules.seconds):
                yield Gone(gone.name, gone.bytes, ORPHANED)


def survey(database: Database, store: ArtifactStore, rules: Rules) -> Iterator[Gone]:
    """List what `collect` would delete with `orphaned`; changes nothing. Raises UnsuitableDatabase."""
    _require_matching_database(database, store, rules.seconds)
    with database.read() as session:
        rows = session.execute(_superseded(rules.keep_last)).all() if rules.keep_last else []
        reasons = {row.sha256: _reason(row) for row in rows}
        if rules.answers is not None:
            answers = session.scalars(select(Analysis.sha256).where(_older(rules.answers)))
            reasons |= dict.fromkeys(answers, ANSWER)
        unused = session.execute(_unused(rules.seconds, rules.keep_last, rules.answers)).all()
    whys = {row.sha256: reasons.get(row.sha256, UNUSED) for row in unused}
    for batch in _batches(store.idle(rules.seconds)):
        known = _known(database, batch)
        for found in batch:
            if found.name in whys or found.name not in known:
                yield Gone(found.name, found.bytes, whys.get(found.name, ORPHANED))


def _prune_all(database: Database, keep_last: int) -> dict[str, str]:
    """Prune every run in its own transaction; returns the digests of the deleted rows and the reasons."""
    if not keep_last:
        return {}
    with database.read() as session:
        rows = session.execute(_superseded(keep_last)).all()
    for run_id in sorted({row.run_id for row in rows}):
        with database.write() as session:
            session.scalar(select(Run.id).where(Run.id == run_id).with_for_update())
            prune(session, run_id, keep_last)
    return {row.sha256: _reason(row) for row in rows}


def _delete_old_results(database: Database, seconds: float | None) -> dict[str, str]:
    """Delete cached results of this age in batches; returns the digests of the deleted rows and the reasons."""
    if seconds is None:
        return {}
    expired = select(Analysis.key).where(_older(seconds)).limit(BATCH)
    deletion = delete(Analysis).where(Analysis.key.in_(expired)).returning(Analysis.sha256)
    gone: list[str] = []
    while True:
        with database.write() as session:
            batch = session.scalars(deletion, execution_options={"synchronize_session": False}).all()
        if not batch:
            return dict.fromkeys(gone, ANSWER)
        gone.extend(batch)


def _older(seconds: float) -> ColumnElement[bool]:
    return Analysis.created_at < now_ms() - milliseconds(seconds)


def _delete_unused(database: Database, seconds: float) -> list[str]:
    """Delete a batch of unreferenced rows; returns their digests.

    A row is locked, then checked again by a statement that sees everything committed before the lock. Until the commit
    no reference to it can be added: a transaction that registers the blob waits, and then finds no row.
    """
    with database.write() as session:
        lock = _unused(seconds).limit(BATCH).with_for_update(skip_locked=True, of=Artifact)
        found = [row.sha256 for row in session.execute(lock)]
        still = [row.sha256 for row in session.execute(_unused(seconds).where(Artifact.sha256.in_(found)))]
        session.execute(delete(Artifact).where(Artifact.sha256.in_(still)))
    return still


def _require_matching_database(database: Database, store: ArtifactStore, seconds: float) -> None:
    """Raises UnsuitableDatabase if there are files but the database has no record of any of them."""
    with database.read() as session:
        is_empty = session.scalar(select(Artifact.sha256).limit(1)) is None
    if is_empty and next(store.idle(seconds), None) is not None:
        raise UnsuitableDatabase(
            "there are files in the artifact store, but the database has no record of any: it may belong to another "
            "service. Nothing was deleted; check SAE_DATABASE_URL and SAE_DATA_DIR"
        )


def _orphans(database: Database, store: ArtifactStore, seconds: float) -> Iterator[Idle]:
    """Idle files without a row."""
    for batch in _batches(store.idle(seconds)):
        known = _known(database, batch)
        yield from (found for found in batch if found.name not in known)


def _known(database: Database, files: Iterable[Idle]) -> set[str]:
    """Names of the files that have a row."""
    with database.read() as session:
        return set(session.scalars(select(Artifact.sha256).where(Artifact.sha256.in_([file.name for file in files]))))


def _unused(seconds: float, keep_last: int = 0, answers: float | None = None) -> Select[str, int]:
    """Unreferenced blobs that were not registered again for `seconds`; with `keep_last` as if all runs were pruned, and
    with `answers` as if older results were deleted."""
    query = select(Artifact.sha256, Artifact.bytes).where(Artifact.touched_at < now_ms() - milliseconds(seconds))
    for column in artifacts.references():
        reference = select(column).where(column == Artifact.sha256).correlate(Artifact)
        if keep_last and column.table is Checkpoint.__table__:
            pruned = _superseded(keep_last).subquery()
            key = tuple_(Checkpoint.run_id, Checkpoint.epoch)
            reference = reference.where(key.not_in(select(pruned.c.run_id, pruned.c.epoch)))
        if answers is not None and column.table is Analysis.__table__:
            reference = reference.where(~_older(answers))
        query = query.where(~exists(reference))
    return query.order_by(Artifact.sha256)


def _superseded(keep_last: int, run_id: str | None = None) -> Select[Any]:
    """Checkpoints, of one run or of all, that are neither among the newest to be kept nor the best of their run."""
    error = func.min(RunMetric.record[FIGURE].as_float())
    figure = select(error).where(RunMetric.run_id == Checkpoint.run_id, RunMetric.epoch == Checkpoint.epoch)
    newest, of_run = Checkpoint.epoch.desc(), Checkpoint.run_id
    order = figure.correlate(Checkpoint).scalar_subquery().asc().nulls_last()
    ranked = select(
        Checkpoint.run_id,
        Checkpoint.epoch,
        Checkpoint.sha256,
        func.row_number().over(partition_by=of_run, order_by=newest).label("age"),
        func.row_number().over(partition_by=of_run, order_by=[order, newest]).label("place"),
        case((Run.state.in_(LIVE), keep_last), else_=1).label("kept"),
    ).join(Run, Run.id == Checkpoint.run_id)
    if run_id is not None:
        ranked = ranked.where(Checkpoint.run_id == run_id)
    found = ranked.subquery()
    superseded = select(found.c.run_id, found.c.epoch, found.c.sha256)
    return superseded.where(found.c.age > found.c.kept, found.c.place > 1).order_by(found.c.run_id, found.c.epoch)


def _reason(row: Row[Any]) -> str:
    return f"superseded: the checkpoint after epoch {row.epoch} of the run {row.run_id}"


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch
