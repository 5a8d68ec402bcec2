"""Pages of ascending lists."""

from collections.abc import Sequence

import pytest

from service.http import pages


@pytest.mark.parametrize(
    ("rows", "limit", "expected"),
    [
        ([], 2, ([], None)),
        ([3], 2, ([3], None)),
        ([3, 5], 2, ([3, 5], None)),
        ([3, 5, 9], 2, ([3, 5], "5")),
        ([3, 5, 9], 1, ([3], "3")),
    ],
)
def test_ascending_has_a_cursor_only_if_there_are_more_rows(
    rows: list[int], limit: int, expected: tuple[Sequence[int], str | None]
) -> None:
    assert pages.ascending(rows, limit, lambda row: row) == expected
