"""The curves of a run: one record per epoch and member. Knows no meaning of the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from registry.database import sessions
from registry.database.tables import RunMetric


@dataclass(frozen=True)
class MetricRecord:
    """What one epoch measured; `member` is 0 but for runs of several models, `epoch` counts from 1."""

    member: int
    epoch: int
    record: dict[str, Any]


def append(session: Session, run_id: str, records: Sequence[MetricRecord]) -> None:
    """Add records; one that is there already is replaced, so that a batch may be sent again after an outage.

    Only for whoever holds the run's row: `runs.record` looks at the fence first.
    """
    if not records:
        return
    rows = {(record.member, record.epoch): {"run_id": run_id, **vars(record)} for record in records}
    statement = sessions.insert(session, RunMetric).values(list(rows.values()))
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "member", "epoch"], set_={"record": statement.excluded.record}
        )
    )


def cut(session: Session, run_id: str, after: int) -> None:
    """Remove every record after the epoch `after`: an attempt that resumes there will write them again."""
    session.execute(delete(RunMetric).where(RunMetric.run_id == run_id, RunMetric.epoch > after))


def read(
    session: Session, run_id: str, after: int = 0, limit: int | None = None, *, member: int | None = None
) -> list[RunMetric]:
    """Records of the epochs after `after`, by ascending epoch and member; all of them without a `limit`.

    With `member`, only this one's.
    """
    query = select(RunMetric).where(RunMetric.run_id == run_id, RunMetric.epoch > after)
    if member is not None:
        query = query.where(RunMetric.member == member)
    return list(session.scalars(query.order_by(RunMetric.epoch, RunMetric.member).limit(limit)))
