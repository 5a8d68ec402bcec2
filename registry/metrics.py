"""Metrics of a run: one record per epoch and member, stored without interpreting the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from registry.database import sessions
from registry.database.tables import RunMetric


@dataclass(frozen=True)
class MetricRecord:
    """The metrics of one epoch; `member` is 0 except in runs of several models, `epoch` counts from 1."""

    member: int
    epoch: int
    record: dict[str, Any]


def append(session: Session, run_id: str, records: Sequence[MetricRecord]) -> None:
    """Add records; existing ones are replaced, so that a batch can be sent again after an outage.

    The caller must hold the run's row: `runs.record` checks the fence first.
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
    """Delete all records after the epoch `after`: an attempt that resumes there writes them again."""
    session.execute(delete(RunMetric).where(RunMetric.run_id == run_id, RunMetric.epoch > after))


def read(
    session: Session, run_id: str, after: int = 0, limit: int | None = None, *, member: int | None = None
) -> list[RunMetric]:
    """Records of the epochs after `after`, by ascending epoch and member; all of them without a `limit`.

    `member` selects the records of one member.
    """
    query = select(RunMetric).where(RunMetric.run_id == run_id, RunMetric.epoch > after)
    if member is not None:
        query = query.where(RunMetric.member == member)
    return list(session.scalars(query.order_by(RunMetric.epoch, RunMetric.member).limit(limit)))
