"""Fetches models of the catalogue on request, in the background: one command for each."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mattingd.web import verbs
from mattingd.web.problems import ProblemError

if TYPE_CHECKING:
    from mattingd.web.context import Context

LONGEST_SECONDS = 6 * 3600.0


@dataclass(slots=True)
class Fetch:
    """The progress of fetching one model."""

    state: Literal["running", "done", "failed"] = "running"
    said: str = ""
    """Why it failed."""


@dataclass(slots=True)
class Fetches:
    """All requests since the server started. Used on the event loop only."""

    known: dict[str, Fetch] = field(default_factory=dict)
    """By the name of the model."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, context: "Context", model: str, *, accept_licence: bool) -> Fetch:
        """Start fetching a model, unless that is under way; a broken transfer continues."""
        fetch = self.known.get(model)
        if fetch is None or fetch.state != "running":
            fetch = self.known[model] = Fetch()
            task = asyncio.create_task(_run(context, model, fetch, accept_licence=accept_licence))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return fetch

    def stop(self) -> None:
        """End all commands that still run."""
        for task in self._tasks:
            task.cancel()


async def _run(context: "Context", model: str, fetch: Fetch, *, accept_licence: bool) -> None:
    agreed = ["--accept-licence"] if accept_licence else []
    try:
        await verbs.run(context, "models", "get", model, *agreed, patience=LONGEST_SECONDS)
        fetch.state = "done"
    except ProblemError as error:
        fetch.state, fetch.said = "failed", str(error)
