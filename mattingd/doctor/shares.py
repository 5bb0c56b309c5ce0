"""Network shares: how they are mounted, whether their servers can be reached, and how Samba exports ours."""

import configparser
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mattingd.config import Settings
from mattingd.doctor.findings import Finding, Findings, Level
from mattingd.shares.samba_config import Share, shares_of
from mattingd.system.mounts import (
    Mount,
    is_automount,
    may_hang,
    missing_mount,
    mount_of,
    mount_table,
    planned_mount,
    static_table,
)

DOCUMENT = "docs/NETWORK_SHARES.md"
SMB, NFS = frozenset({"cifs", "smb3", "smbfs"}), frozenset({"nfs", "nfs4"})
PORTS = dict.fromkeys(SMB, 445) | dict.fromkeys(NFS, 2049)
CACHED_SECONDS = 3
"""A file on a share rests for so long; attributes that are cached for longer hide a change."""
NFS_CACHED_SECONDS = 60
"""The default, which the kernel does not show."""
CONNECT_SECONDS = 3.0
TESTPARM_SECONDS = 20.0
SMB_CONF = Path("/etc/samba/smb.conf")
SAMBA = "samba"
TCP_TABLES, LISTENS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6")), "0A"


def examine(settings: Settings) -> Findings:
    """Check the mounts of all configured folders on shares, and Samba where it is installed."""
    folders = [hot.path for hot in settings.hot_folders] + [settings.output_dir]
    folders += [settings.archive_dir] if settings.archive_dir else []
    table, planned = mount_table(), static_table()
    mounts = {mount.point: mount for path in folders if may_hang((mount := mount_of(path, table)).kind)}
    for mount in mounts.values():
        yield from examine_mount(mount, automount=is_automount(mount.point, table))
    away = {point for path in folders if (point := missing_mount(path, table, planned)) is not None}
    for mount in [*mounts.values(), *(planned_mount(point, planned) for point in sorted(away))]:
        yield from reachable(mount)
    local = [share for share in shares_of(settings) if not may_hang(mount_of(share.path, table).kind)]
    yield from examine_samba(local, SMB_CONF)


# --- as a client ---


def examine_mount(mount: Mount, *, automount: bool) -> Findings:
    """Check the options of a share's mount."""
    wrong = list(_wrong_options(mount))
    for what, remedy in wrong:
        yield Finding(_about(mount), Level.WARNING, what, f"{remedy}: {DOCUMENT}")
    if mount.kind in SMB and "serverino" not in mount.options:
        yield Finding(
            _about(mount),
            Level.NOTE,
            "the client numbers the files itself (noserverino): a file that was replaced may look the same",
            f"mount with serverino, if the server has such numbers: {DOCUMENT}",
        )
    if mount.kind in PORTS and not automount:
        yield Finding(
            _about(mount),
            Level.NOTE,
            "it is not mounted by itself when its server is back",
            f"use an automount unit, or x-systemd.automount in /etc/fstab: {DOCUMENT}",
        )
    if mount.kind in PORTS and not wrong:
        yield Finding(_about(mount), Level.OK, f"{mount.source}, {mount.kind}, has sound options")


def _wrong_options(mount: Mount) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, remedy)."""
    options = mount.options
    never = "a call to a dead server waits for ever, and a process in it cannot be ended"
    if mount.kind in SMB and "hard" in options:
        yield f"it is mounted with hard: {never}", "mount with soft"
    if mount.kind in NFS and not options & {"soft", "softerr"}:
        yield f"it is mounted with hard: {never}", "mount with softerr,timeo=100,retrans=3"
    seconds = _cached_seconds(mount)
    if seconds > CACHED_SECONDS:
        better = "acregmax=3" if mount.kind in NFS else "actimeo=1"
        what = f"what a file's size was may be believed for {seconds} s: a slow copy can look finished"
        yield what, f"mount with {better}"


def _cached_seconds(mount: Mount) -> int:
    """Return for how many seconds attributes may be cached."""
    values = dict(option.split("=", 1) for option in mount.options if "=" in option)
    default = NFS_CACHED_SECONDS if mount.kind in NFS and "noac" not in mount.options else 0
    value = values.get("acregmax") or values.get("actimeo") or ""
    return int(value) if value.isdecimal() else default


def reachable(mount: Mount) -> Findings:
    """Check that the server takes connections."""
    host, port = server_of(mount)
    if not host:
        return
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        yield Finding(
            _about(mount),
            Level.PROBLEM,
            f"{host} takes no connection on TCP port {port}: {error.strerror or error}",
            f"see that the server runs, and that no firewall is in between: nc -vz {host} {port}",
        )
    else:
        yield Finding(_about(mount), Level.OK, f"{host} answers on TCP port {port}")


def server_of(mount: Mount) -> tuple[str, int]:
    """Return address and TCP port of a share's server; empty where they are not known."""
    values = dict(option.split("=", 1) for option in mount.options if "=" in option)
    named = re.match(r"[\\/]{2}([^\\/]+)|(\[[^\]]+\]|[^:/]+):", mount.source)
    if mount.kind not in PORTS or not (host := values.get("addr") or (named and (named[1] or named[2]))):
        return "", 0
    port = values.get("port", "")
    return host.strip("[]"), int(port) if port.isdecimal() and int(port) else PORTS[mount.kind]


def _about(mount: Mount) -> str:
    return f"share {mount.point}"


# --- as a server ---


def examine_samba(shares: Iterable[Share], conf: Path) -> Findings:
    """Check that this machine's Samba, if there is one, exports these folders as it should."""
    if shutil.which("testparm") is None or not conf.exists():
        return
    try:
        done = subprocess.run(
            ["testparm", "--suppress-prompt", conf],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TESTPARM_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding(SAMBA, Level.WARNING, f"testparm failed: {error}", f"try it: testparm -s {conf}")
        return
    mistakes = [line for line in done.stderr.splitlines() if re.match(r"error|unknown", line, re.IGNORECASE)]
    if done.returncode or mistakes:
        said = mistakes[0] if mistakes else f"exit code {done.returncode}"
        yield Finding(
            SAMBA, Level.WARNING, f"{conf} has mistakes: {said}", f"see them all: testparm -s {conf}"
        )
    if done.returncode:
        return
    sections = configparser.RawConfigParser(strict=False, delimiters=("=",), default_section="global")
    sections.read_string("\n".join(line.strip() for line in done.stdout.splitlines()))
    yield from _exports(list(shares), sections)


def _exports(shares: list[Share], sections: configparser.RawConfigParser) -> Findings:
    found = [(share, _section_of(share, sections)) for share in shares]
    exported = [(share, section) for share, section in found if section is not None]
    if missing := [str(share.path) for share, section in found if section is None]:
        yield Finding(
            SAMBA,
            Level.NOTE,
            f"Samba does not offer {', '.join(missing)}",
            "if clients are to reach it: add its section of `mattingd share print --group GROUP` to smb.conf",
        )
    if not exported:
        return
    for share, section in exported:
        yield from _examine_section(share, section)
    yield _listening(sections.defaults())


def _section_of(share: Share, sections: configparser.RawConfigParser) -> configparser.SectionProxy | None:
    """Return the section that offers the folder, or the nearest one above it."""
    offered = [section for section in sections.values() if section.get("path")]
    above = [section for section in offered if share.path.is_relative_to(section["path"])]
    return max(above, key=lambda section: len(section["path"]), default=None)


def _examine_section(share: Share, section: configparser.SectionProxy) -> Findings:
    about, print_it = f"{SAMBA} share {section.name}", "set it as `mattingd share print` does"
    wrong = False
    takes = not share.is_output
    if takes and section.get("read only", "yes").lower() != "no" and not section.get("write list"):
        wrong = True
        what = f"clients cannot drop pictures into {share.path}: the share is read-only"
        yield Finding(about, Level.PROBLEM, what, "read only = no")
    if takes and section.get("strict allocate", "no").lower() == "yes":
        wrong = True
        what = (
            "a file that Explorer begins takes all its room at once: a part that never came looks like black"
        )
        yield Finding(about, Level.WARNING, what, f"strict allocate = no; {print_it}")
    if takes and section.get("oplocks", "yes").lower() != "no":
        wrong = True
        what = "clients may keep back what they write (oplocks): files are seen late"
        yield Finding(about, Level.NOTE, what, f"oplocks = no; {print_it}")
    if "fruit" not in section.get("vfs objects", ""):
        wrong = True
        what = "Macs put their attributes into files beside the pictures"
        yield Finding(about, Level.NOTE, what, f"vfs objects = catia fruit streams_xattr; {print_it}")
    if not wrong:
        yield Finding(about, Level.OK, f"it offers {share.path} as it should")


def _listening(general: Mapping[str, str]) -> Finding:
    """Check that the server runs: whichever addresses it is bound to, it listens at its port."""
    ports = general.get("smb ports", "445").split()
    port = int(ports[0]) if ports and ports[0].isdecimal() else PORTS["cifs"]
    if not _listens(port):
        return Finding(
            SAMBA, Level.WARNING, f"no server listens on TCP port {port}", "systemctl enable --now smbd"
        )
    what = f"the server listens on TCP port {port}; a firewall must let the team's network through to it"
    return Finding(SAMBA, Level.OK, what, f"ufw allow from 192.168.1.0/24 to any port {port} proto tcp")


def _listens(port: int) -> bool:
    """Whether a program on this machine listens on a TCP port."""
    for table in TCP_TABLES:
        with suppress(OSError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                if state == LISTENS and int(local.rpartition(":")[2], 16) == port:
                    return True
    return False
