"""What nothing needs any more: old checkpoints and answers, blobs that no row names, files without a row.

Rows go first and files after them, each only after looking again where nobody can change it: a row under its lock, a
file under the store's. What is put once more meanwhile has a new time, and stays. Knows no files but the store's.
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
"""Rows of one transaction, and files that are removed under one lock."""
FIGURE: Final = "test_mse"
"""The field of a metrics record by which a checkpoint is the best one: the smallest, of whichever member."""
UNUSED: Final = "nothing refers to it"
STRAY: Final = "no row knows it"
ANSWER: Final = "an old answer, which is computed again when somebody asks"

_DAY: Final = 86_400.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Gone:
    """A file of the store that went, or would go, and why."""

    name: str
    bytes: int
    why: str


@dataclass(frozen=True)
class Rules:
    """What is kept, though nothing needs it."""

    keep_last: int
    """Newest checkpoints of a run that has not ended; one that has ended keeps its last. Each its best, too. 0: all."""
    seconds: float
    """How long a blob or file stays after it was last wanted."""
    answers: float | None = None
    """Seconds for which a computed answer stays; None: for ever. Its row does not say what it was computed from."""


def rules(settings: RegistrySettings) -> Rules:
    """The rules of these settings."""
    return Rules(settings.keep_last, settings.unused_seconds, settings.keep_answers_days * _DAY)


def prune(session: Session, run_id: str, keep_last: int) -> list[str]:
    """Forget the run's checkpoints that are superseded; their digests. Only for whoever holds the run's row.

    Kept are the newest `keep_last` (the last, of a run that has ended), and the best by held-out mse; all for 0.
    """
    rows = session.execute(_superseded(keep_last, run_id)).all() if keep_last else []
    epochs = [row.epoch for row in rows]
    session.execute(delete(Checkpoint).where(Checkpoint.run_id == run_id, Checkpoint.epoch.in_(epochs)))
    return [row.sha256 for row in rows]


def collect(database: Database, store: ArtifactStore, rules: Rules, *, strays: bool = False) -> Iterator[Gone]:
    """Remove what nothing needs, in small transactions, and tell of every file that went.

    Files without a row only with `strays`: they may as well be another database's. Raises StoreBusy, and
    UnsuitableDatabase where there are files but the database knows none at all.
    """
    if strays:
        _require_acquaintance(database, store, rules.seconds)
    reasons = _prune_all(database, rules.keep_last) | _forget_answers(database, rules.answers)
    store.require_free()
    while unused := _forget(database, rules.seconds):
        for gone in store.clear(unused, rules.seconds):
            yield Gone(gone.name, gone.bytes, reasons.get(gone.name, UNUSED))
    if strays:
        for batch in _batches(_strays(database, store, rules.seconds)):
            for gone in store.clear([found.name for found in batch], rules.seconds):
                yield Gone(gone.name, gone.bytes, STRAY)


def survey(database: Database, store: ArtifactStore, rules: Rules) -> Iterator[Gone]:
    """What `collect` would remove with `strays`; changes nothing. Raises UnsuitableDatabase as that does."""
    _require_acquaintance(database, store, rules.seconds)
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
                yield Gone(found.name, found.bytes, whys.get(found.name, STRAY))


def _prune_all(database: Database, keep_last: int) -> dict[str, str]:
    """Prune every run, each in a transaction of its own; the digests that lost a row, and why."""
    if not keep_last:
        return {}
    with database.read() as session:
        rows = session.execute(_superseded(keep_last)).all()
    for run_id in sorted({row.run_id for row in rows}):
        with database.write() as session:
            session.scalar(select(Run.id).where(Run.id == run_id).with_for_update())
            prune(session, run_id, keep_last)
    return {row.sha256: _reason(row) for row in rows}


def _forget_answers(database: Database, seconds: float | None) -> dict[str, str]:
    """Forget answers that were computed so long ago, some at a time; the digests that lost a row, and why."""
    if seconds is None:
        return {}
    some = select(Analysis.key).where(_older(seconds)).limit(BATCH)
    forget = delete(Analysis).where(Analysis.key.in_(some)).returning(Analysis.sha256)
    gone: list[str] = []
    while True:
        with database.write() as session:
            batch = session.scalars(forget, execution_options={"synchronize_session": False}).all()
        if not batch:
            return dict.fromkeys(gone, ANSWER)
        gone.extend(batch)


def _older(seconds: float) -> ColumnElement[bool]:
    return Analysis.created_at < now_ms() - milliseconds(seconds)


def _forget(database: Database, seconds: float) -> list[str]:
    """Delete some rows that nothing refers to; their digests.

    A row is locked, then judged again by a statement that sees everything committed before the lock; until the commit
    nobody can come to refer to it, and whoever registers the blob now waits, and finds that there is no row.
    """
    with database.write() as session:
        lock = _unused(seconds).limit(BATCH).with_for_update(skip_locked=True, of=Artifact)
        found = [row.sha256 for row in session.execute(lock)]
        still = [row.sha256 for row in session.execute(_unused(seconds).where(Artifact.sha256.in_(found)))]
        session.execute(delete(Artifact).where(Artifact.sha256.in_(still)))
    return still


def _require_acquaintance(database: Database, store: ArtifactStore, seconds: float) -> None:
    """Raises UnsuitableDatabase if there are files, but the database, perhaps of another service, knows none at all."""
    with database.read() as session:
        knows_none = session.scalar(select(Artifact.sha256).limit(1)) is None
    if knows_none and next(store.idle(seconds), None) is not None:
        raise UnsuitableDatabase(
            "there are files in the artifact store, and the database knows none at all: it may be another service's "
            "database. Nothing was removed; see SAE_DATABASE_URL and SAE_DATA_DIR"
        )


def _strays(database: Database, store: ArtifactStore, seconds: float) -> Iterator[Idle]:
    """Idle files that no row knows."""
    for batch in _batches(store.idle(seconds)):
        known = _known(database, batch)
        yield from (found for found in batch if found.name not in known)


def _known(database: Database, files: Iterable[Idle]) -> set[str]:
    """Names of those that have a row."""
    with database.read() as session:
        return set(session.scalars(select(Artifact.sha256).where(Artifact.sha256.in_([file.name for file in files]))))


def _unused(seconds: float, keep_last: int = 0, answers: float | None = None) -> Select[str, int]:
    """Blobs that nobody registered for so long and no row refers to; with `keep_last`, as if all runs were pruned, and
    with `answers`, as if older ones were forgotten."""
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
    """Checkpoints, of one run or of all, that are neither among the newest that are kept nor their run's best."""
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
