"""Artifacts as downloads: with their digest, asked for in parts, and not sent to those who have them.

Knows a path and a digest; not what the file holds.
"""

import base64
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.responses import MalformedRangeHeader, RangeNotSatisfiable

from service.http import representations
from service.http.representations import Representation


class _File(FileResponse):
    """A file whose refusals are problems like all others; Starlette answers them itself, in plain text."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        try:
            return super()._parse_range_header(http_range, file_size)
        except MalformedRangeHeader:
            return []  # what cannot be read is ignored (RFC 9110, 14.2)
        except RangeNotSatisfiable as error:
            sizes = {"Content-Range": f"bytes */{file_size}"}
            raise HTTPException(416, f"the file has {file_size:,} bytes; none of that part", sizes) from error


def download(request: Request, path: Path, sha256: str, form: Representation, *, name: str, pinned: bool) -> Response:
    """The file at `path`, to be kept as `name`; `pinned` says that the URL names this content for ever."""
    headers = representations.fixed_headers(f'"{sha256}"', pinned=pinned)
    if representations.has_already(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    return _File(path, headers=headers, media_type=form.media_type, filename=name)
