"""Attempts at runs: worker, device, first epoch and outcome, one row per claim. Makes no decisions."""

from typing import Any, Final, Literal

from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from registry.database.clock import now_ms
from registry.database.tables import Attempt, Run

Outcome = Literal["succeeded", "failed", "released", "stopped", "cancelled", "lost"]
"""`stopped`: on request; `released`: by a worker that was stopped; `cancelled`: by force; `lost`: lease expired."""


MAX_DETAIL: Final = 4000
"""Characters of a reason's detail that are stored."""


class Reason:
    """Why an attempt did not succeed: a code for programs and a sentence for humans, in a form the database accepts."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail.replace("\0", "")[:MAX_DETAIL]  # PostgreSQL rejects NUL in text


def begin(session: Session, run: Run, resumed_epoch: int | None) -> None:
    """Start the attempt at a run that has just been claimed. `resumed_epoch` is None for a start from the beginning."""
    assert run.lease_owner is not None
    row = Attempt(run_id=run.id, fence=run.fence, attempt=run.attempt, worker_id=run.lease_owner)
    row.resumed_epoch = resumed_epoch
    session.add(row)
    session.flush()


def describe(session: Session, run_id: str, fence: int, environment: dict[str, Any]) -> None:
    """Record what the attempt computes with: results are bit-identical only in the same environment."""
    session.execute(_of(run_id, fence).values(environment=environment))


def end(session: Session, run_id: str, fence: int, outcome: Outcome, reason: Reason | None = None) -> None:
    """End the attempt."""
    why = {"error_code": reason.code, "error_detail": reason.detail} if reason else {}
    session.execute(_of(run_id, fence).values(ended_at=now_ms(), outcome=outcome, **why))


def ended_as(session: Session, run_id: str, fence: int, outcome: Outcome) -> bool:
    """Whether this attempt has ended with this outcome."""
    query = select(Attempt.fence).where(Attempt.run_id == run_id, Attempt.fence == fence, Attempt.outcome == outcome)
    return session.scalar(query) is not None


def of_run(session: Session, run_id: str, after: int = 0, limit: int | None = None) -> list[Attempt]:
    """The attempts at a run in ascending order: all, or at most `limit` after the number `after`."""
    query = select(Attempt).where(Attempt.run_id == run_id, Attempt.attempt > after).limit(limit)
    return list(session.scalars(query.order_by(Attempt.fence)))


def _of(run_id: str, fence: int) -> Update:
    return update(Attempt).where(Attempt.run_id == run_id, Attempt.fence == fence)
