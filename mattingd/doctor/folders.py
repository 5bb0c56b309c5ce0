"""Each configured folder: is it there, may it be used, and does its file system keep our promises?

Tried out with real files under hidden names, which are gone afterwards. Runs as the daemon's user, in a
process of its own: a folder on a dead share hangs whoever touches it.
"""

import errno
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mattingd.config import HotFolder, Settings, unreadable, unwritable
from mattingd.config.backgrounds import look
from mattingd.doctor.as_user import User
from mattingd.doctor.backlog import Stock, stock_of
from mattingd.doctor.findings import Finding, Findings, Level
from mattingd.domain.presets import Pin
from mattingd.domain.text import readable
from mattingd.journal import JournalError, reading
from mattingd.outputs.other_daemons import others
from mattingd.runtime.launch import JOURNAL
from mattingd.system import clock
from mattingd.system.filesystem import TEMP_PREFIX, Disk, output_root_marker
from mattingd.system.mounts import Mount, may_hang, missing_mount, mount_of, mount_table
from mattingd.system.no_replace import refuses_to_replace

FSTAB = Path("/etc/fstab")
CLOCKS_APART_SECONDS = 2.0
"""File systems round times by that much."""
LITTLE_FREE = 5 * 10**9
LITTLE_FREE_FOR_STATE = 10**9
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DENIED = frozenset({errno.EACCES, errno.EPERM})
GB = 10**9


@dataclass(frozen=True, slots=True)
class Place:
    """A folder under examination."""

    about: str
    path: Path
    user: User
    mount: Mount

    def found(self, level: Level, what: str, remedy: str = "") -> Finding:
        """A finding about it."""
        return Finding(self.about, level, what, remedy)


def place_of(about: str, path: Path, user: User) -> Place:
    """Return a folder, and its mount."""
    return Place(about, path, user, mount_of(path, mount_table()))


def examine_background(about: str, pin: Pin, user: User) -> Findings:
    """Check that this picture can be used as a background."""
    place = place_of(about, Path(pin.path), user)
    if fault := look(pin):
        yield place.found(Level.PROBLEM, f"{pin.path} {fault}", _way_to_read(place))
    else:
        yield place.found(Level.OK, f"{pin.path} can be a background")


# --- hot folders ---


def examine_hot_folder(settings: Settings, folder: HotFolder, user: User) -> Findings:
    """Check that pictures can be found and read here, and count what is here already."""
    place = place_of(f"hot folder {folder.name}", folder.path, user)
    if away := _not_mounted(place):
        yield away
        return
    if fault := unreadable(folder.path):
        yield place.found(Level.PROBLEM, f"{folder.path} {fault}", _way_in(place))
        return
    yield _watching(place, settings)
    if folder.originals != "keep" and (fault := unwritable(folder.path)):
        yield place.found(
            Level.PROBLEM,
            f"{folder.path} {fault}, and `originals` is {folder.originals}: they cannot be taken away",
            f"let {user.name} do that: {_grant(place, 'rwX')}",
        )
    stock = stock_of(folder, settings.state_dir / JOURNAL, bounded=True, rights=True)
    yield from _rights_of(place, stock)
    if stock.newest_ns > clock.wall().timestamp() * clock.SECOND + CLOCKS_APART_SECONDS * clock.SECOND:
        yield place.found(
            Level.NOTE, "a file here was changed in the future: clocks differ, which harms nothing here"
        )
    yield _lying(place, stock, settings)


def _watching(place: Place, settings: Settings) -> Finding:
    watch, kind = settings.watch, place.mount.kind or "an unknown file system"
    looks = f"{place.path} is on {kind}: a network share, looked through every {watch.poll_seconds:g} s"
    if may_hang(kind) and watch.mode == "events":
        return place.found(
            Level.WARNING,
            f"{place.path} is on {kind}, where no notification tells of what others do, and `watch.mode` is"
            " events: pictures are found at the next complete look only",
            "set watch.mode to auto",
        )
    if may_hang(kind):
        return place.found(Level.OK, looks)
    how = "looked through" if watch.mode == "poll" else "watched"
    return place.found(Level.OK, f"{place.path} is on {kind}, can be read and is {how}")


def _rights_of(place: Place, stock: Stock) -> Findings:
    number = stock.unreadable + stock.unlisted
    if number:
        yield place.found(
            Level.WARNING,
            f"{number} files and folders may not be read by {place.user.name}, the first is"
            f" {readable(stock.first_unreadable)}",
            f"let it read what is dropped: {_grant(place, 'rX')}",
        )


def _lying(place: Place, stock: Stock, settings: Settings) -> Finding:
    more = "" if stock.whole else "more than "
    told = [f"{more}{stock.files:,} {'file is' if stock.files == 1 else 'files are'} here"]
    if stock.waiting == stock.files and stock.files and stock.folder.existing == "ignore":
        told.append("which the first start leaves alone, since `existing` is ignore")
    elif stock.waiting:
        told.append(f"{more}{stock.waiting:,} to be done in about {clock.in_words(stock.seconds)}")
    if ignored := _ignored(stock, settings):
        told.append(f"{ignored:,} ignored as no pictures")
    if stock.passed_over:
        told.append(f"{stock.passed_over:,} more passed over: hidden, or left about by other programs")
    return place.found(Level.NOTE if stock.waiting else Level.OK, ", ".join(told))


def _ignored(stock: Stock, settings: Settings) -> int:
    with suppress(JournalError, PermissionError), reading(settings.state_dir / JOURNAL) as ledger:
        return ledger.states(bytes(stock.folder.path)).get("ignored", 0)
    return 0


# --- what we write to ---


def examine_output(settings: Settings, user: User) -> Findings:
    """Check that cut-outs can be published here with all guarantees."""
    place = place_of("output_dir", settings.output_dir, user)
    floor = round(settings.retention.min_free_gb * GB)
    yield from _examine_written(place, "cut-outs", LITTLE_FREE, floor)
    with suppress(OSError):
        yield from _other_daemons(place, settings.state_dir)


def _other_daemons(place: Place, state_dir: Path) -> Findings:
    """Check that no other daemon works for the output folder."""
    marker, own = output_root_marker("none"), (socket.gethostname(), readable(os.fsencode(state_dir)))
    with suppress(JournalError, PermissionError), reading(state_dir / JOURNAL) as ledger:
        marker, own = output_root_marker(ledger.instance), ("", "")
    with tempfile.NamedTemporaryFile(prefix=f"{TEMP_PREFIX}doctor-", dir=place.path) as file:
        now = os.fstat(file.fileno()).st_mtime
    for other in others(place.path / marker, now) if place.path.is_dir() else ():
        if (other.host, other.state_dir) == own:  # our own, whose journal cannot be read
            continue
        yield place.found(
            Level.WARNING,
            str(other),
            f"if its hot folders are these, stop one of the two: on {other.host}, kill {other.pid} or"
            " systemctl stop mattingd",
        )


def examine_archive(path: Path, user: User) -> Findings:
    """Check that originals can be archived here."""
    yield from _examine_written(place_of("archive_dir", path, user), "originals", LITTLE_FREE, 0)


def examine_state(settings: Settings, user: User) -> Findings:
    """Check that the journal can be kept here."""
    place = place_of("state_dir", settings.state_dir, user)
    yield from _examine_written(place, "the journal", LITTLE_FREE_FOR_STATE, 0)


def _examine_written(place: Place, what: str, little: int, floor: int) -> Findings:
    if away := _not_mounted(place):
        yield away
        return
    if fault := unwritable(place.path):
        yield place.found(Level.PROBLEM, f"{place.path} {fault}", _way_to_write(place))
        return
    if not place.path.is_dir():
        yield place.found(Level.NOTE, f"{place.path} is not there yet; it is made at the first start")
        return
    try:
        yield from _try_out(place)
    except OSError as error:
        yield place.found(
            Level.PROBLEM, f"{place.path}: {what} cannot be written: {error.strerror}", _explain(place, error)
        )
    yield from _space(place, what, little, floor)


def _try_out(place: Place) -> Findings:
    """Test the steps of publishing with files of our own."""
    folder = Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}doctor-", dir=place.path))
    try:
        disk, temp, final = Disk(), str(folder / "temp"), str(folder / "final")
        disk.write(temp, b"first")
        disk.write(final, b"second")
        disk.sync_directory(str(folder))
        yield from clocks(place, Path(temp))
        if not refuses_to_replace(temp, str(folder / "renamed")):
            yield place.found(
                Level.NOTE,
                f"renaming on {place.mount.kind} cannot refuse to replace a file: names are claimed first",
                "let only mattingd create files here",
            )
        (folder / "case").touch()
        if (folder / "CASE").exists():
            yield place.found(
                Level.NOTE,
                f"{place.mount.kind} takes names that differ in their case only for the same",
                "nothing to do: the second such picture gets another name",
            )
        published = disk.publish(str(folder / "final"), str(folder / "published"))
        if not published or disk.read_back(str(folder / "published")) != b"second":
            yield place.found(Level.PROBLEM, f"{place.path}: a file that was written is not read back whole")
        else:
            yield place.found(
                Level.OK,
                f"{place.path} is on {place.mount.kind}; {place.user.name} can write, sync and rename there",
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clocks(place: Place, file: Path) -> Findings:
    """Check that the file system dates a new file like this machine's clock."""
    apart = file.stat().st_mtime - clock.wall().timestamp()
    if abs(apart) > CLOCKS_APART_SECONDS:
        way = "ahead of" if apart > 0 else "behind"
        yield place.found(
            Level.WARNING,
            f"the clock of the file system is {clock.in_words(abs(apart))} {way} this machine's",
            "let both follow a time server: timedatectl set-ntp true, here and on the server",
        )


def _space(place: Place, what: str, little: int, floor: int) -> Findings:
    status = os.statvfs(place.path)
    free, size = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    left = f"{_amount(free)} of {_amount(size)} are free for {what}"
    if floor and free < floor:
        yield place.found(
            Level.PROBLEM,
            f"{left}: less than the {floor / GB:g} GB of retention.min_free_gb, so that cut-outs wait",
            f"make room on {place.mount.point}, let retention.days remove old ones, or set the floor lower",
        )
    elif size and free < min(little, size // 20):
        yield place.found(Level.WARNING, f"only {left}", f"make room on {place.mount.point}")
    elif status.f_files and status.f_favail < min(10_000, status.f_files // 20):
        yield place.found(
            Level.WARNING,
            f"only {status.f_favail:,} more files can be made on {place.mount.point}: it has no inodes left",
            "remove small files there, or make a file system with more inodes",
        )
    else:
        yield place.found(Level.OK, left)


def _amount(size: int) -> str:
    return f"{size / GB:.1f} GB" if size >= GB else f"{size / 10**6:.1f} MB"


# --- why not, and what to do ---


def _not_mounted(place: Place) -> Finding | None:
    try:
        fstab = FSTAB.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    point = missing_mount(place.path, mount_table(), fstab)
    if point is None:
        return None
    return place.found(Level.PROBLEM, f"{point} stands in {FSTAB} and is not mounted", f"mount {point}")


def _closed(path: Path) -> Path | None:
    """Return the first folder on the way to `path` that denies access."""
    for parent in reversed(path.parents):
        try:
            if parent.is_dir() and not os.access(parent, os.X_OK, effective_ids=True):
                return parent
        except OSError:
            return parent
    return None


def _way_in(place: Place) -> str:
    if (closed := _closed(place.path)) is not None:
        return f"{closed} lets {place.user.name} not through: setfacl -m u:{place.user.name}:x {closed}"
    if place.path.is_dir():
        return f"let {place.user.name} read it: {_grant(place, 'rX')}"
    return f"mkdir -p {place.path}"


def _way_to_read(place: Place) -> str:
    """Return the same for a single file."""
    if (closed := _closed(place.path)) is not None:
        return f"{closed} lets {place.user.name} not through: setfacl -m u:{place.user.name}:x {closed}"
    if place.path.is_file() and not os.access(place.path, os.R_OK, effective_ids=True):
        return f"let {place.user.name} read it: setfacl -m u:{place.user.name}:r {place.path}"
    return "choose another `background`, or put a sound picture there"


def _grant(place: Place, rights: str) -> str:
    """Return commands that grant permissions for existing files, and (d:) for later ones."""
    who = f"u:{place.user.name}:{rights}"
    return f"setfacl -R -m {who},d:{who} {place.path}"


def _way_to_write(place: Place) -> str:
    there = next(parent for parent in (place.path, *place.path.parents) if os.path.lexists(parent))
    if place.mount.read_only:
        return _read_only(place)
    if (closed := _closed(place.path)) is not None:
        return f"{closed} lets {place.user.name} not through: setfacl -m u:{place.user.name}:x {closed}"
    if there.is_dir() and there != place.path:
        return f"as root: install -d -o {place.user.name} {place.path}"
    return f"as root: chown -R {place.user.name} {place.path}" if there.is_dir() else ""


def _explain(place: Place, error: OSError) -> str:
    if error.errno == errno.EROFS:
        return _read_only(place)
    if error.errno in FULL:
        return f"make room on {place.mount.point}"
    if error.errno in DENIED:
        return _way_to_write(place)
    return f"see what the kernel says of {place.mount.point}: journalctl -k"


def _read_only(place: Place) -> str:
    """Explain a read-only folder: it may be mounted so, or only in the sandbox of a service."""
    if "INVOCATION_ID" in os.environ or _elsewhere_writable(place):
        return (
            f"the sandbox of the service has it read-only: add ReadWritePaths={place.path} to the unit"
            " (`mattingd service install` does), and restart it"
        )
    return f"it is mounted read-only: mount -o remount,rw {place.mount.point}"


def _elsewhere_writable(place: Place) -> bool:
    """Whether the machine's first process sees the same path as writable."""
    try:
        table = Path("/proc/1/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    return table != mount_table() and not mount_of(place.path, table).read_only
