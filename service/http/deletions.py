"""What a deletion says of the room that it makes. Knows no noun."""

from typing import Any, Final

from fastapi import Response

HEADER: Final = "Freed-Bytes"

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    204: {
        "description": "It is gone.",
        "headers": {
            HEADER: {
                "description": "Bytes that nothing needs any more; their files are removed some time later.",
                "schema": {"type": "integer", "minimum": 0},
            }
        },
    }
}
"""The answer of every route that says it."""


def say(response: Response, size: int) -> None:
    """Tell the client how many bytes nothing needs any more."""
    response.headers[HEADER] = str(size)
