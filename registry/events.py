"""What has happened to a run, one row after the other: numbered without a gap, in the order in which it was committed.

Decides nothing. Each transition appends its event in its own transaction, so a reader who knows the last number that it
has seen misses nothing and sees nothing twice, whatever happens to it or to us.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from registry.database.tables import Run, RunEvent

STATES: Final = ("queued", "running", "paused", "succeeded", "failed", "cancelled")
"""Events of these types say that the run is in this state from now on; the terminal ones are a run's last."""
TYPES: Final = (*STATES, "stop_requested", "stop_withdrawn", "checkpoint", "metrics")
"""All types. They are promised to clients: new ones may come, none changes its meaning."""


def append(session: Session, run_id: str, kind: str, **data: Any) -> None:
    """Add an event to a run that is there, under its next number. `data` is small; what is None in it is left out.

    The number is counted in the run's own row, which stays locked until this transaction ends: a number of a sequence
    would be taken before the commit, and a reader could pass over a transaction that is slower than a later one.
    """
    counted = update(Run).where(Run.id == run_id).values(event_seq=Run.event_seq + 1).returning(Run.event_seq)
    seq = session.execute(counted, execution_options={"synchronize_session": False}).scalar_one()
    told = {name: value for name, value in data.items() if value is not None}
    session.execute(insert(RunEvent).values(run_id=run_id, seq=seq, type=kind, data=told))


def read(session: Session, run_id: str, after: int = 0, limit: int | None = None) -> list[RunEvent]:
    """Events after the number `after`, by ascending number; all of them without a `limit`."""
    query = select(RunEvent).where(RunEvent.run_id == run_id, RunEvent.seq > after)
    return list(session.scalars(query.order_by(RunEvent.seq).limit(limit)))


def numbers(session: Session, run_ids: Collection[str]) -> dict[str, int]:
    """The number of the last event of each of these runs that is there."""
    rows = session.execute(select(Run.id, Run.event_seq).where(Run.id.in_(run_ids))).all()
    return {row.id: row.event_seq for row in rows}
