"""`/api/v1/events`: the daemon's events as server-sent events."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from mattingd.web.context import Shared

router = APIRouter(prefix="/api/v1", tags=["the daemon"])
PING_SECONDS = 15


@router.get("/events", response_class=EventSourceResponse)
async def events(request: Request, context: Shared, *, log: bool = False) -> EventSourceResponse:
    """Server-sent events: pictures that end, drops, folders, the engine; continues after `Last-Event-ID`.

    With `log=true` also each line of the daemon's log.
    """
    after = request.headers.get("last-event-id")

    async def told() -> AsyncIterator[ServerSentEvent]:
        async for number, kind, what in context.live.listen(after, log=log):
            yield ServerSentEvent(what, event=kind, id=number or None)

    return EventSourceResponse(told(), ping=PING_SECONDS)
