"""`mattingd service`: print, install and remove the files of the service."""

import contextlib
import functools
import grp
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mattingd.cli.errors import CommandError, find_config
from mattingd.config import Settings, load
from mattingd.domain.exit_codes import ExitCode
from mattingd.system.mounts import missing_mount, mount_table
from mattingd.systemd import units

UNIT = units.SERVICE.removesuffix(".service")
FSTAB = Path("/etc/fstab")
LINGERING = Path("/var/lib/systemd/linger")
"""Holds a file for each user whose services run while he is away."""


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command line."""

    config: Path | None
    user: bool
    """A service of the calling user, instead of one of the machine."""
    run_as: str
    group: str | None
    root: Path | None
    """Put the files below this folder, and change nothing else."""


def show(order: Order, *, every: bool, as_json: bool) -> ExitCode:
    """Print the unit, or all files."""
    texts = _rendered(order)[0]
    if as_json:
        print(json.dumps({str(path): text for path, text in texts.items()}))  # noqa: T201
        return ExitCode.OK
    for path, text in texts.items():
        if every:
            print(f"# --- {path} ---\n{text}")  # noqa: T201
        elif path.name == units.SERVICE:
            print(text, end="")  # noqa: T201
    return ExitCode.OK


def install(order: Order, *, start: bool) -> ExitCode:
    """Install the files; unless they are for another system, have the service started."""
    texts, config, settings = _rendered(order)
    if order.root is None and not order.user and os.geteuid() != 0:
        raise CommandError(
            "a service of the machine is for root to install: try it with sudo,"
            " or `mattingd service install --user` for a service of your own"
        )
    if order.root is None and not _systemd_runs():
        raise CommandError(
            "systemd does not run this machine: nothing was written. `mattingd service print` shows the unit,"
            " `--root FOLDER` writes the files for another machine"
        )
    _refuse_foreign(texts)
    for path, text in texts.items():
        _write(path, text)
        _say(f"wrote    {path}")
    if order.root is not None:
        return ExitCode.OK
    if not order.user:
        _prepare(texts)
        _hand_over(order, settings)
    _systemctl(order, "daemon-reload")
    _systemctl(order, "enable", "--quiet", units.SERVICE)
    _try_out(order, config)
    if not start:
        _say(f"enabled  {UNIT}; it starts with the machine, or by {_shell(order, 'start', UNIT)}")
        return ExitCode.OK
    return _start(order)


def uninstall(order: Order) -> ExitCode:
    """Stop the service and remove its files; pictures, cut-outs, journal and user stay."""
    root = _root(order)
    paths = [root / place for place in units.places(system=not order.user)]
    there = [path for path in paths if path.exists()]
    if not there:
        _say("there is nothing to remove: no file of the service is in its place")
        return ExitCode.OK
    if order.root is None and not order.user and os.geteuid() != 0:
        raise CommandError("a service of the machine is for root to remove: try it with sudo")
    systemd = order.root is None and _systemd_runs()
    if systemd:
        _systemctl(order, "disable", "--quiet", "--now", units.SERVICE)
        _systemctl(order, "stop", f"{UNIT}-process@*.timer", f"{UNIT}-process@*.service")
    for path in there:
        if not _ours(path):
            _say(f"left     {path}: it was not written by `mattingd service install`")
            continue
        _remove(path)
        _say(f"removed  {path}")
    if systemd:
        _systemctl(order, "daemon-reload")
    kept = "cut-outs and the journal" if order.user else "cut-outs, the journal and the service's user"
    _say(f"Pictures, {kept} are as they were.")
    return ExitCode.OK


# --- what is rendered ---


def _rendered(order: Order) -> tuple[dict[Path, str], Path, Settings]:
    """Return texts by path, and the configuration that they were rendered for."""
    config = Path(os.path.abspath(find_config(order.config)))  # noqa: PTH100 - links stay as people made them
    settings = load(config)
    texts = units.rendered(settings, config, _machine(order))
    return {_root(order) / place: text for place, text in texts.items()}, config, settings


def _root(order: Order) -> Path:
    if order.root is not None:
        return order.root.absolute()
    if not order.user:
        return Path("/")
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()


def _machine(order: Order) -> units.Machine:
    """Return this machine, as far as the files depend on it."""
    package = Path(units.__file__).parent
    return units.Machine(
        user=None if order.user else order.run_as,
        group=order.group or _group_of(order.run_as),
        groups=frozenset(entry.gr_name for entry in grp.getgrall()),
        program=(sys.executable, "-P", "-m", "mattingd"),
        needs=(Path(sys.prefix), Path(sys.base_prefix), package),
        nvidia_modprobe=shutil.which("nvidia-modprobe") or "",
        version=_version(),
        mountinfo=mount_table(),
        fstab=_text(FSTAB),
    )


def _group_of(user: str) -> str:
    """Return the first group of a user; one that is still to be created will have the user's name."""
    try:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    except KeyError:
        return user


@functools.cache
def _version() -> int:
    """Return the version of systemd."""
    try:
        told = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        told = ""
    found = re.match(r"systemd (\d+)", told)
    return int(found[1]) if found else units.OLDEST


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


# --- files ---


def _ours(path: Path) -> bool:
    return _text(path).startswith(units.WRITTEN_BY_US)


def _refuse_foreign(texts: Mapping[Path, str]) -> None:
    foreign = [path for path in texts if path.exists() and not _ours(path)]
    if foreign:
        raise CommandError(
            *(f"{path} is there and was not written by `mattingd service install`" for path in foreign),
            "nothing was changed; move it away first, or change the service with"
            f" `systemctl edit {UNIT}` instead",
        )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise CommandError(f"{path} cannot be removed: {error.strerror}") from error


# --- systemd ---


def _prepare(texts: Mapping[Path, str]) -> None:
    """Create the user and the folders now, as every start of the machine would."""
    for path in texts:
        if path.parent.name == "sysusers.d":
            _run(["systemd-sysusers", str(path)])
        elif path.parent.name == "tmpfiles.d":
            _run(["systemd-tmpfiles", "--create", str(path)])


def _hand_over(order: Order, settings: Settings) -> None:
    """Create the service's folders, or give it empty ones of root, as `mattingd init` made them.

    Nothing is created where a disk or a share is not mounted at present.
    """
    group = order.group or _group_of(order.run_as)
    modes = {settings.output_dir: 0o2775, settings.archive_dir: 0o2775, settings.state_dir: 0o750}
    for folder, mode in modes.items():
        if folder is None or missing_mount(folder, mount_table(), _text(FSTAB)):
            continue
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir() or folder.stat().st_uid != 0 or any(folder.iterdir()):
            continue
        with contextlib.suppress(OSError):  # a share may refuse; the next step explains what that means
            shutil.chown(folder, order.run_as, group)
            folder.chmod(mode)
            _say(f"gave     {folder} to user {order.run_as}")


def _try_out(order: Order, config: Path) -> None:
    """Check, as the service's user, that it can read the configuration and use the folders."""
    command = [sys.executable, "-P", "-m", "mattingd", "check", "--config", str(config)]
    who: dict[str, object] = {}
    if not order.user:
        who = {"user": order.run_as, "group": order.group or _group_of(order.run_as), "extra_groups": []}
    whose = "you" if order.user else f"user {order.run_as}"
    runs = subprocess.run(_with_scope(order, "is-active", "--quiet", UNIT), check=False).returncode == 0
    so, then = ("continues with its old settings", "restart") if runs else ("was not started", "start")
    later = f"The service is installed and {so}; mend that, then {_shell(order, then, UNIT)}"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **who)  # type: ignore[call-overload]
    except OSError as error:
        raise CommandError(
            f"{whose} cannot run {sys.executable}: {error.strerror}; install the program where everybody may"
            " read it, such as below /opt",
            later,
            code=ExitCode.FAILED,
        ) from None
    if done.returncode:
        said = [line.removeprefix("mattingd: ") for line in done.stderr.splitlines()]
        code = done.returncode if done.returncode in list(ExitCode) else ExitCode.FAILED
        raise CommandError(f"tried out as {whose}:", *said, later, code=ExitCode(code))


def _start(order: Order) -> ExitCode:
    """Start or restart it with the new files; systemd answers when it is ready or has given up."""
    _say(f"starting {UNIT}: the model is loaded and tested ...")
    done = subprocess.run(_with_scope(order, "restart", UNIT), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        _say(f"running  {UNIT}; how it is: {_shell(order, 'status', UNIT)}, or `mattingd status`")
        if order.user and not (LINGERING / pwd.getpwuid(os.getuid()).pw_name).exists():
            _say("It runs while you are logged in; `loginctl enable-linger` has it run always.")
        return ExitCode.OK
    show = _with_scope(order, "show", "--property=StatusText", "--value", UNIT)
    why = subprocess.run(show, capture_output=True, text=True, check=False).stdout.strip()
    more = "journalctl --user -u" if order.user else "journalctl -u"
    raise CommandError(
        f"the service is installed and did not start: {why or done.stderr.strip()}",
        f"`{more} {UNIT} -n 30` shows what it said",
        code=ExitCode.FAILED,
    )


def _systemd_runs() -> bool:
    """Whether this machine was booted with systemd: sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()


def _systemctl(order: Order, *words: str) -> None:
    _run(_with_scope(order, *words))


def _with_scope(order: Order, *words: str) -> list[str]:
    return ["systemctl", *(["--user"] if order.user else []), *words]


def _shell(order: Order, *words: str) -> str:
    return f"`{' '.join(_with_scope(order, *words))}`"


def _run(command: Sequence[str]) -> None:
    """Run a program of systemd that must succeed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CommandError(
            f"this machine has no systemd: {command[0]} is not there. `mattingd service print` shows the unit"
        ) from None
    if done.returncode:
        raise CommandError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def _say(line: str) -> None:
    print(line)  # noqa: T201
