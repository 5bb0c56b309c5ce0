"""Check that the kernel has resources for notifications about every folder: watches are set, then removed."""

import ctypes
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from mattingd.doctor.findings import Finding, Findings, Level
from mattingd.ingest.ignore_rules import why_ignored
from mattingd.system import clock

ABOUT = "notifications"
LIMITS = {
    "max_user_watches": ("/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches"),
    "max_user_instances": ("/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances"),
}
"""For each user on this machine, and of this container; the smaller one counts."""
MOST_FOLDERS = 500_000
MOST_SECONDS = 15.0
"""Trying out ends here, and says so."""
IN_CREATE = 0x100
ROOM_FOR_OTHERS = 8192
ADDED = "sysctl -w {name}={value}, and for good: echo {name}={value} > /etc/sysctl.d/60-mattingd.conf"

_libc = ctypes.CDLL(None, use_errno=True)


def examine(roots: Iterable[Path]) -> Findings:
    """Watch every folder below these, as the daemon would."""
    descriptor = _libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        yield _no_instance(ctypes.get_errno())
        return
    try:
        yield _watched(descriptor, chain.from_iterable(folders_below(os.fsencode(root)) for root in roots))
    finally:
        os.close(descriptor)


def folders_below(root: bytes) -> Iterator[bytes]:
    """Return a folder and all its sub-folders that a user may have made."""
    stack = [root]
    while stack:
        folder = stack.pop()
        yield folder
        try:
            with os.scandir(folder) as entries:
                stack += [
                    entry.path
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and why_ignored(entry.name, is_dir=True) is None
                ]
        except OSError:
            continue


def _watched(descriptor: int, folders: Iterator[bytes]) -> Finding:
    deadline = clock.monotonic_ns() + round(MOST_SECONDS * clock.SECOND)
    number = refused = 0
    for folder in folders:
        if number >= MOST_FOLDERS or deadline <= clock.monotonic_ns():
            return Finding(ABOUT, Level.OK, f"{number:,} folders and more can be watched")
        number += 1
        if _libc.inotify_add_watch(descriptor, folder, IN_CREATE) < 0:
            refused += ctypes.get_errno() == errno.ENOSPC
    if not refused:
        return Finding(ABOUT, Level.OK, f"every folder can be watched ({number:,})")
    limit = _limit("max_user_watches")
    wanted = 1 << (limit + refused + ROOM_FOR_OTHERS - 1).bit_length()
    return Finding(
        ABOUT,
        Level.WARNING,
        f"{refused:,} of {number:,} folders cannot be watched, since the kernel allows each user {limit:,}"
        " watches: new pictures there are found at the next complete look only",
        ADDED.format(name="fs.inotify.max_user_watches", value=wanted),
    )


def _no_instance(number: int) -> Finding:
    limit = _limit("max_user_instances")
    if number != errno.EMFILE:
        return Finding(ABOUT, Level.WARNING, f"the kernel gives no notifications: {os.strerror(number)}")
    return Finding(
        ABOUT,
        Level.WARNING,
        f"other programs of this user hold all {limit:,} inotify instances that the kernel allows: new"
        " pictures are found at the next complete look only",
        ADDED.format(name="fs.inotify.max_user_instances", value=max(512, 2 * limit)),
    )


def _limit(name: str) -> int:
    limits = []
    for path in LIMITS[name]:
        with suppress(OSError, ValueError):
            limits.append(int(Path(path).read_text(encoding="ascii")))
    return min(limits, default=0)
