"""Life cycle of runs. Uses the database's clock only, and does not interpret specs.

    queued -> running -> succeeded | failed | cancelled        (and paused)

Every claim, reap and forced cancel increases the fence, and every write of a worker is conditional on
`(id, fence, state = 'running')`, so a worker that has lost its run cannot change it any more. Each transition is one
conditional UPDATE, so the database decides between concurrent ones.
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
    "WORKER_LOST", "The worker that had the run ended unexpectedly, or did not renew its lease in time."
)
_GIVEN_UP: Final = attempts.Reason(
    "WORKER_LOST",
    f"{_WORKER_LOST.detail} The run failed repeatedly without a newer checkpoint, so it is not retried. Check the "
    "worker's log and its machine (memory, restarts, network), then create the run again, perhaps smaller.",
)
_NOT_RETRIED: Final = (
    "The run failed repeatedly without a newer checkpoint, so it is not retried: fix the cause, or make the run "
    "smaller, then create it again."
)
_WAITING: Final = aliased(Run)
_QUEUED: Final = literal_column("'queued'", Text)
"""A literal, as in the condition of the queue's index: with a bound parameter the index could not be used."""
_ENDED: Final = {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled"}


@dataclass(frozen=True)
class Enqueued:
    """A queued run; `replayed` if an earlier request with the same key created it."""

    run: Run
    replayed: bool


# --- called by the API -----------------------------------------------------------------------------------------------


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
    """Add a run to the queue, once per key. Raises IdempotencyMismatch and QueueFull.

    `inputs` are blobs that are already known, role -> SHA-256: a `model`, a `dataset`. The run protects them from
    deletion. `max_queued` also counts paused runs, because they can be resumed without a check. Simultaneous requests
    may exceed it by their number.
    """
    run = Run(id=identifiers.new_id(), kind=kind, state="queued", spec=spec, spec_version=spec_version)
    run.priority, run.device, run.dataset_name = priority, device, dataset_name
    if idempotency_key is not None:
        assert request_sha256 is not None, "a key needs the digest of its request"
        earlier = idempotency.take(session, idempotency_key, request_sha256, run.id)
        if earlier is not None:
            return Enqueued(get(session, earlier), replayed=True)
    if session.execute(select(func.count()).where(Run.state.in_(("queued", "paused")))).scalar_one() >= max_queued:
        raise QueueFull(
            f"{max_queued} runs are queued or paused, which is the limit; try again when some have finished"
        )
    if dataset_name is not None:  # a concurrent deletion of the dataset waits, and then finds the run that uses it
        session.scalar(select(Dataset.id).where(Dataset.name == dataset_name).with_for_update(read=True))
    run.dataset_digest = (inputs or {}).get("dataset")
    session.add(run)
    session.flush()
    session.add_all(RunInput(run_id=run.id, role=role, sha256=sha256) for role, sha256 in (inputs or {}).items())
    session.flush()
    events.append(session, run.id, "queued", reason="created")
    return Enqueued(run, replayed=False)


def repeated(session: Session, idempotency_key: str, request_sha256: str) -> Enqueued | None:
    """The run that an earlier request with this key created, even if its dataset or model has been deleted since.

    None does not exclude that such a request is still being processed. Raises IdempotencyMismatch.
    """
    earlier = idempotency.find(session, idempotency_key, request_sha256)
    return None if earlier is None else Enqueued(get(session, earlier), replayed=True)


def get(session: Session, run_id: str) -> Run:
    """The current state of the run. Raises RunNotFound."""
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
    """Runs, newest first, optionally of a state, of a kind, on a dataset. Raises InvalidCursor."""
    query = pages.matching(select(Run), {Run.state: state, Run.kind: kind, Run.dataset_name: dataset})
    return pages.newest_first(session, query, Run.id, limit=limit, cursor=cursor)


def counts(session: Session) -> dict[str, int]:
    """The number of runs in each state, including empty states."""
    rows = session.execute(select(Run.state, func.count()).group_by(Run.state)).all()
    return dict.fromkeys(LIVE + TERMINAL, 0) | {row[0]: row[1] for row in rows}


def cancel(session: Session, run_id: str, *, force: bool = False) -> Run:
    """Cancel the run: immediately if no worker has it, else by a stop request that its worker carries out.

    It replaces a request to pause. With `force` the run is cancelled immediately in any case, and its worker finds
    itself fenced. Idempotent, also on a cancelled run. Raises RunNotFound, and RunFinished if the run has finished
    otherwise.
    """
    run = _found(session, run_id, select(Run).with_for_update())
    if run.state == "cancelled":
        return run
    run = _live(session, run_id)
    if run.state != "running":
        return _set_state(session, run, "asked", {"state": "cancelled", "finished_at": now_ms()})
    if force:
        raised = {"fence": Run.fence + 1}
        return transitions.leave(session, run_id, run.fence, literal("cancelled"), "cancelled", values=raised)
    return run if run.stop_requested == "cancel" else _request_stop(session, run, "cancel")


def pause(session: Session, run_id: str) -> Run:
    """Pause the run until it is resumed: immediately if no worker has it, else by a stop request.

    A request to cancel stays. Idempotent. Raises RunNotFound, RunFinished.
    """
    run = _live(session, run_id)
    if run.state == "queued":
        return _set_state(session, run, "asked", {"state": "paused"})
    return _request_stop(session, run, "pause") if run.state == "running" and run.stop_requested is None else run


def resume(session: Session, run_id: str) -> Run:
    """Return a paused run to the end of the queue; a pending request to pause is withdrawn.

    A run that is not paused does not change, nor does a request to cancel. Raises RunNotFound, RunFinished.
    """
    run = _live(session, run_id)
    if run.state == "paused":
        return _set_state(session, run, "resumed", {"state": "queued", "available_at": now_ms()})
    if run.stop_requested != "pause":
        return run
    events.append(session, run_id, "stop_withdrawn", wish="pause")
    return transitions.write(session, run_id, run.fence, {"stop_requested": None})


def delete(session: Session, run_id: str) -> int:
    """Delete a finished run and all its records. Raises RunNotFound, RunIsLive, RunInUse.

    This removes its references to blobs; `collection` deletes their rows and files later. Returns the bytes of the
    blobs that are no longer referenced.
    """
    run = _found(session, run_id, select(Run).with_for_update())
    if run.state in LIVE:
        raise RunIsLive(f"the run is {run.state}: cancel it first, and delete it when it has finished")
    if session.scalar(select(exists().where(ModelVersion.run_id == run_id))):
        raise RunInUse("a model version was published by this run: delete that version first")
    named = union(*(select(table.sha256).where(table.run_id == run_id) for table in (Checkpoint, RunInput, RunOutput)))
    digests = session.scalars(named).all()
    for table in (IdempotencyKey, RunEvent, RunMetric, Checkpoint, RunInput, RunOutput, Attempt):
        session.execute(delete_rows(table).where(table.run_id == run_id))
    session.delete(run)
    session.flush()
    return artifacts.freed(session, digests)


# --- called by workers -----------------------------------------------------------------------------------------------


def is_any_waiting(session: Session, devices: Collection[str]) -> bool:
    """Whether there is a run that `claim` could take now. Only reads, so an idle worker may ask often."""
    waiting = likely(_WAITING.state == _QUEUED), _WAITING.available_at <= now_ms(), _WAITING.device.in_(devices)
    return session.scalar(select(_WAITING.id).where(*waiting).limit(1)) is not None


def claim(session: Session, *, owner: str, lease_seconds: float, devices: Collection[str]) -> Run | None:
    """Claim the first queued run for one of `devices`, with a new fence; None if there is none.

    The order is by priority, then by waiting time. Metrics after the checkpoint from which this attempt resumes are
    deleted, because it writes them again.
    """
    first = (
        select(_WAITING.id)
        .where(likely(_WAITING.state == _QUEUED), _WAITING.available_at <= now_ms(), _WAITING.device.in_(devices))
        .order_by(_WAITING.priority.desc(), _WAITING.available_at, _WAITING.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    values = {
        "state": "running",
        "fence": Run.fence + 1,
        "attempt": Run.attempt + 1,
        "lease_owner": owner,
        "lease_expires_at": now_ms() + milliseconds(lease_seconds),
        "progress": None,
        "started_at": func.coalesce(Run.started_at, now_ms()),
    }
    run = transitions.change(session, [Run.id == first, Run.state == "queued"], values)
    if run is not None:
        newest = checkpoints.latest(session, run.id)
        curves.cut(session, run.id, newest.epoch if newest else 0)
        attempts.begin(session, run, newest.epoch if newest else None)
        data = {"attempt": run.attempt, "epoch": newest.epoch if newest else 0}
        events.append(session, run.id, "running", reason="claimed", **data)
    return run


def renew(session: Session, run_id: str, fence: int, lease_seconds: float) -> str | None:
    """Renew the lease, even an expired one that has not been reaped yet; returns `stop_requested`. Raises Fenced."""
    expires = {"lease_expires_at": now_ms() + milliseconds(lease_seconds)}
    return transitions.write(session, run_id, fence, expires).stop_requested


def stop_request(session: Session, run_id: str, fence: int) -> str | None:
    """Read `stop_requested` without writing. Raises Fenced."""
    return transitions.stop_request(session, run_id, fence)


def describe(session: Session, run_id: str, fence: int, environment: dict[str, Any]) -> None:
    """Record the environment of this attempt: device, threads, library versions. Raises Fenced."""
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
    """Record the progress of the run and its metrics. Raises Fenced."""
    if progress is None:
        transitions.hold(session, run_id, fence)
    else:
        transitions.write(session, run_id, fence, {"progress": progress})
    curves.append(session, run_id, metrics)
    if metrics:  # the event only says which epochs are new: there may be many records, and readers get them as metrics
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
    """Finish the run successfully and publish its models in the same transaction, despite a late stop request.

    If the run has exactly one model, the run gets its name. Idempotent for the same attempt, which may repeat it if the
    answer to a commit was lost. Raises Fenced.
    """
    if attempts.ended_as(session, run_id, fence, "succeeded"):
        return get(session, run_id)
    transitions.hold(session, run_id, fence)
    run_blobs.add_outputs(session, run_id, outputs)
    # sorted by name, so that two runs that publish the same names do not deadlock
    versions = [models.publish(session, run_id, one) for one in sorted(publish, key=lambda one: one.name)]
    named = {"model_name": versions[0].name, "model_version": versions[0].version} if len(versions) == 1 else {}
    values = {"result": result, **named}
    return transitions.leave(session, run_id, fence, literal("succeeded"), "succeeded", values=values)


def fail(session: Session, run_id: str, fence: int, *, code: str, detail: str, may_pass: bool) -> Run:
    """End the attempt with an error. If the error `may_pass`, the run is retried until the limits are reached.

    A stop request is carried out instead of a retry. Idempotent for the same attempt. Raises Fenced.
    """
    if attempts.ended_as(session, run_id, fence, "failed"):
        return get(session, run_id)
    verdict = attempts.Reason(code, f"{detail} {_NOT_RETRIED}") if may_pass else None
    state = transitions.next_state(charged=True) if may_pass else literal("failed")
    again = {"failures": Run.failures + 1, "available_at": now_ms() + transitions.back_off()}
    reason = attempts.Reason(code, detail)
    return transitions.leave(session, run_id, fence, state, "failed", reason, again, verdict=verdict)


def release(session: Session, run_id: str, fence: int) -> Run:
    """Return the run because its worker is exiting; does not count as a failure. Idempotent. Raises Fenced.

    A stop request is carried out; otherwise the run returns to its place in the queue.
    """
    return _give_back(session, run_id, fence, "released")


def acknowledge_stop(session: Session, run_id: str, fence: int) -> Run:
    """Carry out the stop request after the trainer has stopped. Idempotent. Raises Fenced."""
    return _give_back(session, run_id, fence, "stopped")


def reap(session: Session, dead: Collection[str] = ()) -> list[str]:
    """Take all runs with an expired lease from their workers; returns their ids. Any process may do so at any time.

    Runs of workers that are known to be `dead` are taken regardless of their lease. Runs that another transaction is
    changing are skipped.
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


def _set_state(session: Session, run: Run, reason: str, values: Mapping[str, Any]) -> Run:
    """Set the state of a run that no worker holds; the caller has locked it."""
    changed = transitions.change(session, [Run.id == run.id, Run.state == run.state], values)
    assert changed is not None
    events.append(session, changed.id, changed.state, reason=reason)
    return changed


def _request_stop(session: Session, run: Run, stop: str) -> Run:
    """Store a stop request for a running run; the caller has locked it."""
    events.append(session, run.id, "stop_requested", wish=stop)
    return transitions.write(session, run.id, run.fence, {"stop_requested": stop})


def _live(session: Session, run_id: str) -> Run:
    """Lock the run until this transaction ends. Raises RunNotFound, and RunFinished if it has finished."""
    run = _found(session, run_id, select(Run).with_for_update())
    if run.state in TERMINAL:
        raise RunFinished(f"the run has {_ENDED[run.state]}, and a finished run never changes")
    return run


def _found(session: Session, run_id: str, query: Select[Run]) -> Run:
    """The run, read from the database even if the session has it. Raises RunNotFound."""
    fresh = query.where(Run.id == run_id).execution_options(populate_existing=True)
    run = session.scalar(fresh) if identifiers.is_id(run_id) else None
    if run is None:
        raise RunNotFound("there is no run with this id")
    return run
