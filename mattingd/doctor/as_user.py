"""Runs an examination in a process of its own: as the daemon's user, and for a limited time.

A share whose server hangs keeps whoever touches it for ever: such a process is left behind, and that is what
was found.
"""

import json
import os
import pwd
import select
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from mattingd.doctor.findings import Finding, Level
from mattingd.system import clock

Task = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class User:
    """The user whose permissions count."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    @property
    def name(self) -> str:
        """Return the name, or the number without one."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def become(self) -> None:
        """Switch from root to this user."""
        os.setgroups(self.groups)
        os.setgid(self.gid)
        os.setuid(self.uid)


def myself() -> User:
    """Return the calling user."""
    return User(os.geteuid(), os.getegid(), tuple(os.getgroups()))


def user_of_process(pid: int) -> User | None:
    """Return the user that a process runs as, with its groups; None when that is not accessible."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    uid, gid = (int(told[name].split()[1]) for name in ("Uid", "Gid"))
    return User(uid, gid, tuple(map(int, told["Groups"].split())))


def owner_of(path: Path) -> User | None:
    """Return the owner of a folder; None when it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    try:
        entry = pwd.getpwuid(status.st_uid)
    except KeyError:
        return User(status.st_uid, status.st_gid, ())
    return User(entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def apart(about: str, task: Task, *, user: User, seconds: float) -> list[Finding]:
    """Run `task` as `user` (if we may switch to it) within `seconds`, and return its findings."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _examine_and_exit(about, task, user, writing)
    os.close(writing)
    told = _read_all(reading, seconds)
    os.close(reading)
    if told is None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, os.WNOHANG)
        hangs = f"gave no answer within {seconds:g} s"
        return [Finding(about, Level.PROBLEM, hangs, "check that its server runs, and mount it again")]
    os.waitpid(child, 0)
    if not told:
        return [Finding(about, Level.PROBLEM, "could not be examined: the examination was ended")]
    return [Finding(about, Level(level), what, remedy) for about, level, what, remedy in json.loads(told)]


def _examine_and_exit(about: str, task: Task, user: User, writing: int) -> None:
    """Run the child until its end; it never returns into the code of its parent."""
    try:
        if os.geteuid() == 0 and user.uid != 0:
            user.become()
        try:
            findings = list(task())
        except Exception as error:  # noqa: BLE001 - whatever it was, the other examinations go on
            findings = [Finding(about, Level.PROBLEM, f"could not be examined: {error}")]
        answer = json.dumps([astuple(finding) for finding in findings]).encode()
        while answer:
            answer = answer[os.write(writing, answer) :]
    finally:
        os._exit(0)


def _read_all(descriptor: int, seconds: float) -> bytes | None:
    """Read everything until the other end closes; None on a timeout."""
    deadline = clock.monotonic_ns() + round(seconds * clock.SECOND)
    told = bytearray()
    while (left := deadline - clock.monotonic_ns()) > 0:
        ready, _, _ = select.select([descriptor], [], [], left / clock.SECOND)
        if ready:
            got = os.read(descriptor, 1 << 16)
            if not got:
                return bytes(told)
            told += got
    return None
