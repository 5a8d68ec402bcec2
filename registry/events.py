"""Events of a run, numbered without gaps in the order in which they were committed.

Each transition appends its event in its own transaction, so a reader that continues after the last number it has seen
receives every event exactly once, even if the reader or the service restarts.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from registry.database.tables import Run, RunEvent

STATES: Final = ("queued", "running", "paused", "succeeded", "failed", "cancelled")
"""An event of one of these types says that the run has entered this state; a terminal one is the run's last event."""
TYPES: Final = (*STATES, "stop_requested", "stop_withdrawn", "checkpoint", "metrics")
"""All types. They are part of the interface: new ones may be added, none changes its meaning."""


def append(session: Session, run_id: str, kind: str, **data: Any) -> None:
    """Append an event to a run, under the next number. `data` must be small; None values are left out.

    The number is counted in the run's row, which stays locked until this transaction ends. A sequence would assign the
    number before the commit, and a reader could miss a transaction that commits after a later one.
    """
    counted = update(Run).where(Run.id == run_id).values(event_seq=Run.event_seq + 1).returning(Run.event_seq)
    seq = session.execute(counted, execution_options={"synchronize_session": False}).scalar_one()
    present = {name: value for name, value in data.items() if value is not None}
    session.execute(insert(RunEvent).values(run_id=run_id, seq=seq, type=kind, data=present))


def read(session: Session, run_id: str, after: int = 0, limit: int | None = None) -> list[RunEvent]:
    """Events after the number `after`, in ascending order; all of them without a `limit`."""
    query = select(RunEvent).where(RunEvent.run_id == run_id, RunEvent.seq > after)
    return list(session.scalars(query.order_by(RunEvent.seq).limit(limit)))


def numbers(session: Session, run_ids: Collection[str]) -> dict[str, int]:
    """The number of the last event of each of these runs, for runs that exist."""
    rows = session.execute(select(Run.id, Run.event_seq).where(Run.id.in_(run_ids))).all()
    return {row.id: row.event_seq for row in rows}
