"""The life of a run. Knows no spec and no time but the database's.

    queued -> running -> succeeded | failed | cancelled        (and paused)

Every claim, reap and forced cancel raises the fence, and every write of a worker is conditional on
`(id, fence, state = 'running')`: a worker that was given up changes nothing any more, whatever it believes. Each
transition is one conditional UPDATE, so the database says who won.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, Text, exists, func, literal, literal_column, or_, select, union
from sqlalchemy import delete as delete_rows
from sqlalchemy.orm import Session, aliased

from registry import artifacts, attempts, checkpoints, events, idempotency, models, run_blobs, transitions
from registry import metrics as curves
from registry.database import identifiers, pages
from registry.database.clock import milliseconds, now_ms
from registry.database.planner import likely
from registry.database.tables import (
    LIVE,
    TERMINAL,
    Attempt,
    Checkpoint,
    Dataset,
    IdempotencyKey,
    ModelVersion,
    Run,
    RunEvent,
    RunInput,
    RunMetric,
    RunOutput,
)
from registry.errors import QueueFull, RunFinished, RunInUse, RunIsLive, RunNotFound
from registry.metrics import MetricRecord as MetricRecord

_WORKER_LOST: Final = attempts.Reason(
    "WORKER_LOST", "The worker that had the run ended without a word, or was not heard of until its lease was over."
)
_GIVEN_UP: Final = attempts.Reason(
    "WORKER_LOST",
    f"{_WORKER_LOST.detail} No checkpoint was reached since the failures before, so the run is not begun again. Look "
    "at the worker's log and its machine (memory, restarts, network), then ask for the run once more, perhaps smaller.",
)
_TRIED_TOO_OFTEN: Final = (
    "The run was tried too often without getting further, and is not begun again: see to what it lacked, or make it "
    "smaller, then ask for it once more."
)
_WAITING: Final = aliased(Run)
_QUEUED: Final = literal_column("'queued'", Text)
"""Written out, as in the condition of the queue's index: a plan for any state could not use it."""
_ENDED: Final = {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled"}


@dataclass(frozen=True)
class Enqueued:
    """A run in the queue; `replayed` if an earlier request with the same key put it there."""

    run: Run
    replayed: bool


# --- those who ask ---------------------------------------------------------------------------------------------------


def enqueue(
    session: Session,
    *,
    kind: str,
    spec: dict[str, Any],
    spec_version: int,
    priority: int = 0,
    device: str = "auto",
    dataset_name: str | None = None,
    inputs: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    request_sha256: str | None = None,
    max_queued: int = 1000,
) -> Enqueued:
    """Put a run into the queue, once for each key. Raises IdempotencyMismatch and QueueFull.

    `inputs` are blobs that are chosen already, role -> SHA-256, and kept for the run: a `model`, a `dataset`.
    `max_queued` counts those that are set aside, too, for they come back without asking for room. It is kept to within
    the number of requests that come at the same moment.
    """
    run = Run(id=identifiers.new_id(), kind=kind, state="queued", spec=spec, spec_version=spec_version)
    run.priority, run.device, run.dataset_name = priority, device, dataset_name
    if idempotency_key is not None:
        assert request_sha256 is not None, "a key without the digest of its request says nothing"
        earlier = idempotency.take(session, idempotency_key, request_sha256, run.id)
        if earlier is not None:
            return Enqueued(get(session, earlier), replayed=True)
    if session.execute(select(func.count()).where(Run.state.in_(("queued", "paused")))).scalar_one() >= max_queued:
        raise QueueFull(f"{max_queued} runs wait or are paused already, as many as may; try again when some have ended")
    if dataset_name is not None:  # whoever deletes it at this moment waits, and then finds the run that names it
        session.scalar(select(Dataset.id).where(Dataset.name == dataset_name).with_for_update(read=True))
    run.dataset_digest = (inputs or {}).get("dataset")
    session.add(run)
    session.flush()
    session.add_all(RunInput(run_id=run.id, role=role, sha256=sha256) for role, sha256 in (inputs or {}).items())
    session.flush()
    events.append(session, run.id, "queued", reason="created")
    return Enqueued(run, replayed=False)


def repeated(session: Session, idempotency_key: str, request_sha256: str) -> Enqueued | None:
    """What an earlier request with this key put into the queue, whatever of what it named is gone since.

    None is no promise: the request may be on its way. Raises IdempotencyMismatch.
    """
    earlier = idempotency.find(session, idempotency_key, request_sha256)
    return None if earlier is None else Enqueued(get(session, earlier), replayed=True)


def get(session: Session, run_id: str) -> Run:
    """The run as it is now. Raises RunNotFound."""
    return _found(session, run_id, select(Run))


def page(
    session: Session,
    *,
    state: str | None = None,
    kind: str | None = None,
    dataset: str | None = None,
    limit: int,
    cursor: str | None = None,
) -> pages.Page[Run]:
    """Runs, newest first: all, or those of a state, of a kind, on a dataset. Raises InvalidCursor."""
    query = pages.matching(select(Run), {Run.state: state, Run.kind: kind, Run.dataset_name: dataset})
    return pages.newest_first(session, query, Run.id, limit=limit, cursor=cursor)


def counts(session: Session) -> dict[str, int]:
    """How many runs are in each state, the empty ones included."""
    rows = session.execute(select(Run.state, func.count()).group_by(Run.state)).all()
    return dict.fromkeys(LIVE + TERMINAL, 0) | {row[0]: row[1] for row in rows}


def cancel(session: Session, run_id: str, *, force: bool = False) -> Run:
    """End the run: at once if nobody works on it, else by a wish that its worker follows at the next boundary.

    It takes the place of a wish to pause. With `force` the run ends at once in any case, and its worker finds itself
    fenced. Asked again, it changes nothing, also when it has come to pass. Raises RunNotFound, and RunFinished if the
    run has ended otherwise.
    """
    run = _found(session, run_id, select(Run).with_for_update())
    if run.state == "cancelled":
        return run
    run = _live(session, run_id)
    if run.state != "running":
        return _put(session, run, "asked", {"state": "cancelled", "finished_at": now_ms()})
    if force:
        raised = {"fence": Run.fence + 1}
        return transitions.leave(session, run_id, run.fence, literal("cancelled"), "cancelled", values=raised)
    return run if run.stop_requested == "cancel" else _wish(session, run, "cancel")


def pause(session: Session, run_id: str) -> Run:
    """Set the run aside until it is resumed: at once if nobody works on it, else by a wish, as `cancel` does.

    A wish to cancel stays. Asked again, it changes nothing. Raises RunNotFound, RunFinished.
    """
    run = _live(session, run_id)
    if run.state == "queued":
        return _put(session, run, "asked", {"state": "paused"})
    return _wish(session, run, "pause") if run.state == "running" and run.stop_requested is None else run


def resume(session: Session, run_id: str) -> Run:
    """Put a paused run back into the queue, behind those that wait; a wish to pause is withdrawn.

    A run that is not paused stays as it is, and so does a wish to cancel. Raises RunNotFound, RunFinished.
    """
    run = _live(session, run_id)
    if run.state == "paused":
        return _put(session, run, "resumed", {"state": "queued", "available_at": now_ms()})
    if run.stop_requested != "pause":
        return run
    events.append(session, run_id, "stop_withdrawn", wish="pause")
    return transitions.write(session, run_id, run.fence, {"stop_requested": None})


def delete(session: Session, run_id: str) -> int:
    """Forget an ended run and all that was recorded of it. Raises RunNotFound, RunIsLive, RunInUse.

    Its blobs lose their references here, but rows and files stay until a collector removes them; the answer is the
    bytes of those that nothing else needs.
    """
    run = _found(session, run_id, select(Run).with_for_update())
    if run.state in LIVE:
        raise RunIsLive(f"the run is {run.state}: cancel it, and delete it when it has ended")
    if session.scalar(select(exists().where(ModelVersion.run_id == run_id))):
        raise RunInUse("a model version comes from this run: delete that first")
    named = union(*(select(table.sha256).where(table.run_id == run_id) for table in (Checkpoint, RunInput, RunOutput)))
    digests = session.scalars(named).all()
    for table in (IdempotencyKey, RunEvent, RunMetric, Checkpoint, RunInput, RunOutput, Attempt):
        session.execute(delete_rows(table).where(table.run_id == run_id))
    session.delete(run)
    session.flush()
    return artifacts.freed(session, digests)


# --- those who work --------------------------------------------------------------------------------------------------


def claim(session: Session, *, owner: str, lease_seconds: float, devices: Collection[str]) -> Run | None:
    """Take the first run that waits for one of `devices`, under a new fence; None if there is none.

    First is the highest priority, then whoever has waited longest. Metrics after the checkpoint from which this
    attempt resumes are removed: it writes them again.
    """
    first = (
        select(_WAITING.id)
        .where(likely(_WAITING.state == _QUEUED), _WAITING.available_at <= now_ms(), _WAITING.device.in_(devices))
        .order_by(_WAITING.priority.desc(), _WAITING.available_at, _WAITING.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = {
        "state": "running",
        "fence": Run.fence + 1,
        "attempt": Run.attempt + 1,
        "lease_owner": owner,
        "lease_expires_at": now_ms() + milliseconds(lease_seconds),
        "progress": None,
        "started_at": func.coalesce(Run.started_at, now_ms()),
    }
    run = transitions.change(session, [Run.id == first, Run.state == "queued"], taken)
    if run is not None:
        newest = checkpoints.latest(session, run.id)
        curves.cut(session, run.id, newest.epoch if newest else 0)
        attempts.begin(session, run, newest.epoch if newest else None)
        told = {"attempt": run.attempt, "epoch": newest.epoch if newest else 0}
        events.append(session, run.id, "running", reason="claimed", **told)
    return run


def renew(session: Session, run_id: str, fence: int, lease_seconds: float) -> str | None:
    """Extend the lease, late too if nobody has reaped it yet; answers `stop_requested`. Raises Fenced."""
    expires = {"lease_expires_at": now_ms() + milliseconds(lease_seconds)}
    return transitions.write(session, run_id, fence, expires).stop_requested


def wish(session: Session, run_id: str, fence: int) -> str | None:
    """`stop_requested`, read without writing. Raises Fenced."""
    return transitions.wish(session, run_id, fence)


def describe(session: Session, run_id: str, fence: int, environment: dict[str, Any]) -> None:
    """Record what this attempt computes with: device, threads, library versions. Raises Fenced."""
    transitions.hold(session, run_id, fence)
    attempts.describe(session, run_id, fence, environment)


def record(
    session: Session,
    run_id: str,
    fence: int,
    *,
    progress: dict[str, Any] | None = None,
    metrics: Sequence[MetricRecord] = (),
) -> None:
    """Note how far the run is, and what it measured. Raises Fenced."""
    if progress is None:
        transitions.hold(session, run_id, fence)
    else:
        transitions.write(session, run_id, fence, {"progress": progress})
    curves.append(session, run_id, metrics)
    if metrics:  # only where they are, for there may be many: a reader takes them from the curves
        epochs = [record.epoch for record in metrics]
        events.append(session, run_id, "metrics", after=min(epochs) - 1, epoch=max(epochs))


def succeed(
    session: Session,
    run_id: str,
    fence: int,
    *,
    result: dict[str, Any],
    outputs: Sequence[run_blobs.Output] = (),
    publish: Sequence[models.Publication] = (),
) -> Run:
    """End the run well, and publish its models in the same transaction; wins over a wish to stop that came late.

    The run bears the name of its model if it has exactly one.

    Said twice by the same attempt, after a commit whose answer got lost, it changes nothing. Raises Fenced.
    """
    if attempts.ended_as(session, run_id, fence, "succeeded"):
        return get(session, run_id)
    transitions.hold(session, run_id, fence)
    run_blobs.keep(session, run_id, outputs)
    # by name, so that two runs that publish the same names wait for each other in one order
    versions = [models.publish(session, run_id, one) for one in sorted(publish, key=lambda one: one.name)]
    named = {"model_name": versions[0].name, "model_version": versions[0].version} if len(versions) == 1 else {}
    values = {"result": result, **named}
    return transitions.leave(session, run_id, fence, literal("succeeded"), "succeeded", values=values)


def fail(session: Session, run_id: str, fence: int, *, code: str, detail: str, may_pass: bool) -> Run:
    """End the attempt badly. Where the error may pass, the run waits for another, until the limits are reached.

    A wish to stop is followed instead of another attempt. May be said twice. Raises Fenced.
    """
    if attempts.ended_as(session, run_id, fence, "failed"):
        return get(session, run_id)
    verdict = attempts.Reason(code, f"{detail} {_TRIED_TOO_OFTEN}") if may_pass else None
    state = transitions.next_state(charged=True) if may_pass else literal("failed")
    again = {"failures": Run.failures + 1, "available_at": now_ms() + transitions.back_off()}
    reason = attempts.Reason(code, detail)
    return transitions.leave(session, run_id, fence, state, "failed", reason, again, verdict=verdict)


def release(session: Session, run_id: str, fence: int) -> Run:
    """Give the run back because its worker leaves; not charged as a failure. May be said twice. Raises Fenced.

    It goes where it was wished, else back to its place in the queue.
    """
    return _give_back(session, run_id, fence, "released")


def acknowledge_stop(session: Session, run_id: str, fence: int) -> Run:
    """The trainer has stopped as it was wished: the run goes there. May be said twice. Raises Fenced."""
    return _give_back(session, run_id, fence, "stopped")


def reap(session: Session, dead: Collection[str] = ()) -> list[str]:
    """Take every run whose lease is over away from its worker; the ids of those. Any process may, at any time.

    So are the runs of workers that are proven `dead`, whatever their lease says. A run that another transaction is
    changing at this moment is left for the next time.
    """
    over = (Run.state == "running", or_(Run.lease_expires_at < now_ms(), Run.lease_owner.in_(dead)))
    lost = session.execute(select(Run.id, Run.fence).where(*over).with_for_update(skip_locked=True)).all()
    state, counters = transitions.next_state(charged=True), {"failures": Run.failures + 1, "fence": Run.fence + 1}
    counters["available_at"] = transitions.available_after_loss()
    for run_id, fence in lost:
        transitions.leave(session, run_id, fence, state, "lost", _WORKER_LOST, counters, verdict=_GIVEN_UP)
    return [run_id for run_id, _ in lost]


def _give_back(session: Session, run_id: str, fence: int, outcome: attempts.Outcome) -> Run:
    if attempts.ended_as(session, run_id, fence, outcome):
        return get(session, run_id)
    return transitions.leave(session, run_id, fence, transitions.next_state(charged=False), outcome)


def _put(session: Session, run: Run, reason: str, values: Mapping[str, Any]) -> Run:
    """Take a run that nobody works on into another state; the caller has locked it."""
    changed = transitions.change(session, [Run.id == run.id, Run.state == run.state], values)
    assert changed is not None
    events.append(session, changed.id, changed.state, reason=reason)
    return changed


def _wish(session: Session, run: Run, wish: str) -> Run:
    """Ask the worker of a running run to stop; the caller has locked it."""
    events.append(session, run.id, "stop_requested", wish=wish)
    return transitions.write(session, run.id, run.fence, {"stop_requested": wish})


def _live(session: Session, run_id: str) -> Run:
    """The run, locked until this transaction ends. Raises RunNotFound, and RunFinished if it has ended."""
    run = _found(session, run_id, select(Run).with_for_update())
    if run.state in TERMINAL:
        raise RunFinished(f"the run has {_ENDED[run.state]} already, and an ended run never changes")
    return run


def _found(session: Session, run_id: str, query: Select[Run]) -> Run:
    """The run, read anew even if the session knows it."""
    fresh = query.where(Run.id == run_id).execution_options(populate_existing=True)
    run = session.scalar(fresh) if identifiers.is_id(run_id) else None
    if run is None:
        raise RunNotFound("there is no run with this id")
    return run
