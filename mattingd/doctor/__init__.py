"""Examines a set-up: everything that could keep pictures from being done, each finding with its remedy.

Changes nothing. What touches a configured folder runs as the daemon's user, in a process of its own and for a
limited time; the model is loaded as the daemon does it.
"""

import os
from collections.abc import Callable
from functools import partial

from mattingd.api.schemas import answers
from mattingd.config import Settings
from mattingd.doctor import daemon, folders, inotify, model, shares, systemd_unit
from mattingd.doctor.as_user import User, apart, myself, owner_of, user_of_process
from mattingd.doctor.findings import Finding, Findings, Level, worst

__all__ = ["Finding", "Level", "examine", "worst"]

FOLDER_SECONDS = 45.0
"""A folder that gives no answer for so long hangs."""


def examine(
    settings: Settings, *, quick: bool = False, busy: Callable[[str], None] = lambda _: None
) -> Findings:
    """Yield all findings, in the order in which to fix them.

    Args:
        settings: the daemon's settings.
        quick: skip the model.
        busy: called with the name of each slow check before it starts.
    """
    status, finding = daemon.status_of(settings)
    yield finding
    pid = 0 if status is None else status.pid
    user = _whose_rights(settings, pid)
    if user.uid != os.geteuid():
        yield Finding("user", Level.OK, f"folders are tried out as {user.name}, whose daemon it is")
    yield from daemon.examine_journal(settings)
    if (stranger := daemon.not_yours(settings)) is not None:
        yield stranger
    else:
        yield from _examine_folders(settings, user, busy, watched=bool(pid))
    busy("looking at network shares")
    yield from shares.examine(settings)
    if pid:
        yield from daemon.examine_sandbox(settings, pid)
    yield from systemd_unit.examine(settings)
    yield from daemon.examine_memory(settings, pid or os.getpid())
    yield from daemon.examine_time(settings)
    if status is not None:
        yield _engine_of(status.engine)
    elif not quick:
        busy("loading and testing the model")
        yield from model.examine(settings)


def _whose_rights(settings: Settings, pid: int) -> User:
    """Return the daemon's user, if we may switch to it; otherwise the calling user."""
    if os.geteuid() != 0:
        return myself()
    return (user_of_process(pid) if pid else owner_of(settings.state_dir)) or myself()


def _examine_folders(
    settings: Settings, user: User, busy: Callable[[str], None], *, watched: bool
) -> Findings:
    tasks: dict[str, Callable[[], Findings]] = {
        "state_dir": partial(folders.examine_state, settings, user),
        "output_dir": partial(folders.examine_output, settings, user),
    }
    if settings.archive_dir:
        tasks["archive_dir"] = partial(folders.examine_archive, settings.archive_dir, user)
    for hot in settings.hot_folders:
        tasks[f"hot folder {hot.name}"] = partial(folders.examine_hot_folder, settings, hot, user)
    for about, pin in settings.backgrounds.items():
        tasks[about] = partial(folders.examine_background, about, pin, user)
    if not watched and settings.watch.mode != "poll":
        tasks[inotify.ABOUT] = partial(inotify.examine, [hot.path for hot in settings.hot_folders])
    for about, task in tasks.items():
        busy(f"looking at {about}")
        yield from apart(about, task, user=user, seconds=FOLDER_SECONDS)


def _engine_of(engine: answers.Engine) -> Finding:
    if engine.state == "ready":
        told = f"{engine.model} runs on {engine.device} ({engine.driver}, {engine.precision})"
        return Finding(model.ABOUT, Level.OK, told)
    why = f": {engine.why}" if engine.why else ""
    return Finding(model.ABOUT, Level.WARNING, f"{engine.state}{why}", "mattingd status tells more")
