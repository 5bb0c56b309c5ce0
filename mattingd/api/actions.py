"""What a running daemon does when somebody asks for it on the control socket: on the scheduler's thread.

An answer is given when the journal holds what it says: no crash makes it untrue.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mattingd.core.lifecycle import State
from mattingd.core.settling import SourceId
from mattingd.core.user_requests import Reply, reply_to_forget, reply_to_retry
from mattingd.domain import events

if TYPE_CHECKING:
    from mattingd.runtime.daemon import Daemon

ENDING = "it is ending just now; ask again in a moment"
NOT_UNDERSTOOD = "it was not told which files or folders"


def retry(daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
    """Have pictures tried again. `files`: (hot folder, path) of each in hexadecimal."""

    def reply(key: SourceId) -> Reply:
        pending = daemon.scheduler.status.source(key).pending
        waits = None if pending is None or pending.settled else pending.why
        return reply_to_retry(_state(daemon, key), running=not daemon.scheduler.stopping, waits=waits)

    return _each_file(daemon, request, reply, events.RetryAsked)


def forget(daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
    """Forget files that have come to their end. `files` as for `retry`."""

    def reply(key: SourceId) -> Reply:
        return reply_to_forget(_state(daemon, key), busy=daemon.scheduler.status.source(key).busy)

    return _each_file(daemon, request, reply, events.ForgetAsked)


def pause(daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
    """Hold hot folders back (`paused`), or let them go on. `folders`: their roots; without it, all."""
    try:
        numbers, paused = _folders(daemon, request), bool(request["paused"])
    except (KeyError, TypeError, ValueError):
        return {"error": NOT_UNDERSTOOD}
    if daemon.scheduler.stopped:
        return {"error": ENDING}
    folders, told = daemon.scheduler.snapshot().folders, []
    for number in numbers:
        changed = folders[number].paused != paused
        if changed:
            daemon.tell(events.PauseAsked(number, paused))
        told.append(
            {
                "name": daemon.folders[number].name,
                "path": str(daemon.folders[number].path),
                "paused": paused,
                "changed": changed,
                "waiting": folders[number].queued,
            }
        )
    return {"folders": told}


def rescan(daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
    """Look through hot folders at once. `folders` as for `pause`."""
    try:
        numbers = _folders(daemon, request)
    except (TypeError, ValueError):
        return {"error": NOT_UNDERSTOOD}
    daemon.lookouts.rescan(numbers)
    return {
        "folders": [
            {"name": daemon.folders[number].name, "path": str(daemon.folders[number].path)}
            for number in numbers
        ]
    }


def _each_file(
    daemon: "Daemon",
    request: dict[str, Any],
    reply: Callable[[SourceId], Reply],
    fact: Callable[[int, bytes], events.Fact],
) -> dict[str, Any]:
    """Answer for each file, and let what is granted happen: all of it in one transaction."""
    try:
        keys = [
            SourceId(_number(daemon, bytes.fromhex(root)), bytes.fromhex(path))
            for root, path in request["files"]
        ]
    except (KeyError, TypeError, ValueError):
        return {"error": NOT_UNDERSTOOD}
    if daemon.scheduler.stopped:
        return {"error": ENDING}
    replies = [reply(key) for key in keys]
    daemon.tell(*(fact(*key) for key, said in zip(keys, replies, strict=True) if said.granted))
    return {"files": [{"granted": said.granted, "said": said.words} for said in replies]}


def _folders(daemon: "Daemon", request: dict[str, Any]) -> list[int]:
    return [_number(daemon, bytes.fromhex(root)) for root in request.get("folders") or ()] or list(
        daemon.folders
    )


def _number(daemon: "Daemon", root: bytes) -> int:
    """The number of a hot folder.

    Raises:
        ValueError: it is none, or none any more.
    """
    for number, folder in daemon.folders.items():
        if os.fsencode(folder.path) == root:
            return number
    raise ValueError(root)


def _state(daemon: "Daemon", key: SourceId) -> State | None:
    """Of the job that speaks for a file."""
    job = daemon.scheduler.status.source(key).job
    if job is not None:
        return job.state
    state = daemon.journal.state_of(key.folder, key.path)
    return None if state is None else State(state)
