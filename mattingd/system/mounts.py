"""On which file system does a path lie?

Answers from the text of ``/proc/self/mountinfo`` and not by ``statfs``, because that cannot tell one FUSE
file system from another. Must not know hot folders and journals; the caller decides what an answer means.
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

_MOST_LINKS = 400
"""Steps after which links are taken to lead in a circle."""
STEADY = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "overlay", "tmpfs", "xfs", "zfs"}
)
"""File systems of local disks on which a file keeps its inode, and its time of change says what it means.

Neither holds of FAT and its kin, of most FUSE file systems and of shares.
"""

_ESCAPED = re.compile(r"\\([0-7]{3})")


_LOCAL_FUSE = (
    "bindfs",
    "encfs",
    "exfat",
    "fuse-overlayfs",
    "gocryptfs",
    "mergerfs",
    "ntfs",
    "ntfs-3g",
    "unionfs",
)
"""FUSE programs that show folders of this machine: the kernel tells of what is changed through them."""


def mount_table() -> str:
    """Return the kernel's table of the mounts that this process sees; empty where there is none."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


class Mount(NamedTuple):
    """A mounted file system."""

    point: Path
    kind: str
    """Type of file system."""
    read_only: bool
    root: str
    """The part of the file system that is mounted there."""
    source: str = ""
    """The device or, of a share, server and export."""
    options: frozenset[str] = frozenset()


NOWHERE = Mount(Path("/"), "", read_only=False, root="/")


def file_system(path: Path, mountinfo: str) -> str:
    """Return the type of the file system of ``path``, which need not exist; empty if no mount contains it.

    Args:
        path: absolute and free of symbolic links; it need not exist.
        mountinfo: text in the format of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)).
    """
    return mount_of(path, mountinfo).kind


def mount_of(path: Path, mountinfo: str) -> Mount:
    """Return the mount of ``path``, which need not exist; of type "" if none contains it."""
    best, depth = NOWHERE, 0
    for line in mountinfo.splitlines():
        mount = _mount(line)
        # Of two mounts on one point the later one is on top, hence >=.
        if mount.kind and len(mount.point.parts) >= depth and path.is_relative_to(mount.point):
            best, depth = mount, len(mount.point.parts)
    return best


def is_automount(point: Path, mountinfo: str) -> bool:
    """Whether what is mounted at this point is mounted by itself when it is needed."""
    if mount_of(point.parent, mountinfo).kind == "autofs":  # one of several that are named in a map
        return True
    return any(each.kind == "autofs" and each.point == point for each in map(_mount, mountinfo.splitlines()))


def may_hang(kind: str) -> bool:
    """Whether another machine, or a program, answers for this type of file system.

    No notification tells of what others change there, and a call may never return. So it is with every FUSE
    program that is not known to show local folders, and with what is mounted only when it is needed.
    """
    return kind in NETWORK or kind == "autofs" or (kind.startswith("fuse.") and kind[5:] not in _LOCAL_FUSE)


def share_of(path: Path, mountinfo: str) -> Mount | None:
    """Return the share of ``path`` or, failing that, one that is mounted somewhere below it."""
    mount = mount_of(path, mountinfo)
    if may_hang(mount.kind):
        return mount
    mounts = map(_mount, mountinfo.splitlines())
    return next((each for each in mounts if may_hang(each.kind) and each.point.is_relative_to(path)), None)


def real_path(path: Path, mountinfo: str) -> Path:
    """Return ``path`` without symbolic links, as far as known without accessing a share, which may hang."""
    followed = Path("/")
    parts = list(reversed(path.parts[1:]))
    for _ in range(_MOST_LINKS + len(parts)):
        if not parts or may_hang(file_system(followed, mountinfo)):
            break
        name = parts.pop()
        if name == "..":
            followed = followed.parent
            continue
        step = followed / name
        target = None if may_hang(file_system(step, mountinfo)) else _link(step)
        if target is None:
            followed = step
            continue
        followed = Path("/") if target.is_absolute() else followed
        parts += [part for part in reversed(target.parts) if part != "/"]
    return followed.joinpath(*reversed(parts))


def _link(path: Path) -> Path | None:
    """Return the target of a symbolic link; None when it is not a link."""
    try:
        return path.readlink()
    except OSError:
        return None


def static_table() -> str:
    """Return the planned mounts of this machine from /etc/fstab; empty where there is none."""
    try:
        return Path("/etc/fstab").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def not_ready(path: Path) -> str:
    """Return why ``path`` may be missing for a while, without accessing it; empty for an ordinary folder."""
    table = mount_table()
    if (share := share_of(path, table)) is not None:
        return f"it is on a share ({share.kind} at {share.point})"
    if (point := missing_mount(path, table, static_table())) is not None:
        return f"{point} is not mounted, although it is in /etc/fstab"
    return ""


def missing_mount(path: Path, mountinfo: str, fstab: str) -> Path | None:
    """Return a mount point at or above ``path`` that is in /etc/fstab but not mounted."""
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or not fields[1].startswith("/"):  # noqa: PLR2004
            continue
        point = Path(_plain(fields[1]))
        if path.is_relative_to(point) and mount_of(point, mountinfo).point != point:
            return point
    return None


def planned_mount(point: Path, fstab: str) -> Mount:
    """Return the mount that /etc/fstab plans at this point; of type "" if it plans none."""
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) > 3 and not fields[0].startswith("#") and Path(_plain(fields[1])) == point:  # noqa: PLR2004
            options = frozenset(fields[3].split(","))
            return Mount(point, fields[2], "ro" in options, "/", _plain(fields[0]), options)
    return NOWHERE


def _mount(line: str) -> Mount:
    """Parse a line of the table; an invalid line has an empty type."""
    before, _, after = line.partition(" - ")
    fields, beyond = before.split(" "), after.split(" ")
    if len(fields) < 6:  # noqa: PLR2004 - as many come before what is optional
        return NOWHERE
    source = _plain(beyond[1]) if len(beyond) > 1 else ""
    options = frozenset(fields[5].split(",") + (beyond[2].split(",") if len(beyond) > 2 else []))  # noqa: PLR2004
    return Mount(Path(_plain(fields[4])), beyond[0], "ro" in options, _plain(fields[3]), source, options)


def _plain(text: str) -> str:
    r"""Decode the kernel's escapes of space, tab, newline and backslash such as ``\040``."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
