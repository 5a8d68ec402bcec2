"""Workers: what each one reports about itself, and its last heartbeat. Informational; leases decide who has a run."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from registry.database import pages, sessions
from registry.database.clock import milliseconds, now_ms
from registry.database.tables import Run, Worker

ALIVE_SECONDS: Final = 60
"""Seconds without a heartbeat after which a worker counts as gone. A heartbeat is written about every 15 s, whatever
the worker is doing."""


@dataclass(frozen=True)
class Identity:
    """A worker process and what it computes with.

    `boot_id`, `pid_namespace`, `pid` and `pid_started` together identify a process among all past and present ones on
    any machine; None if the system does not report them.
    """

    host: str
    pid: int
    device: str
    release: str
    boot_id: str | None = None
    pid_namespace: str | None = None
    pid_started: str | None = None
    device_name: str | None = None
    threads: int | None = None


def heartbeat(session: Session, worker_id: str, identity: Identity) -> None:
    """Record a heartbeat of the worker, with its identity."""
    facts = asdict(identity)
    statement = sessions.insert(session, Worker).values(id=worker_id, **facts)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={**facts, "seen_at": now_ms()}))


def alive(session: Session, within_seconds: float) -> list[Worker]:
    """Workers with a heartbeat in the last `within_seconds`, the most recently started first."""
    recent = Worker.seen_at > now_ms() - milliseconds(within_seconds)
    return list(session.scalars(select(Worker).where(recent).order_by(Worker.started_at.desc(), Worker.id)))


def page(session: Session, *, device: str | None = None, limit: int, cursor: str | None = None) -> pages.Page[Worker]:
    """Workers that are alive, the most recently started first; optionally those with a device. Raises InvalidCursor."""
    alive = select(Worker).where(Worker.seen_at > now_ms() - milliseconds(ALIVE_SECONDS))
    query = pages.matching(alive, {Worker.device: device})
    return pages.newest_first(session, query, Worker.serial, limit=limit, cursor=cursor)


def runs_of(session: Session, worker_ids: Collection[str]) -> dict[str, str]:
    """The run that each of these workers holds, worker -> run; workers without a run are left out."""
    query = select(Run.lease_owner, Run.id).where(Run.state == "running", Run.lease_owner.in_(worker_ids))
    return {str(worker_id): run_id for worker_id, run_id in session.execute(query)}


def holding(session: Session) -> list[Worker]:
    """Workers that hold a run, whether they are alive or not."""
    holders = select(Run.lease_owner).where(Run.state == "running")
    return list(session.scalars(select(Worker).where(Worker.id.in_(holders)).order_by(Worker.id)))


def remove_silent(session: Session, within_seconds: float) -> None:
    """Remove workers without a heartbeat in the last `within_seconds` that hold no run, for example killed ones.

    A worker that holds a run stays, because its row is needed to detect that it has died.
    """
    silent = Worker.seen_at < now_ms() - milliseconds(within_seconds)
    holders = select(Run.lease_owner).where(Run.state == "running")
    session.execute(delete(Worker).where(silent, Worker.id.not_in(holders)))


def remove(session: Session, worker_id: str) -> None:
    """Remove a worker that is exiting; does nothing if it does not exist."""
    session.execute(delete(Worker).where(Worker.id == worker_id))
