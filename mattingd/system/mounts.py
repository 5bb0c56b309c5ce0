"""On which file system does a path lie?

Answers from the text of ``/proc/self/mountinfo`` and not by ``statfs``, since that cannot tell one FUSE file
system from another. Knows nothing of hot folders and journals; who asks decides what an answer means.
"""

import re
from pathlib import Path
from typing import NamedTuple

_KERNEL = (
    "9p",
    "afs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
)
_FUSE = ("ceph", "curlftpfs", "davfs", "glusterfs", "gvfsd-fuse", "rclone", "s3fs", "smbnetfs", "sshfs")

NETWORK = frozenset({*_KERNEL, "smbfs", "beegfs", "virtiofs", *(f"fuse.{name}" for name in _FUSE)})
"""File systems whose files another machine (or another kernel) may change behind our back.

No inotify event tells of such a change, attributes may be cached, and SQLite's locks cannot be relied on.
"""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def mount_table() -> str:
    """The kernel's table of what this process sees mounted; empty where there is none."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


class Mount(NamedTuple):
    """Something that is mounted."""

    point: Path
    kind: str
    """Type of file system."""
    read_only: bool
    root: str
    """Which part of the file system stands there."""


NOWHERE = Mount(Path("/"), "", read_only=False, root="/")


def file_system(path: Path, mountinfo: str) -> str:
    """The type of file system that ``path`` lies on, or would lie on once made; empty if no mount holds it.

    Args:
        path: absolute and free of symbolic links; it need not exist.
        mountinfo: text in the format of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)).
    """
    return mount_of(path, mountinfo).kind


def mount_of(path: Path, mountinfo: str) -> Mount:
    """The mount that ``path`` lies on, or would lie on once made; of the kind "" if none holds it."""
    best, depth = NOWHERE, 0
    for line in mountinfo.splitlines():
        mount = _mount(line)
        # Of two mounts on one point the later one lies on top, hence >=.
        if mount.kind and len(mount.point.parts) >= depth and path.is_relative_to(mount.point):
            best, depth = mount, len(mount.point.parts)
    return best


def missing_mount(path: Path, mountinfo: str, fstab: str) -> Path | None:
    """A mount point at or above ``path`` that stands in /etc/fstab, while nothing is mounted there."""
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or not fields[1].startswith("/"):  # noqa: PLR2004
            continue
        point = Path(_plain(fields[1]))
        if path.is_relative_to(point) and mount_of(point, mountinfo).point != point:
            return point
    return None


def _mount(line: str) -> Mount:
    """A line of the table; an unreadable line gives an empty type."""
    before, _, after = line.partition(" - ")
    fields, beyond = before.split(" "), after.split(" ")
    if len(fields) < 6:  # noqa: PLR2004 - as many come before what is optional
        return NOWHERE
    options = {*fields[5].split(","), *(beyond[2].split(",") if len(beyond) > 2 else ())}  # noqa: PLR2004
    return Mount(Path(_plain(fields[4])), beyond[0], "ro" in options, _plain(fields[3]))


def _plain(text: str) -> str:
    r"""The kernel writes space, tab, newline and backslash as ``\040`` and the like."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
