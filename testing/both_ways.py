"""Sends every request for codes, outputs or reconstructions a second time, on the way on which none is answered
directly, and compares the answers: status, headers and body.
"""

import json
import re
from typing import Any, Final

import httpx

OTHER_WAY: Final = {"Content-Encoding": "identity"}
"""A header that changes nothing, with which no request is answered directly."""
_DIRECT: Final = re.compile(r"/api/v1/models/[^/]+/(encode|decode|reconstruct)")
_OF_ONE_REQUEST: Final = frozenset({"date", "x-request-id", "content-length"})


def compare(response: httpx.Response) -> None:
    """An event hook of a client. Raises AssertionError if the other way answers otherwise."""
    request = response.request
    if request.method != "POST" or not _DIRECT.fullmatch(request.url.path) or "content-encoding" in request.headers:
        return
    content, headers = request.read(), {**request.headers, **OTHER_WAY}
    headers.pop("content-length", None)
    headers.pop("transfer-encoding", None)
    with httpx.Client(trust_env=False, timeout=60) as client:
        other = client.post(request.url, content=content, headers=headers)
    response.read()
    assert _seen(response) == _seen(other), f"{request.url} is answered in two ways"


def _seen(response: httpx.Response) -> tuple[int, list[tuple[str, str]], Any]:
    kept = sorted(item for item in response.headers.multi_items() if item[0] not in _OF_ONE_REQUEST)
    problem = response.headers.get("content-type") == "application/problem+json"
    return (
        response.status_code,
        kept,
        {**json.loads(response.content), "request_id": ""} if problem else response.content,
    )
