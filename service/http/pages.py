"""What all lists share: the size of a page, and where it starts."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from fastapi import Query
from pydantic import Field

MAX_PAGE: Final = 200
"""Items of one page; a larger `limit` means this one."""

Limit = Annotated[
    int, Query(ge=1, le=2**31 - 1, description=f"Maximum number of items; values above {MAX_PAGE} mean {MAX_PAGE}.")
]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the previous page.")]
NextCursor = Annotated[
    str | None, Field(max_length=200, description="Where the next page starts; null on the last page.")
]

Row = TypeVar("Row")


def ascending(rows: Sequence[Row], limit: int, number: Callable[[Row], int]) -> tuple[Sequence[Row], str | None]:
    """The first `limit` of rows by ascending number, and `next_cursor`: the last number, where there are more rows.

    `rows` are read with a limit of at least one more. The next page is read with `after` set to the cursor.
    """
    page = rows[:limit]
    return page, str(number(page[-1])) if len(rows) > limit else None
