"""Carry out requests from the control socket in a running daemon.

An answer is sent when the journal holds what it says: no crash makes it untrue.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

from mattingd.api.schemas import answers, requests
from mattingd.core import retention
from mattingd.core.lifecycle import State
from mattingd.core.settling import SourceId
from mattingd.core.user_requests import Reply, reply_to_approve, reply_to_forget, reply_to_retry
from mattingd.domain import events
from mattingd.domain.commands import SendAgain
from mattingd.domain.reasons import NO_REASON
from mattingd.runtime.daemon import Daemon
from mattingd.runtime.refusal import RefusedError

ENDING = "it is ending just now; ask again in a moment"


def retry(daemon: Daemon, request: requests.Retry) -> answers.PerFile:
    """Retry pictures."""
    stopping = daemon.scheduler.snapshot().stopping

    def reply(key: SourceId) -> Reply:
        known = daemon.scheduler.status.source(key)
        pending = known.pending
        waits = None if pending is None or pending.settled else str(pending.why)
        halted = NO_REASON if known.job is None else known.job.why
        return reply_to_retry(_state(daemon, key), running=not stopping, waits=waits, halted=halted)

    return _each_file(daemon, request.files, reply, partial(events.RetryAsked, anyway=request.anyway))


def forget(daemon: Daemon, request: requests.Forget) -> answers.PerFile:
    """Forget files whose jobs have ended."""

    def reply(key: SourceId) -> Reply:
        return reply_to_forget(_state(daemon, key), busy=daemon.scheduler.status.source(key).busy)

    return _each_file(daemon, request.files, reply, events.ForgetAsked)


def approve(daemon: Daemon, request: requests.Approve) -> answers.PerFile:
    """Record that a user approved cut-outs, or revoke that."""

    def reply(key: SourceId) -> Reply:
        return reply_to_approve(daemon.journal.look_of(*key), approved=request.approved)

    def asked(folder: int, path: bytes) -> events.Fact:
        return events.ApproveAsked(folder, path, request.approved)

    return _each_file(daemon, request.files, reply, asked)


def pause(daemon: Daemon, request: requests.Pause) -> answers.Paused:
    """Pause hot folders or resume them."""
    numbers, paused = _folders(daemon, request.folders), request.paused
    if daemon.scheduler.snapshot().stopped:
        raise RefusedError(ENDING, "ending")
    folders, told = daemon.scheduler.snapshot().folders, []
    for number in numbers:
        changed = folders[number].paused != paused
        if changed:
            daemon.tell(events.PauseAsked(number, paused))
        folder = daemon.in_use.folders[number]
        waiting = folders[number].queued
        told.append(answers.PausedFolder(folder.name, str(folder.path), paused, changed, waiting))
    return answers.Paused(told)


def rescan(daemon: Daemon, request: requests.Rescan) -> answers.Rescanned:
    """Scan hot folders at once."""
    numbers = _folders(daemon, request.folders)
    daemon.parts.scanners.rescan(numbers)
    found = [daemon.in_use.folders[number] for number in numbers]
    return answers.Rescanned([answers.NamedFolder(folder.name, str(folder.path)) for folder in found])


def clean(daemon: Daemon, request: requests.Clean) -> answers.Cleaning:
    """Start removing what retention finds due."""
    removes = retention.removes(daemon.in_use.settings.retention)
    return answers.Cleaning(daemon.parts.cleaner.sweep(confirmed=request.confirmed), removes)


def send_again(daemon: Daemon, _: requests.SendAgain) -> answers.Resent:
    """Make notices due again that were given up."""
    number = daemon.journal.dead_notices()
    daemon.parts.turns.obey([SendAgain()])
    return answers.Resent(number)


def use_model(daemon: Daemon, request: requests.UseModel) -> answers.Ticket:
    """Start using other weights."""
    return answers.Ticket(daemon.use_model(request.model, anew=request.anew))


def reload(daemon: Daemon, _: requests.Reload) -> answers.Reloaded:
    """Read the configuration again, and wait for the outcome."""
    return answers.Reloaded(**asdict(daemon.parts.reloads.read()))


def _each_file(
    daemon: Daemon,
    files: Sequence[requests.FileKey],
    reply: Callable[[SourceId], Reply],
    fact: Callable[[int, bytes], events.Fact],
) -> answers.PerFile:
    """Answer for each file and carry out what is granted, all in one transaction."""
    keys = [SourceId(_number(daemon, root), bytes.fromhex(path)) for root, path in files]
    if daemon.scheduler.snapshot().stopped:
        raise RefusedError(ENDING, "ending")
    replies = [reply(key) for key in keys]
    daemon.tell(*(fact(*key) for key, said in zip(keys, replies, strict=True) if said.granted))
    return answers.PerFile([answers.Reply(said.granted, said.words) for said in replies])


def _folders(daemon: Daemon, roots: Sequence[str]) -> list[int]:
    return [_number(daemon, root) for root in roots] or list(daemon.in_use.folders)


def _number(daemon: Daemon, root: str) -> int:
    """Return the number of a hot folder.

    Raises:
        RefusedError: it is not a hot folder, or not any more.
    """
    for number, folder in daemon.in_use.folders.items():
        if os.fsencode(folder.path).hex() == root:
            return number
    raise RefusedError(f"{os.fsdecode(bytes.fromhex(root))} is none of its hot folders", "unknown folder")


def _state(daemon: Daemon, key: SourceId) -> State | None:
    """Return the state of a file's present job."""
    job = daemon.scheduler.status.source(key).job
    if job is not None:
        return job.state
    state = daemon.journal.state_of(key.folder, key.path)
    return None if state is None else State(state)
