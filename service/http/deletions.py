"""The response of a deletion, with the number of bytes that it frees."""

from typing import Any, Final

from fastapi import Response

HEADER: Final = "Freed-Bytes"

DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    204: {
        "description": "Deleted.",
        "headers": {
            HEADER: {
                "description": "Bytes that are no longer referenced; the garbage collection deletes their files later.",
                "schema": {"type": "integer", "minimum": 0},
            }
        },
    }
}
"""What routes that set the header document."""


def set_freed_bytes(response: Response, size: int) -> None:
    """Tell the client how many bytes are no longer referenced."""
    response.headers[HEADER] = str(size)
