"""What has happened to a run, over HTTP: a page of it, or a stream that goes on until the run has ended.

Both hold the same events under the same numbers. Knows no meaning of an event but that of a terminal one.
"""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import anyio.to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from registry import events, runs
from registry.database import tables
from registry.errors import DatabaseUnavailable, RegistryError
from service.answers.fields import Count
from service.errors import Fault, InvalidRequest
from service.followers import Followers
from service.http import paths, problems, representations
from service.http.pages import NextCursor
from service.http.parameters import RunId
from service.http.representations import JSON, Representation
from service.state import AppState, AppStateDep

MAX_EVENTS: Final = 1000
"""Events in one page, and in one reading for a stream."""
PING_SECONDS: Final = 15.0
"""A stream that has nothing to tell for so long says so in a comment, which keeps connections alive."""
SSE: Final = Representation("sse", "text/event-stream")

router = APIRouter(prefix=paths.V1, tags=["runs"])

Number = Annotated[int, Field(ge=0, le=2**53)]


class EventData(BaseModel):
    """What there is to say of an event; what does not apply is not there."""

    model_config = ConfigDict(extra="forbid")
    reason: str | None = Field(None, max_length=20, description="Why the run came into this state.")
    attempt: Count | None = Field(None, description="Which attempt it was.")
    epoch: Count | None = Field(
        None, description="`running`: where it goes on; `checkpoint`: of which; `metrics`: the last that is new."
    )
    after: Count | None = Field(None, description="`metrics`: the new records are those after this epoch.")
    digest: str | None = Field(None, max_length=64, description="`checkpoint`: SHA-256 of the file.")
    wish: Literal["cancel", "pause"] | None = Field(None, description="What was asked for, or is no more.")
    code: str | None = Field(None, max_length=100, description="What went wrong: stable, for programs.")
    detail: str | None = Field(None, max_length=10_000, description="What went wrong, for humans.")
    available_at: datetime | None = Field(None, description="When the next attempt may begin, after a failure.")


class EventAnswer(BaseModel):
    """One thing that happened to a run."""

    model_config = ConfigDict(extra="forbid")
    seq: Number = Field(description="Its number: 1, 2, 3 ... of this run, without a gap.")
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
    ] = Field(description="A state, into which the run came, or what else happened.")
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
    """Events as they are answered, whether there are more already, and whether there will be more."""

    items: Sequence[dict[str, Any]]
    more: bool
    ended: bool
    last: int
    """The number of the run's last event so far."""


@router.get(
    "/runs/{run_id}/events",
    summary="What has happened to a run",
    response_class=Response,
    responses={
        200: {
            "model": EventPage,
            "content": {
                JSON.media_type: {"example": {"items": [_EXAMPLE], "next_cursor": None}},
                SSE.media_type: {"schema": {"type": "string"}, "example": _STREAMED},
            },
        },
        204: {"description": "A stream is asked for, and nothing will ever come: the run has ended."},
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
        int, Query(ge=1, le=2**31 - 1, description=f"At most {MAX_EVENTS} are given; a stream has no limit.")
    ] = 100,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=2**53, description="Of a stream: `after`, as browsers send it to reconnect.")
    ] = None,
    form: Annotated[Literal["json", "sse"] | None, Query(alias="format", description="Overrides `Accept`.")] = None,
) -> Response:
    """Events after the number `after`, as a page; or with `Accept: text/event-stream` as a stream, which goes on until
    the run has ended.

    A stream's `id` is the event's number: whoever connects again with the last one misses nothing and gets nothing
    twice. A number that the run has not reached is 422: it is from before a backup was restored; begin anew.
    """
    chosen = representations.choose(request, (JSON, SSE), form)
    if chosen == SSE and last_event_id is not None:
        return await _stream(app_state, run_id, last_event_id, "header:last-event-id")
    if chosen == SSE:
        return await _stream(app_state, run_id, after, "query:after")
    batch = await anyio.to_thread.run_sync(_read, app_state, run_id, after, min(limit, MAX_EVENTS))
    _require_reached(batch, after, "query:after")
    following = str(batch.items[-1]["seq"]) if batch.more else None
    content = representations.json_bytes({"items": batch.items, "next_cursor": following})
    return representations.fixed(request, content, JSON, pinned=False)


class _Stream(EventSourceResponse):
    """An open connection, which counts as a follower as long as it is answered, however that ends.

    FastAPI writes a stream by itself only for a route that has no other representation; so this is written here.
    """

    def __init__(self, content: AsyncIterator[bytes], followers: Followers) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept"})
        self._followers = followers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and leave."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._followers.leave()


async def _stream(app_state: AppState, run_id: str, after: int, pointer: str) -> Response:
    """What is there already is read first, so that what is wrong with a request is still answered as a problem."""
    batch = await read(app_state, run_id, after)
    _require_reached(batch, after, pointer)
    if batch.ended and not batch.items:
        return Response(status_code=204, headers={"Vary": "Accept"})  # a browser does not connect again after this
    app_state.followers.enter()
    return _Stream(told(app_state, run_id, after, batch), app_state.followers)


def _require_reached(batch: Batch, after: int, pointer: str) -> None:
    """Raises InvalidRequest for a number that no reader of this run has from us: nothing would be heard until events
    pass it, and those up to it would be missed."""
    if after > batch.last:
        detail = (
            f"the run's last event has the number {batch.last}, so none has {after}: it is another run's, or from "
            "before a backup was restored; ask for the events from the start"
        )
        raise InvalidRequest(detail, [Fault(pointer, detail)])


async def told(
    app_state: AppState, run_id: str, after: int, batch: Batch, *, ping_seconds: float = PING_SECONDS
) -> AsyncIterator[bytes]:
    """The events of `batch` and all that follow, on the wire; to the end of the run, or until all have to leave."""
    while True:
        for event in batch.items:
            yield _on_the_wire(event)
            after = event["seq"]
        if batch.ended and not batch.more:
            return
        while not batch.more and not await app_state.followers.news(run_id, after, ping_seconds):
            yield KEEPALIVE_COMMENT
        if app_state.followers.closed:
            return
        try:
            batch = await read(app_state, run_id, after)
        except DatabaseUnavailable:  # the followers wait until it is back
            batch = dataclasses.replace(batch, items=(), more=False, ended=False)
        except RegistryError:  # deleted
            return


def _on_the_wire(event: dict[str, Any]) -> bytes:
    data = representations.json_bytes(event).decode()
    return format_sse_event(data_str=data, event=event["type"], id=str(event["seq"]))


async def read(app_state: AppState, run_id: str, after: int) -> Batch:
    """Events after a number, in a thread of the followers. Raises RunNotFound, DatabaseUnavailable."""
    return await anyio.to_thread.run_sync(
        _read, app_state, run_id, after, MAX_EVENTS, limiter=app_state.followers.threads
    )


def _read(app_state: AppState, run_id: str, after: int, limit: int) -> Batch:
    with app_state.database.read() as session:
        run = runs.get(session, run_id)  # first: of a run that has ended, all events are there then
        rows = events.read(session, run_id, after, limit + 1)
    items = [_answer(row) for row in rows[:limit]]
    return Batch(items, len(rows) > limit, run.state in tables.TERMINAL, run.event_seq)


def _answer(row: tables.RunEvent) -> dict[str, Any]:
    known = {name: row.data[name] for name in EventData.model_fields if name in row.data}
    answer = EventAnswer.model_validate({"seq": row.seq, "type": row.type, "created_at": row.created_at, "data": known})
    return answer.model_dump(mode="json", exclude_unset=True)
