"""The parts that all routes share."""

import asyncio
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from mattingd.config import Settings
from mattingd.web.desk import Desk
from mattingd.web.fetching import Fetches
from mattingd.web.security import Keys, Rates

if TYPE_CHECKING:
    from mattingd.web.live import Live
    from mattingd.web.previews import Maker


@dataclass(frozen=True, slots=True)
class Context:
    """Made once, when the server starts."""

    settings: Settings
    config: Path
    """The configuration's file."""
    desk: Desk
    keys: Keys
    rates: Rates
    space: uuid.UUID
    """The UUID namespace of idempotency keys."""
    maker: "Maker"
    live: "Live"
    one_preview: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Previews are made one at a time."""
    fetches: Fetches = field(default_factory=Fetches)
    stopping: list[bool] = field(default_factory=list)
    """Not empty once the server stops; whatever waits then ends."""


def context_of(request: Request) -> Context:
    """Return the context of the application."""
    return cast("Context", request.app.state.context)


Shared = Annotated[Context, Depends(context_of)]
