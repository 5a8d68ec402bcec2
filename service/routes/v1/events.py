"""Events of a run over HTTP: as a page, or as a stream until the run has finished.

Both have the same events under the same numbers. Knows no meaning of an event but that of a terminal one.
"""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, Self

import anyio.to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from registry import events, runs
from registry.database import tables
from registry.errors import DatabaseUnavailable, RegistryError
from service.answers.fields import Count
from service.errors import Fault, InvalidRequest
from service.followers import Followers
from service.http import pages, paths, problems, representations
from service.http.pages import NextCursor
from service.http.parameters import RunId
from service.http.representations import JSON, Representation
from service.state import AppState, AppStateDep

MAX_EVENTS: Final = 1000
"""Events in one page, and in one query for a stream."""
PING_SECONDS: Final = 15.0
"""A stream without an event for so long sends a comment, which keeps the connection alive."""
SSE: Final = Representation("sse", "text/event-stream")

router = APIRouter(prefix=paths.V1, tags=["runs"])

EventId = Annotated[
    Annotated[int, Field(ge=0, le=2**53)] | None, BeforeValidator(lambda sent: None if sent == "" else sent)
]
"""The number of an event, as clients send it back; some send an empty text for none."""


class EventData(BaseModel):
    """Details of an event; fields that do not apply are absent."""

    model_config = ConfigDict(extra="forbid")
    reason: str | None = Field(None, max_length=20, description="Why the run entered this state.")
    attempt: Count | None = Field(None, description="Number of the attempt.")
    epoch: Count | None = Field(
        None,
        description="`running`: the epoch it continues from; `checkpoint`: its epoch; `metrics`: the last new one.",
    )
    after: Count | None = Field(None, description="`metrics`: the new records are those after this epoch.")
    digest: str | None = Field(None, max_length=64, description="`checkpoint`: SHA-256 of the file.")
    wish: Literal["cancel", "pause"] | None = Field(None, description="The stop request that was made or withdrawn.")
    code: str | None = Field(None, max_length=100, description="What went wrong, for programs. Stable.")
    detail: str | None = Field(None, max_length=10_000, description="What went wrong, for humans.")
    available_at: datetime | None = Field(None, description="When the next attempt may begin, after a failure.")


class EventAnswer(BaseModel):
    """One event of a run."""

    model_config = ConfigDict(extra="forbid")
    seq: Count = Field(description="Number of the event: 1, 2, 3 ... of this run, without gaps.")
    type: Literal[
        "queued",
        "running",
        "paused",
        "succeeded",
        "failed",
        "cancelled",
        "stop_requested",
        "stop_withdrawn",
        "checkpoint",
        "metrics",
    ] = Field(description="A state that the run entered, or another event.")
    created_at: datetime
    data: EventData


class EventPage(BaseModel):
    """Events by ascending number."""

    model_config = ConfigDict(extra="forbid")
    items: list[EventAnswer] = Field(max_length=MAX_EVENTS)
    next_cursor: NextCursor


_EXAMPLE: Final = {
    "seq": 2,
    "type": "running",
    "created_at": "2026-11-24T00:00:00.000Z",
    "data": {"reason": "claimed", "attempt": 1, "epoch": 0},
}
_STREAMED: Final = format_sse_event(
    data_str=representations.json_bytes(_EXAMPLE).decode(), event="running", id="2"
).decode()


@dataclass(frozen=True)
class Batch:
    """Some events of a run, whether it has more already, and whether it has finished."""

    items: Sequence[EventAnswer]
    next_cursor: str | None
    ended: bool
    last: int
    """The number of the run's last event so far."""

    @property
    def more(self) -> bool:
        return self.next_cursor is not None


@router.get(
    "/runs/{run_id}/events",
    summary="List or stream events",
    response_class=Response,
    responses={
        200: {
            "model": EventPage,
            "content": {
                JSON.media_type: {"example": {"items": [_EXAMPLE], "next_cursor": None}},
                SSE.media_type: {"schema": {"type": "string"}, "example": _STREAMED},
            },
        },
        204: {
            "description": "A stream was requested of a finished run that has no more events; clients do not reconnect."
        },
        **representations.UNCHANGED,
        **problems.responses(404, 406, 503),
    },
)
async def list_events(
    request: Request,
    app_state: AppStateDep,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**53, description="Only events after this number.")] = 0,
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=2**31 - 1,
            description=f"Maximum number of events of a page, at most {MAX_EVENTS}; a stream has no limit.",
        ),
    ] = 100,
    last_event_id: Annotated[
        EventId, Header(description="As `after`, before which it takes precedence; browsers that reconnect send it.")
    ] = None,
    last_event_id_query: Annotated[
        EventId,
        Query(
            alias="lastEventId",
            description="As `Last-Event-ID`, for clients that cannot set headers; the header takes precedence.",
        ),
    ] = None,
    form: Annotated[Literal["json", "sse"] | None, Query(alias="format", description="Overrides `Accept`.")] = None,
) -> Response:
    """Events after the number `after`, as a page; or with `Accept: text/event-stream` as a stream until the run has
    finished.

    The `id` of an event in a stream is its number: a client that reconnects with the last one gets every event once.
    A number beyond the run's last event is 422 (possible after a backup was restored); start again from 0.
    """
    chosen = representations.choose(request, (JSON, SSE), form)
    start = _Start.of(last_event_id, last_event_id_query, after)
    if chosen == SSE:
        return await _open_stream(app_state, run_id, start)
    batch = await anyio.to_thread.run_sync(_read, app_state, run_id, start.after, min(limit, MAX_EVENTS))
    _require_reached(batch, start)
    page = EventPage(items=list(batch.items), next_cursor=batch.next_cursor)
    content = page.model_dump_json(exclude_unset=True).encode()
    return representations.fixed(request, content, JSON, pinned=False)


@dataclass(frozen=True)
class _Start:
    """The event number after which a client reads, and where in the request it stands."""

    after: int
    pointer: str

    @classmethod
    def of(cls, header: int | None, query: int | None, after: int) -> Self:
        """The header if it was sent, else its copy in the query, else `after`."""
        if header is not None:
            return cls(header, "header:last-event-id")
        return cls(after, "query:after") if query is None else cls(query, "query:lastEventId")


class _Stream(EventSourceResponse):
    """A response that counts as an open stream until it ends, however it ends.

    FastAPI itself streams only from routes that have no other representation.
    """

    def __init__(self, content: AsyncIterator[bytes], followers: Followers) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"})
        self._followers = followers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, and count it no more."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._followers.leave()


async def _open_stream(app_state: AppState, run_id: str, start: _Start) -> Response:
    """The stream after a number. The first events are read before it opens, so that errors are problem documents."""
    batch = await read(app_state, run_id, start.after)
    _require_reached(batch, start)
    if batch.ended and not batch.items:
        return Response(status_code=204, headers={"Vary": "Accept"})  # a browser does not connect again after this
    app_state.followers.enter()
    return _Stream(stream(app_state, run_id, start.after, batch), app_state.followers)


def _require_reached(batch: Batch, start: _Start) -> None:
    """Raises InvalidRequest for a number beyond the last event: a client with such a number would miss the events up
    to it."""
    if start.after > batch.last:
        detail = (
            f"the run's last event has the number {batch.last}, so none has {start.after}: it is another run's, or "
            "from before a backup was restored; start again from 0"
        )
        raise InvalidRequest(detail, [Fault(start.pointer, detail)])


async def stream(
    app_state: AppState, run_id: str, after: int, batch: Batch, *, ping_seconds: float = PING_SECONDS
) -> AsyncIterator[bytes]:
    """The events of `batch` and all later ones as SSE, until the run has finished or the server shuts down."""
    while True:
        for event in batch.items:
            yield _sse_bytes(event)
            after = event.seq
        if batch.ended and not batch.more:
            return
        while not batch.more and not await app_state.followers.news(run_id, after, ping_seconds):
            yield KEEPALIVE_COMMENT
        if app_state.followers.closed:
            return
        try:
            batch = await read(app_state, run_id, after)
        except DatabaseUnavailable:  # `news` returns when the database is back
            batch = dataclasses.replace(batch, items=(), next_cursor=None, ended=False)
        except RegistryError:  # deleted
            return


def _sse_bytes(event: EventAnswer) -> bytes:
    data = event.model_dump_json(exclude_unset=True)
    return format_sse_event(data_str=data, event=event.type, id=str(event.seq))


async def read(app_state: AppState, run_id: str, after: int) -> Batch:
    """Events after a number, in a thread of the followers. Raises RunNotFound, DatabaseUnavailable."""
    return await anyio.to_thread.run_sync(
        _read, app_state, run_id, after, MAX_EVENTS, limiter=app_state.followers.threads
    )


def _read(app_state: AppState, run_id: str, after: int, limit: int) -> Batch:
    with app_state.database.read() as session:
        run = runs.get(session, run_id)
        rows = events.read(session, run_id, after, limit + 1)
    page, following = pages.ascending(rows, limit, lambda row: row.seq)
    return Batch([_answer(row) for row in page], following, run.state in tables.TERMINAL, run.event_seq)


def _answer(row: tables.RunEvent) -> EventAnswer:
    known = {name: row.data[name] for name in EventData.model_fields if name in row.data}
    return EventAnswer.model_validate({"seq": row.seq, "type": row.type, "created_at": row.created_at, "data": known})
