"""The checkpoints of a run: which there are, where its next attempt begins, and how one is added.

Knows no content of theirs; which of them are kept is decided in `collection`.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry import artifacts, events, transitions
from registry.database import sessions
from registry.database.tables import Checkpoint
from registry.errors import CheckpointNotFound
from registry.stores.protocol import Stored


def of_run(session: Session, run_id: str, after: int = -1, limit: int | None = None) -> list[Checkpoint]:
    """The run's checkpoints by ascending epoch: all, or at most `limit` of those after an epoch."""
    query = select(Checkpoint).where(Checkpoint.run_id == run_id, Checkpoint.epoch > after).limit(limit)
    return list(session.scalars(query.order_by(Checkpoint.epoch)))


def get(session: Session, run_id: str, epoch: int) -> Checkpoint:
    """The checkpoint after `epoch` epochs. Raises CheckpointNotFound."""
    found = session.get(Checkpoint, (run_id, epoch)) if 0 <= epoch < 2**31 else None
    if found is None:
        raise CheckpointNotFound(f"the run has no checkpoint after epoch {epoch}")
    return found


def latest(session: Session, run_id: str) -> Checkpoint | None:
    """Where the run's next attempt begins; None means from the start."""
    query = select(Checkpoint).where(Checkpoint.run_id == run_id).order_by(Checkpoint.epoch.desc()).limit(1)
    return session.scalars(query).first()


def add(session: Session, run_id: str, fence: int, *, epoch: int, stored: Stored) -> None:
    """Commit a checkpoint whose blob is in the store. Raises Fenced.

    One that is further than all before clears the failures: a long run survives many interruptions, and a run that
    dies three times at the same place does not.
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
