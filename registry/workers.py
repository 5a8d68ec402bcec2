"""Who works: what each worker says of itself, and when it last said so. Decides nothing; leases do."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from registry.database import pages, sessions
from registry.database.clock import milliseconds, now_ms
from registry.database.tables import Run, Worker

ALIVE_SECONDS: Final = 60
"""A worker that was not heard of for so long counts as gone. It says that it lives at every upkeep, whatever it does:
about every 15 seconds."""


@dataclass(frozen=True)
class Identity:
    """A worker process and what it computes with.

    `boot_id`, `pid_namespace`, `pid` and `pid_started` together tell a process from every other one, past or present,
    on whatever machine; None where the system does not say.
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


def beat(session: Session, worker_id: str, identity: Identity) -> None:
    """Say that the worker is alive, and what it is."""
    facts = asdict(identity)
    statement = sessions.insert(session, Worker).values(id=worker_id, **facts)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={**facts, "seen_at": now_ms()}))


def alive(session: Session, within_seconds: float) -> list[Worker]:
    """Workers that were heard of in the last so many seconds, the one that started last first."""
    heard = Worker.seen_at > now_ms() - milliseconds(within_seconds)
    return list(session.scalars(select(Worker).where(heard).order_by(Worker.started_at.desc(), Worker.id)))


def page(session: Session, *, device: str | None = None, limit: int, cursor: str | None = None) -> pages.Page[Worker]:
    """Workers that are alive, the one that started last first: all, or those with a device. Raises InvalidCursor."""
    alive = select(Worker).where(Worker.seen_at > now_ms() - milliseconds(ALIVE_SECONDS))
    query = pages.matching(alive, {Worker.device: device})
    return pages.newest_first(session, query, Worker.serial, limit=limit, cursor=cursor)


def runs_of(session: Session, worker_ids: Collection[str]) -> dict[str, str]:
    """The run that each of these workers holds, worker -> run; who holds none is not there."""
    query = select(Run.lease_owner, Run.id).where(Run.state == "running", Run.lease_owner.in_(worker_ids))
    return {str(worker_id): run_id for worker_id, run_id in session.execute(query)}


def holding(session: Session) -> list[Worker]:
    """Workers that hold a run, whether they are alive or not."""
    holders = select(Run.lease_owner).where(Run.state == "running")
    return list(session.scalars(select(Worker).where(Worker.id.in_(holders)).order_by(Worker.id)))


def forget_silent(session: Session, within_seconds: float) -> None:
    """Remove workers that were not heard of for so long and hold no run: killed ones have said no farewell.

    One that holds a run stays: by its row it can be proven dead.
    """
    silent = Worker.seen_at < now_ms() - milliseconds(within_seconds)
    holders = select(Run.lease_owner).where(Run.state == "running")
    session.execute(delete(Worker).where(silent, Worker.id.not_in(holders)))


def forget(session: Session, worker_id: str) -> None:
    """Remove a worker that ends; one that is not there is no error."""
    session.execute(delete(Worker).where(Worker.id == worker_id))
