"""What all addresses share."""

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
    """Made once, at the start."""

    settings: Settings
    config: Path
    """The configuration's file."""
    desk: Desk
    keys: Keys
    rates: Rates
    space: uuid.UUID
    """Of the names that idempotency keys are."""
    maker: "Maker"
    live: "Live"
    one_preview: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Small pictures are made one after the other."""
    fetches: Fetches = field(default_factory=Fetches)
    stopping: list[bool] = field(default_factory=list)
    """Holds something once the server ends: whoever waits, waits no longer."""


def context_of(request: Request) -> Context:
    """The context of the application that a request is for."""
    return cast("Context", request.app.state.context)


Shared = Annotated[Context, Depends(context_of)]
