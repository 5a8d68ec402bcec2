"""Keyset pages, newest first, with cursors that only this file understands. Knows no table.

A page begins where the one before ended, by key and not by count, so what is added meanwhile shifts nothing.
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
    """Some rows, and where the next ones begin: None after the last."""

    items: list[Row]
    next_cursor: str | None


def matching(query: Select[Row], wanted: Mapping[InstrumentedAttribute[Any], object]) -> Select[Row]:
    """The rows of the query whose columns have these values; None asks nothing of its column."""
    return query.where(*(column == value for column, value in wanted.items() if value is not None))


def newest_first(
    session: Session,
    query: Select[Row],
    key: InstrumentedAttribute[Key],
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[Row]:
    """At most `limit` rows (1 to 200; other numbers are moved there) in descending order of the unique `key`.

    Raises InvalidCursor.
    """
    size = max(1, min(limit, MAX_LIMIT))
    if cursor is not None:
        query = query.where(key < _opened(cursor, key.type.python_type))
    rows = list(session.scalars(query.order_by(key.desc()).limit(size + 1)))
    more = len(rows) > size
    return Page(rows[:size], _closed(getattr(rows[size - 1], key.key)) if more else None)


def _closed(value: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _opened(cursor: str, kind: type) -> str | int:
    """The key in a cursor: an identifier or a small number, and nothing else."""
    value: object = None
    with contextlib.suppress(ValueError, RecursionError):  # of which bad base64 and bad UTF-8 are kinds
        value = json.loads(base64.b64decode(cursor[:100] + "=" * (-len(cursor[:100]) % 4), b"-_", validate=True))
    if isinstance(value, str) and kind is str and identifiers.is_id(value):
        return value
    if type(value) is int and kind is int and 0 < value < 2**31:  # type() because True is an int, too
        return value
    raise InvalidCursor("the cursor must be `next_cursor` of the page before, as it stands")
