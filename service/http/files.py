"""Artifacts as downloads: with their digest, range requests, and 304 for a client that has the file."""

import base64
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.responses import MalformedRangeHeader, RangeNotSatisfiable

from service.http import representations
from service.http.representations import Representation


class _File(FileResponse):
    """A file response whose errors are problem documents; Starlette would send them as plain text."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        try:
            return super()._parse_range_header(http_range, file_size)
        except MalformedRangeHeader:
            return []  # an invalid Range header is ignored (RFC 9110, 14.2)
        except RangeNotSatisfiable as error:
            sizes = {"Content-Range": f"bytes */{file_size}"}
            detail = f"the file has {file_size:,} bytes, none of them in the requested range"
            raise HTTPException(416, detail, sizes) from error


def download(request: Request, path: Path, sha256: str, form: Representation, *, name: str, pinned: bool) -> Response:
    """The file at `path`, to be saved as `name`; `pinned` says that the URL names this content for ever."""
    headers = representations.fixed_headers(f'"{sha256}"', pinned=pinned)
    if representations.has_already(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    return _File(path, headers=headers, media_type=form.media_type, filename=name)
