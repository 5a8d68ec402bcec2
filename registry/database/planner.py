"""Hints for the query planner. They change the plan of a query, never its result."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class likely(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function that it is
    """SQL: a condition that most rows meet, so that SQLite does not choose an index because of it.

    Without statistics, SQLite assumes that every equality is selective. PostgreSQL has statistics and gets no hint. The
    element has no type: SQLAlchemy would compare a boolean with 1, and SQLite would not recognise the condition of a
    partial index.
    """

    inherit_cache = True

    def __init__(self, condition: ColumnElement[bool]) -> None:
        super().__init__(condition)


@compiles(likely)
def _without_hint(element: likely, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(likely, "sqlite")
def _on_sqlite(element: likely, compiler: Any, **options: Any) -> str:
    return f"likely({compiler.process(element.clauses, **options)})"
