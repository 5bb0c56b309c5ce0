"""On which file system does a path lie?

Answers from the text of ``/proc/self/mountinfo`` and not by ``statfs``, since that cannot tell one FUSE file
system from another. Knows nothing of hot folders and journals; who asks decides what an answer means.
"""

import re
from pathlib import Path

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


def file_system(path: Path, mountinfo: str) -> str:
    """The type of file system that ``path`` lies on, or would lie on once made; empty if no mount holds it.

    Args:
        path: absolute and free of symbolic links; it need not exist.
        mountinfo: text in the format of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)).
    """
    best = (0, "")
    for line in mountinfo.splitlines():
        point, kind = _mount(line)
        depth = len(point.parts)
        # Of two mounts on one point the later one lies on top, hence >=.
        if kind and depth >= best[0] and path.is_relative_to(point):
            best = (depth, kind)
    return best[1]


def _mount(line: str) -> tuple[Path, str]:
    """Mount point and type of one line; an unreadable line gives an empty type."""
    before, _, after = line.partition(" - ")
    point = before.split(" ")[4:5]
    return (Path(_plain(point[0])), after.split(" ")[0]) if point else (Path("/"), "")


def _plain(text: str) -> str:
    r"""The kernel writes space, tab, newline and backslash as ``\040`` and the like."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
