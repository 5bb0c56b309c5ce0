"""Examine the daemon, its journal, and what its sandbox allows it to see."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from mattingd import __version__
from mattingd.api.client import PATIENCE_SECONDS, SILENT, NoAnswerError, NoDaemonError, ask
from mattingd.api.schemas import answers, requests
from mattingd.config import Settings
from mattingd.doctor.as_user import owner_of
from mattingd.doctor.findings import Finding, Findings, Level
from mattingd.journal import JournalError, NoJournalError, reading
from mattingd.runtime.launch import JOURNAL
from mattingd.runtime.lock import LOCK
from mattingd.system import clock
from mattingd.system.cgroup import limits
from mattingd.system.mounts import mount_of, mount_table
from mattingd.workers.capacity import MEMORY_SHARE, memory
from mattingd.workers.resources import BYTES_A_PIXEL

SEALED = "/systemd/inaccessible"
"""What systemd lays over a folder that a service may not see."""
GIB = 1 << 30


def status_of(settings: Settings) -> tuple[answers.Status | None, Finding]:
    """Return the status of a running daemon (None when there is none), and the finding about it."""
    about = "daemon"
    try:
        status = ask(settings.state_dir, requests.Status())
    except NoAnswerError as error:
        if str(error) == SILENT:
            return None, _silent(settings)
        return None, Finding(about, Level.WARNING, str(error), _as_user(settings))
    except NoDaemonError:
        return None, _without(settings)
    uptime = clock.in_words(status.uptime_seconds)
    told = f"runs for {uptime}, process {status.pid}, version {status.version}"
    if status.version != __version__:
        return status, Finding(
            about,
            Level.WARNING,
            f"{told}, and this is version {__version__}",
            "restart it: systemctl restart mattingd",
        )
    if status.test_engine:
        return status, Finding(
            about, Level.WARNING, f"{told}, with the test engine: mattes are no real mattes"
        )
    return status, Finding(about, Level.OK, told)


def _silent(settings: Settings) -> Finding:
    holder = lock_holder(settings.state_dir)
    return Finding(
        "daemon",
        Level.WARNING,
        f"process {holder or '?'} runs, and has not answered within {PATIENCE_SECONDS:g} s",
        "ask again in a minute; if it stays so, systemctl restart mattingd: no picture is lost",
    )


def _without(settings: Settings) -> Finding:
    holder = lock_holder(settings.state_dir)
    if holder:
        return Finding(
            "daemon",
            Level.PROBLEM,
            f"process {holder} holds {settings.state_dir / LOCK} and answers no question",
            f"see what it is: ps -fp {holder}; end it if it hangs: kill {holder}",
        )
    return Finding("daemon", Level.NOTE, "not running", "mattingd run, or systemctl start mattingd")


def _as_user(settings: Settings) -> str:
    with suppress(OSError, KeyError):
        owner = settings.state_dir.owner()
        return f"ask as its user: sudo{'' if owner == 'root' else f' -u {owner}'} mattingd doctor"
    return "ask as its user, or as root"


def not_yours(settings: Settings) -> Finding | None:
    """Return the finding that replaces checks of folders by a user other than the daemon's or root."""
    owner = owner_of(settings.state_dir)
    if os.geteuid() == 0 or owner is None or owner.uid == os.geteuid():
        return None
    return Finding(
        "folders",
        Level.WARNING,
        f"they were not tried out: the daemon runs as {owner.name}, whose rights are not yours",
        _as_user(settings),
    )


def lock_holder(state_dir: Path) -> str:
    """Return the process that holds the lock of a state directory; empty when there is none."""
    try:
        descriptor = os.open(state_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 32, 0).decode(errors="replace").partition("\n")[0].strip() or "?"
    finally:
        os.close(descriptor)
    return ""


def examine_journal(settings: Settings) -> Findings:
    """Whether the journal can be read, and how the last run ended."""
    about, path = "journal", settings.state_dir / JOURNAL
    try:
        with reading(path) as ledger:
            counts = ledger.states()
    except NoJournalError:
        yield Finding(about, Level.NOTE, "there is none yet; `mattingd run` makes one")
        return
    except PermissionError:
        yield Finding(about, Level.WARNING, f"{path} may not be read by you", _as_user(settings))
        return
    except JournalError as error:
        yield Finding(about, Level.PROBLEM, str(error))
        return
    yield Finding(about, Level.OK, f"{path} can be read: {sum(counts.values()):,} jobs")


def examine_sandbox(settings: Settings, pid: int) -> Findings:
    """Check how a running daemon sees the configured folders, if that differs from our view."""
    try:
        theirs = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    ours, found = mount_table(), False
    writes = settings.written
    reads = {f"hot folder {folder.name}": folder.path for folder in settings.hot_folders}
    reads |= {about: Path(pin.path) for about, pin in settings.backgrounds.items()}
    for about, path in (reads | writes).items():
        seen, there = mount_of(path, theirs), mount_of(path, ours)
        if seen.root.startswith(SEALED) or (seen.kind == "tmpfs" and there.kind != "tmpfs"):
            found = True
            yield Finding(
                about,
                Level.PROBLEM,
                f"the daemon does not see {path}: its service hides {seen.point} from it",
                "set ProtectHome=no (or PrivateTmp=no) in the unit; `mattingd service install` writes it so",
            )
        elif about in writes and seen.read_only and not there.read_only:
            found = True
            yield Finding(
                about,
                Level.PROBLEM,
                f"the daemon may not write to {path}: in the sandbox of its service it is read-only",
                f"add ReadWritePaths={path} to the unit (`mattingd service install` does), and restart it",
            )
    if theirs != ours and not found:
        yield Finding("sandbox", Level.OK, "the daemon's service lets it see and write what it needs")


def examine_memory(settings: Settings, pid: int) -> Findings:
    """Check that the memory for pictures in work fits into the service's limit."""
    limit = limits(process=str(pid)).memory
    megapixels = settings.limits.memory_megapixels
    whole = memory() if limit is None else min(memory(), limit)
    wanted = whole * MEMORY_SHARE if megapixels == "auto" else megapixels * 1e6 * BYTES_A_PIXEL
    told = f"pictures in work take at most {wanted / GIB:.1f} of {whole / GIB:.1f} GiB"
    if limit is not None and limit < wanted:
        fits = int(limit * MEMORY_SHARE / BYTES_A_PIXEL / 1e6)
        yield Finding(
            "memory",
            Level.WARNING,
            f"{told}, but its control group allows {limit / GIB:.1f} GiB",
            f"raise MemoryMax= and MemoryHigh= of the unit, or set limits.memory_megapixels to {fits}",
        )
    else:
        yield Finding("memory", Level.OK, told)


def examine_time(settings: Settings) -> Findings:
    """Report the time zone of dated folders."""
    now = clock.wall(clock.zone(settings.timezone))
    whose = settings.timezone or "the system's time zone"
    told = f"dated folders go by {whose}: it is {now:%Y-%m-%d %H:%M %Z}"
    if settings.timezone is None and not now.utcoffset() and os.environ.get("TZ") is None:
        yield Finding(
            "time zone", Level.NOTE, told, "for dates of another place set timezone, like Europe/Berlin"
        )
    else:
        yield Finding("time zone", Level.OK, told)
