"""What is said to a database's planner about a condition. Changes no result, only the way to it."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class likely(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function that it is
    """SQL: the condition, which most rows of its index meet: SQLite shall not choose an index for its sake.

    Without statistics it takes every equality for a rare one. PostgreSQL keeps statistics, and hears nothing. It has no
    type: SQLAlchemy would compare a boolean with 1, and SQLite then see no condition of an index in it.
    """

    inherit_cache = True

    def __init__(self, condition: ColumnElement[bool]) -> None:
        super().__init__(condition)


@compiles(likely)
def _unsaid(element: likely, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(likely, "sqlite")
def _on_sqlite(element: likely, compiler: Any, **options: Any) -> str:
    return f"likely({compiler.process(element.clauses, **options)})"
