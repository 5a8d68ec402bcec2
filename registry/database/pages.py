"""Keyset pagination, newest first, with opaque cursors.

A page starts after the last key of the previous page, not at an offset, so rows added meanwhile do not shift it.
"""

import base64
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from registry.database import identifiers
from registry.errors import InvalidCursor

MAX_LIMIT: Final = 200

Row = TypeVar("Row")
Key = TypeVar("Key", str, int)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page of rows, and the cursor of the next page; None after the last page."""

    items: list[Row]
    next_cursor: str | None


def matching(query: Select[Row], filters: Mapping[InstrumentedAttribute[Any], object]) -> Select[Row]:
    """Filter the query by the values of columns; None means no filter."""
    return query.where(*(column == value for column, value in filters.items() if value is not None))


def newest_first(
    session: Session,
    query: Select[Row],
    key: InstrumentedAttribute[Key],
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[Row]:
    """At most `limit` rows (clamped to 1 to 200) in descending order of the unique `key`.

    Raises InvalidCursor.
    """
    size = max(1, min(limit, MAX_LIMIT))
    if cursor is not None:
        query = query.where(key < _decode(cursor, key.type.python_type))
    rows = list(session.scalars(query.order_by(key.desc()).limit(size + 1)))
    more = len(rows) > size
    return Page(rows[:size], _encode(getattr(rows[size - 1], key.key)) if more else None)


def _encode(value: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _decode(cursor: str, kind: type) -> str | int:
    """The key in a cursor: an identifier or a small number. Raises InvalidCursor for anything else."""
    value: object = None
    with contextlib.suppress(ValueError, RecursionError):  # ValueError includes invalid base64 and UTF-8
        value = json.loads(base64.b64decode(cursor[:100] + "=" * (-len(cursor[:100]) % 4), b"-_", validate=True))
    if isinstance(value, str) and kind is str and identifiers.is_id(value):
        return value
    if type(value) is int and kind is int and 0 < value < 2**31:  # type(), because True is also an int
        return value
    raise InvalidCursor("the cursor must be the unchanged `next_cursor` of the previous page")
