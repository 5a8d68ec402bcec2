"""Idempotency keys, which make a repeated request safe: one key, one run. Only the request's digest is stored."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.database import sessions
from registry.database.clock import milliseconds, now_ms
from registry.database.tables import IdempotencyKey
from registry.errors import IdempotencyMismatch

KEPT_SECONDS: Final = 24 * 3600
"""How long a key is valid; afterwards the next request with the same key takes it over."""


def take(session: Session, key: str, request_sha256: str, run_id: str) -> str | None:
    """Assign the key to `run_id`, which must be inserted in the same transaction; returns the earlier run, if any.

    A single statement decides: a second transaction with the same key waits for the first and then sees its row. Raises
    IdempotencyMismatch if the key was used for another request.
    """
    row = {"request_sha256": request_sha256, "run_id": run_id, "created_at": now_ms()}
    taken = (
        sessions.insert(session, IdempotencyKey)
        .values(key=key, **row)
        .on_conflict_do_update(
            index_elements=["key"],
            set_=row,
            where=IdempotencyKey.created_at < now_ms() - milliseconds(KEPT_SECONDS),
        )
        .returning(IdempotencyKey.key)
    )
    if session.scalar(taken) is not None:
        return None
    return _run_of(session.scalars(select(IdempotencyKey).where(IdempotencyKey.key == key)).one(), request_sha256)


def find(session: Session, key: str, request_sha256: str) -> str | None:
    """The run that an earlier request with this key created, while the key is valid. Raises IdempotencyMismatch."""
    honoured = IdempotencyKey.created_at >= now_ms() - milliseconds(KEPT_SECONDS)
    earlier = session.scalar(select(IdempotencyKey).where(IdempotencyKey.key == key, honoured))
    return None if earlier is None else _run_of(earlier, request_sha256)


def _run_of(earlier: IdempotencyKey, request_sha256: str) -> str:
    if earlier.request_sha256 != request_sha256:
        raise IdempotencyMismatch("this Idempotency-Key was used for another request: use a new key for a new request")
    return earlier.run_id
