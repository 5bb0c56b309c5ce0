"""The systemd unit, if there is one: does it run, and does its sandbox leave room for what is configured?

A unit is written for a configuration; a folder that was added since may lie outside of what it allows.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mattingd.config import Settings
from mattingd.doctor.findings import Finding, Findings, Level

ABOUT = "service"
UNIT = "mattingd.service"
ASKED = ("LoadState", "ActiveState", "Result", "ExecMainStatus", "ProtectSystem", "ProtectHome", "PrivateTmp")
PATHS = ("ReadWritePaths", "StateDirectory", "BindPaths")
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what PrivateTmp= hides
HIDING = frozenset({"yes", "true", "tmpfs"})
ANEW = "`mattingd service install` writes the unit for this configuration; then systemctl restart mattingd"


def examine(settings: Settings) -> Findings:
    """Return findings about the unit; none where there is no unit."""
    properties = _asked()
    if properties.get("LoadState") != "loaded":
        return
    yield from judged(properties, settings)


def judged(unit: Mapping[str, str], settings: Settings) -> Findings:
    """Return what is wrong with a unit of these properties (systemd.exec(5)) for these settings."""
    found = [*_hidden(unit, settings), *_read_only(unit, settings)]
    if unit.get("ActiveState") == "failed":
        yield Finding(
            ABOUT,
            Level.PROBLEM,
            f"{UNIT} has failed ({unit.get('Result')}, exit code {unit.get('ExecMainStatus')})",
            "journalctl -u mattingd -n 30 says why; then"
            " systemctl reset-failed mattingd; systemctl start mattingd",
        )
    elif not found:
        yield Finding(ABOUT, Level.OK, f"{UNIT} is {unit.get('ActiveState')}, and allows what is configured")
    yield from found


def _hidden(unit: Mapping[str, str], settings: Settings) -> Findings:
    """Folders that the service does not see."""
    named = {"output_dir": settings.output_dir} | {
        f"hot folder {hot.name}": hot.path for hot in settings.hot_folders
    }
    if settings.archive_dir:
        named["archive_dir"] = settings.archive_dir
    named |= {about: Path(pin.path) for about, pin in settings.backgrounds.items()}
    bound = _paths(unit.get("BindPaths", ""))
    for name, tops in (("ProtectHome", HOMES), ("PrivateTmp", TEMPORARY)):
        if unit.get(name) not in HIDING:
            continue
        for about, path in named.items():
            if any(map(path.is_relative_to, tops)) and not any(map(path.is_relative_to, bound)):
                yield Finding(
                    about, Level.PROBLEM, f"{UNIT} does not see {path}: it has {name}={unit[name]}", ANEW
                )


def _read_only(unit: Mapping[str, str], settings: Settings) -> Findings:
    """Folders that the service may not write to."""
    state = [Path("/var/lib") / name for name in unit.get("StateDirectory", "").split()]
    writable = [*_paths(unit.get("ReadWritePaths", "")), *_paths(unit.get("BindPaths", "")), *state]
    homes = unit.get("ProtectHome") == "read-only"
    for about, path in settings.written.items():
        strict = unit.get("ProtectSystem") == "strict" or (homes and any(map(path.is_relative_to, HOMES)))
        if strict and not any(map(path.is_relative_to, writable)):
            yield Finding(
                about, Level.PROBLEM, f"{UNIT} may not write to {path}: no ReadWritePaths= allows it", ANEW
            )


def _paths(text: str) -> list[Path]:
    """Return the paths of a list, without the marks for optional ones and the sources of bind mounts."""
    return [Path(word.lstrip("-+").split(":")[-1]) for word in text.split()]


def _asked() -> dict[str, str]:
    program = shutil.which("systemctl")
    if program is None:
        return {}
    names = ",".join((*ASKED, *PATHS))
    try:
        done = subprocess.run(
            [program, "show", UNIT, f"--property={names}"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
