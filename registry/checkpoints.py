"""Checkpoints of a run: list them, find the one that the next attempt resumes from, add one.

`collection` decides which of them are kept.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry import artifacts, events, transitions
from registry.database import sessions
from registry.database.tables import Checkpoint
from registry.errors import CheckpointNotFound
from registry.stores.protocol import Stored


def of_run(session: Session, run_id: str, after: int = -1, limit: int | None = None) -> list[Checkpoint]:
    """The run's checkpoints by ascending epoch: all, or at most `limit` after the epoch `after`."""
    query = select(Checkpoint).where(Checkpoint.run_id == run_id, Checkpoint.epoch > after).limit(limit)
    return list(session.scalars(query.order_by(Checkpoint.epoch)))


def get(session: Session, run_id: str, epoch: int) -> Checkpoint:
    """The checkpoint after `epoch` epochs. Raises CheckpointNotFound."""
    found = session.get(Checkpoint, (run_id, epoch)) if 0 <= epoch < 2**31 else None
    if found is None:
        raise CheckpointNotFound(f"the run has no checkpoint after epoch {epoch}")
    return found


def latest(session: Session, run_id: str) -> Checkpoint | None:
    """The checkpoint from which the next attempt resumes; None if it starts from the beginning."""
    query = select(Checkpoint).where(Checkpoint.run_id == run_id).order_by(Checkpoint.epoch.desc()).limit(1)
    return session.scalars(query).first()


def add(session: Session, run_id: str, fence: int, *, epoch: int, stored: Stored) -> None:
    """Add a checkpoint whose blob is in the store. Raises Fenced.

    A checkpoint of a later epoch than all before resets the failures: a long run survives many interruptions, but a
    run that fails three times at the same place does not.
    """
    transitions.hold(session, run_id, fence)
    newest = latest(session, run_id)
    if epoch > (newest.epoch if newest else 0):
        transitions.write(session, run_id, fence, {"failures": 0})
    artifacts.register(session, stored)
    row = {"fence": fence, "sha256": stored.sha256, "bytes": stored.bytes}
    statement = sessions.insert(session, Checkpoint).values(run_id=run_id, epoch=epoch, **row)
    session.execute(statement.on_conflict_do_update(index_elements=["run_id", "epoch"], set_=row))
    events.append(session, run_id, "checkpoint", epoch=epoch, digest=stored.sha256)
