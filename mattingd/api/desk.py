"""Route each request to its handler on the right thread."""

from collections.abc import Callable, Generator
from typing import Any

import msgspec

from mattingd.api import actions, pages, queries, wire
from mattingd.api.feed import Feed
from mattingd.api.schemas import requests
from mattingd.observability.run_stats import RunStats
from mattingd.runtime.daemon import Daemon
from mattingd.runtime.refusal import RefusedError

Handler = Callable[[Daemon, Any], msgspec.Struct]

BETWEEN_TURNS: dict[type[requests.Request[Any]], Handler] = {
    requests.Where: queries.where,
    requests.Settling: pages.settling,
    requests.Cleaned: queries.cleaned,
    requests.ModelOutcome: queries.model_outcome,
    requests.Pause: actions.pause,
    requests.Rescan: actions.rescan,
    requests.Retry: actions.retry,
    requests.Forget: actions.forget,
    requests.Approve: actions.approve,
    requests.Clean: actions.clean,
    requests.UseModel: actions.use_model,
    requests.SendAgain: actions.send_again,
}
"""On the scheduler's thread between two turns, so quick: the client finds done what was said before."""
BESIDE: dict[type[requests.Request[Any]], Handler] = {
    requests.Queue: pages.queue,
    requests.History: pages.history,
    requests.Reload: actions.reload,
}
"""On the client's thread: these wait for the disk, and take no more than a moment of the scheduler's."""


class Desk:
    """Answers requests, each on its client's thread."""

    def __init__(self, daemon: Daemon, tally: RunStats, feed: Feed) -> None:
        self._daemon = daemon
        self._tally = tally
        self._feed = feed

    def serve(self, line: bytes) -> Generator[bytes, None, None]:
        """Yield the lines that answer a request."""
        try:
            request = wire.request_in(line)
            if isinstance(request, requests.Follow):
                yield from map(wire.encode, self._feed.follow(request))
            else:
                yield wire.encode(self._answer(request))
        except RefusedError as error:
            yield wire.encode(wire.refusal(error))

    def _answer(self, request: requests.Request[Any]) -> msgspec.Struct:
        if isinstance(request, requests.Status):
            return queries.status(self._daemon, self._tally, request)
        if (handler := BETWEEN_TURNS.get(type(request))) is not None:
            return self._daemon.between_turns(lambda: handler(self._daemon, request))
        return BESIDE[type(request)](self._daemon, request)
