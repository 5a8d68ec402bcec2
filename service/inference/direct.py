"""The direct way of the usual requests for codes, outputs and reconstructions: past FastAPI's routing and middleware.

It gives nothing but the 200 that the other way would give, in the same bytes. Whatever is unusual or wrong it hands on
unanswered, body included, so that errors are worded in one place. It uses the same functions for all that it checks.
"""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from service.errors import ServiceError
from service.http import access, paths, representations
from service.http.access import Recorder
from service.http.guard import Admission
from service.http.metrics import Measurements
from service.http.representations import JSON, NPY, PNG, SAFETENSORS, Representation
from service.inference import batcher, compute, inputs, operations, plain_bodies
from service.inference.batcher import Batcher
from service.inference.model_cache import ModelCache
from service.inference.names import Names
from service.inference.operations import Operation
from service.settings import ServiceSettings

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

MAX_JSON: Final = 2**16
"""Bytes of JSON that are parsed on the event loop; a longer body is parsed in a thread, on the other way."""
MAX_BINARY: Final = 2**21
"""Bytes of a binary body that is checked on the event loop."""
MAX_NUMBERS: Final = {JSON: 2**16, NPY: 2**19, SAFETENSORS: 2**19}
"""Numbers of an answer that is written on the event loop."""
MAX_REMEMBERED: Final = 200
"""Values of a header for which the decision is remembered."""

_OPERATIONS: Final[dict[str, Operation]] = {"encode": "encode", "decode": "decode", "reconstruct": "reconstruct"}
_PATH: Final = re.compile(rf"{paths.V1}/models/([a-z0-9._@-]{{1,128}})/(encode|decode|reconstruct)")
_OTHERS: Final = frozenset((b"origin", b"sec-fetch-site", b"content-encoding", b"transfer-encoding", b"expect"))
"""Headers with which a request takes the other way."""
_READ: Final = frozenset((b"host", b"accept", b"content-type", b"content-length", b"x-request-id"))
_KEYS: Final = frozenset((b"authorization", b"x-api-key"))
_BODY_TYPES: Final = {b"application/json": JSON, b"application/x-npy": NPY}
_OFFERS: Final[dict[Operation, tuple[Representation, ...]]] = {
    "encode": (JSON, NPY, SAFETENSORS),
    "decode": (JSON, NPY, SAFETENSORS),
    "reconstruct": (JSON, PNG, NPY, SAFETENSORS),
}
_SENT: Final[dict[Operation, str]] = {"encode": "inputs", "decode": "codes", "reconstruct": "inputs"}
"""Names of what is sent."""
_ANSWER_TYPES: Final = {form: form.media_type.encode() for form in (JSON, NPY, SAFETENSORS)}
_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in access.SAFE_HEADERS.items()]

T = TypeVar("T")


class Direct:
    """The direct way, for one application."""

    def __init__(
        self,
        settings: ServiceSettings,
        names: Names,
        models: ModelCache,
        together: Batcher,
        measurements: Measurements,
    ) -> None:
        self._settings = settings
        self._names = names
        self._models = models
        self._batcher = together
        self._record = Recorder(measurements)
        self._counted = {operation: measurements.rows.labels(operation) for operation in _OFFERS}
        self._admission = Admission(settings)
        self._served: dict[bytes, bool] = {}
        self._forms: dict[tuple[Operation, bytes], Representation | None] = {}

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Answer an HTTP request: None. Or leave it unanswered: then it is received from what is returned."""
        if scope["method"] != "POST" or scope["query_string"]:
            return receive
        match = _PATH.fullmatch(scope["path"])
        if match is None:
            return receive
        reference, operation = match[1], _OPERATIONS[match[2]]
        began = time.perf_counter()
        headers = self._usual_headers(scope)
        form = None if headers is None else self._form(operation, headers.get(b"accept", b""))
        if headers is None or form is None:
            return receive
        body = await _whole(receive)
        if isinstance(body, _Partial):
            return body.receive
        try:
            found = await self._names.find(reference)
            model = None if found is None else self._models.loaded(found.digest)
            if found is None or model is None:
                return _Replayed(body, receive)
            rows = self._rows_of(model, operation, headers[b"content-type"], body, form)
            if rows is None:
                return _Replayed(body, receive)
            work = self._batcher.run(found.digest, operation, rows)
            at_once = batcher.is_small(model, operation, len(rows))  # so that nobody can go meanwhile
            arrays = await (work if at_once else compute.while_connected(receive, work))
            content = representations.array_bytes(form, arrays, operations.beside(model, found.reference, operation))
        except ClientDisconnect:
            return _Partial(body, {"type": "http.disconnect"}).receive
        except Exception:  # also what is nobody's fault but ours: it happens again on the other way, which logs it
            return _Replayed(body, receive)
        self._counted[operation].inc(len(rows))
        request_id = access.request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"vary", b"Accept"),
                    (b"content-length", str(len(content)).encode()),
                    (b"content-type", _ANSWER_TYPES[form]),
                    (b"x-request-id", request_id.encode()),
                    *_HEADERS,
                ],
            }
        )
        await send({"type": "http.response.body", "body": content})
        self._record(request_id, "POST", f"{paths.V1}/models/{{model}}/{operation}", 200, began)
        return None

    # What is usual.

    def _usual_headers(self, scope: Scope) -> dict[bytes, bytes] | None:
        """The headers that matter, if they are usual and the request is admitted."""
        found: dict[bytes, bytes] = {}
        has_key = False
        for name, value in scope["headers"]:
            if name in _READ:
                if name in found:
                    return None
                found[name] = value
            elif name in _OTHERS:
                return None
            elif name in _KEYS:
                has_key = True
        length = found.get(b"content-length", b"")
        body_type = _BODY_TYPES.get(found.get(b"content-type", b""))
        if body_type is None or not length.isdigit() or len(length) > 9:
            return None
        if int(length) > min(MAX_JSON if body_type == JSON else MAX_BINARY, self._settings.max_body_bytes):
            return None
        if not _remembered(self._served, found.get(b"host", b""), lambda: self._serves(scope)):
            return None
        if has_key or self._settings.api_key is not None:
            return found if self._admits(scope) else None
        return found

    def _serves(self, scope: Scope) -> bool:
        try:
            self._admission.check_host(Headers(scope=scope))
        except ServiceError:
            return False
        return True

    def _admits(self, scope: Scope) -> bool:
        try:
            self._admission.check_key(scope["path"], Headers(scope=scope))
        except ServiceError:
            return False
        return True

    def _form(self, operation: Operation, accept: bytes) -> Representation | None:
        """The form of the answer; None for a picture, and if the request accepts none."""

        def preferred() -> Representation | None:
            form = representations.accepted(accept.decode("latin-1"), _OFFERS[operation])
            return None if form == PNG else form

        return _remembered(self._forms, (operation, accept), preferred)

    def _rows_of(
        self, model: "TrainedModel", operation: Operation, body_type: bytes, body: bytes, form: Representation
    ) -> np.ndarray | None:
        """The checked rows in a body; None if it, or what it would give, is not usual. Raises what a check raises."""
        width = model.n_latents if operation == "decode" else model.n_inputs
        if body_type == b"application/json":
            sent = plain_bodies.from_json(body, _SENT[operation], width, double=model.preprocessing.means is not None)
        else:
            sent = plain_bodies.from_npy(body, width)
        if sent is None or len(sent) * max(model.n_inputs, model.n_latents) > MAX_NUMBERS[form]:
            return None
        if operation == "decode":
            return inputs.checked_codes(self._settings, model, sent)
        return inputs.checked_rows(self._settings, model, sent)


class _Partial:
    """A body that did not arrive whole: the client has gone."""

    def __init__(self, body: bytes, last: Message) -> None:
        self._messages = [{"type": "http.request", "body": body, "more_body": True}, last]

    async def receive(self) -> Message:
        """What came, then the disconnect for ever."""
        return self._messages.pop(0) if len(self._messages) > 1 else self._messages[0]


class _Replayed:
    """`receive` for whoever reads the body anew."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _whole(receive: Receive) -> bytes | _Partial:
    """The body of a request; the server bounds it by its Content-Length."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return _Partial(b"".join(parts), message)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


K = TypeVar("K")


def _remembered(known: dict[K, T], key: K, decide: Callable[[], T]) -> T:
    """The decision for a key, made once; all are dropped when there are many, for clients choose the keys."""
    if key not in known:
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[key] = decide()
    return known[key]
