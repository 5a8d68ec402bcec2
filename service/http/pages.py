"""What all lists share: how many items, and from where on. Knows no noun."""

from typing import Annotated, Final

from fastapi import Query
from pydantic import Field

MAX_PAGE: Final = 200
"""Items of one page; a larger `limit` is taken for this one."""

Limit = Annotated[
    int, Query(ge=1, le=2**31 - 1, description=f"How many items to give; more than {MAX_PAGE} are not given at once.")
]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before, as it stands.")]
NextCursor = Annotated[
    str | None, Field(max_length=200, description="Where the next page begins; null where there is none.")
]
