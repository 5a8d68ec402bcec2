"""The conditional UPDATEs by which a run changes state, and the expressions that decide where it goes.

Used by runs.py alone, which says when. All decisions are made in SQL, on the row as it is under the lock.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, case, or_, select, update
from sqlalchemy.orm import Session

from registry import attempts, events
from registry.attempts import Reason
from registry.database.clock import milliseconds, now_ms
from registry.database.tables import TERMINAL, Run
from registry.errors import Fenced

MAX_FAILURES: Final = 3
"""Failures without a newer checkpoint after which a run stays failed."""
MAX_ATTEMPTS: Final = 50
"""Claims after which a run is given up in any case, however they ended."""
BACK_OFF_SECONDS: Final = 10.0
"""What a run waits after its first failure; twice as long after each further one."""
MAX_BACK_OFF_SECONDS: Final = 600.0
JITTER: Final = 0.2
"""Share by which a wait is longer or shorter, so that runs that failed together do not come back together."""

_EXHAUSTED: Final = Reason("TOO_MANY_ATTEMPTS", f"The run was begun {MAX_ATTEMPTS} times and never came to its end.")

State = ColumnElement[str]


def change(session: Session, conditions: Sequence[ColumnElement[bool]], values: Mapping[str, Any]) -> Run | None:
    """The one run that meets the conditions, after it was given the values; None if there was none."""
    statement = update(Run).where(*conditions).values(dict(values)).returning(Run)
    fresh = {"synchronize_session": False, "populate_existing": True}
    return session.scalars(statement, execution_options=fresh).one_or_none()


def write(session: Session, run_id: str, fence: int, values: Mapping[str, Any]) -> Run:
    """Give the values to a run that is still held under this fence. Raises Fenced."""
    run = change(session, held(run_id, fence), values)
    if run is None:
        raise _fenced()
    return run


def hold(session: Session, run_id: str, fence: int) -> None:
    """Nobody else changes the run until this transaction ends, and it is still held under this fence. Raises Fenced."""
    if session.scalar(select(Run.id).where(*held(run_id, fence)).with_for_update()) is None:
        raise _fenced()


def wish(session: Session, run_id: str, fence: int) -> str | None:
    """`stop_requested` of a run that is still held under this fence. Raises Fenced."""
    row = session.execute(select(Run.stop_requested).where(*held(run_id, fence))).one_or_none()
    if row is None:
        raise _fenced()
    return row[0]


def held(run_id: str, fence: int) -> tuple[ColumnElement[bool], ...]:
    """The condition of every write that a worker makes."""
    return Run.id == run_id, Run.fence == fence, Run.state == "running"


def leave(
    session: Session,
    run_id: str,
    fence: int,
    state: State,
    outcome: attempts.Outcome,
    reason: Reason | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    verdict: Reason | None = None,
) -> Run:
    """Take a run that is held under this fence into another state, close its attempt and tell of it. Raises Fenced.

    The attempt and the event keep the reason in any case, the run itself only where it ends up failed;
    there a `verdict` says more than the reason of the one attempt does.
    """
    failed, exhausted = state == "failed", verdict or reason or _EXHAUSTED
    left = {
        "state": state,
        "lease_owner": None,
        "lease_expires_at": None,
        "stop_requested": None,
        "finished_at": case((state.in_(TERMINAL), now_ms())),
        "error_code": case((failed, exhausted.code)),
        "error_detail": case((failed, exhausted.detail)),
    }
    run = write(session, run_id, fence, {**left, **(values or {})})
    attempts.end(session, run_id, fence, outcome, reason)
    _tell(session, run, outcome, reason)
    return run


def next_state(*, charged: bool) -> State:
    """Where a run goes that nobody works on any more: as wished, or into the queue until the limits are reached."""
    exhausted = Run.attempt >= MAX_ATTEMPTS
    if charged:
        exhausted = or_(exhausted, Run.failures + 1 >= MAX_FAILURES)
    return case(
        (Run.stop_requested == "cancel", "cancelled"),
        (Run.stop_requested == "pause", "paused"),
        (exhausted, "failed"),
        else_="queued",
    )


def back_off() -> ColumnElement[int]:
    """Milliseconds until the next attempt, by the failures so far: 10 s, doubling to 10 min, with jitter."""
    waits = {number: _wait_after(number) for number in range(MAX_FAILURES)}
    return case(waits, value=Run.failures, else_=milliseconds(MAX_BACK_OFF_SECONDS))


def _tell(session: Session, run: Run, outcome: attempts.Outcome, reason: Reason | None) -> None:
    code, detail = (reason.code, reason.detail) if reason else (run.error_code, run.error_detail)
    waits = run.available_at.isoformat() if run.state == "queued" and outcome in ("failed", "lost") else None
    told = {"attempt": run.attempt, "reason": outcome, "code": code, "detail": detail, "available_at": waits}
    events.append(session, run.id, run.state, **told)


def available_after_loss() -> ColumnElement[int]:
    """When a run whose worker was lost may be claimed again: the first time at once, in its place in the queue.

    A machine that restarts says nothing against the run, so its owner should not wait for it. Lost again without a
    newer checkpoint between, the run itself may be what ends its workers: then it waits as a failed one does.
    """
    return case((Run.failures == 0, Run.available_at), else_=now_ms() + back_off())


def _wait_after(failures: int) -> int:
    seconds = min(BACK_OFF_SECONDS * 2**failures, MAX_BACK_OFF_SECONDS)
    return milliseconds(seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret


def _fenced() -> Fenced:
    return Fenced("the run is not this worker's any more: it was cancelled, has ended, or went to another worker")
