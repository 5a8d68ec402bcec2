"""Conditional UPDATEs that change the state of a run, and the SQL expressions that decide its next state.

Used by runs.py, which decides when. The next state is decided in SQL, on the locked row.
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
"""Claims after which a run fails in any case, however they ended."""
BACK_OFF_SECONDS: Final = 10.0
"""Delay after the first failure of a run; it doubles after each further one."""
MAX_BACK_OFF_SECONDS: Final = 600.0
JITTER: Final = 0.2
"""Random variation of the delay, as a share, so that runs that failed together are not retried together."""

_EXHAUSTED: Final = Reason("TOO_MANY_ATTEMPTS", f"The run was started {MAX_ATTEMPTS} times and never finished.")

State = ColumnElement[str]


def change(session: Session, conditions: Sequence[ColumnElement[bool]], values: Mapping[str, Any]) -> Run | None:
    """Update the one run that meets the conditions; None if there is none."""
    statement = update(Run).where(*conditions).values(dict(values)).returning(Run)
    fresh = {"synchronize_session": False, "populate_existing": True}
    return session.scalars(statement, execution_options=fresh).one_or_none()


def write(session: Session, run_id: str, fence: int, values: Mapping[str, Any]) -> Run:
    """Update a run that is still held under this fence. Raises Fenced."""
    run = change(session, held(run_id, fence), values)
    if run is None:
        raise _fenced()
    return run


def hold(session: Session, run_id: str, fence: int) -> None:
    """Lock a run that is still held under this fence until this transaction ends. Raises Fenced."""
    if session.scalar(select(Run.id).where(*held(run_id, fence)).with_for_update()) is None:
        raise _fenced()


def stop_request(session: Session, run_id: str, fence: int) -> str | None:
    """`stop_requested` of a run that is still held under this fence. Raises Fenced."""
    row = session.execute(select(Run.stop_requested).where(*held(run_id, fence))).one_or_none()
    if row is None:
        raise _fenced()
    return row[0]


def held(run_id: str, fence: int) -> tuple[ColumnElement[bool], ...]:
    """The condition of every write by a worker."""
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
    """Move a run that is held under this fence to another state, end its attempt and append an event. Raises Fenced.

    The attempt and the event always get the reason, the run itself only if it fails. In that case `verdict`, if given,
    replaces the reason, because it explains more than the last attempt alone.
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
    _append_event(session, run, outcome, reason)
    return run


def next_state(*, charged: bool) -> State:
    """The next state of a run that its worker has left: as requested, else queued, or failed at the limits."""
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
    delays = {number: _delay_after(number) for number in range(MAX_FAILURES)}
    return case(delays, value=Run.failures, else_=milliseconds(MAX_BACK_OFF_SECONDS))


def _append_event(session: Session, run: Run, outcome: attempts.Outcome, reason: Reason | None) -> None:
    code, detail = (reason.code, reason.detail) if reason else (run.error_code, run.error_detail)
    waits = run.available_at.isoformat() if run.state == "queued" and outcome in ("failed", "lost") else None
    data = {"attempt": run.attempt, "reason": outcome, "code": code, "detail": detail, "available_at": waits}
    events.append(session, run.id, run.state, **data)


def available_after_loss() -> ColumnElement[int]:
    """When a run whose worker was lost can be claimed again: the first time immediately, at its place in the queue.

    A restarted machine is not the run's fault. If the run is lost again without a newer checkpoint in between, the run
    itself may be what crashes its workers; then it waits like a failed one.
    """
    return case((Run.failures == 0, Run.available_at), else_=now_ms() + back_off())


def _delay_after(failures: int) -> int:
    seconds = min(BACK_OFF_SECONDS * 2**failures, MAX_BACK_OFF_SECONDS)
    return milliseconds(seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret


def _fenced() -> Fenced:
    return Fenced("the worker no longer holds the run: it was cancelled, has finished, or another worker claimed it")
