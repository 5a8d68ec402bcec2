"""The database's clock, and the type of all stored times. This machine's clock is never used.

All leases are checked by one clock: with the clocks of several workers, a fast one would take runs from live workers.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Moment(TypeDecorator[datetime]):
    """A point in time: BIGINT milliseconds since 1970 in the database, an aware UTC datetime in Python."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Raises TypeError for a datetime without a zone."""
        return None if value is None else (value - _EPOCH) // _MILLISECOND

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        """Exact, because no float is involved."""
        return None if value is None else _EPOCH + value * _MILLISECOND


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """SQL: milliseconds since 1970 by the database's clock, the same throughout one statement."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _on_sqlite(_element: now_ms, _compiler: Any, **_options: Any) -> str:
    """`unixepoch('subsec')` would need SQLite 3.42; Debian 12 has 3.40."""
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _on_postgresql(_element: now_ms, _compiler: Any, **_options: Any) -> str:
    """Not `now()`, which is constant throughout a transaction."""
    return "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)"


def milliseconds(seconds: float) -> int:
    """Convert a duration in seconds for arithmetic with `now_ms()`."""
    return round(seconds * 1000)
