"""The files that make a service of the program: rendered from `systemd/` for a configuration.

Pure but for reading those templates. What this machine is like (groups, mounts, the version of systemd)
stands in `Machine`; who puts the files in their place is `cli.serving`.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mattingd.config import Settings, address, is_loopback
from mattingd.system.mounts import missing_mount, mount_of

SERVICE = "mattingd.service"
WRITTEN_BY_US = "# Written by `mattingd service install`"
"""How each of our files begins, so that those of others are told apart."""
OLDEST = 252
"""The version of systemd that the files are written for where none is there."""
WANTS_MOUNTS_SINCE = 256
"""The version of systemd that knows WantsMountsFor=."""
STOP_MARGIN_SECONDS = 30
"""systemd gives so much more than the daemon takes for itself, before it kills."""
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - asked about, not written to
GROUPS = ("video", "render")
"""Whose the device of a graphics card may be."""
_PLACEHOLDER = re.compile(r"@([a-z_]+)@")
_SCOPE = re.compile(r"@(system|user)@ ")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the files depend on besides the configuration."""

    user: str | None
    """The user of a system service; None for a service of the installing user."""
    group: str = "mattingd"
    groups: frozenset[str] = frozenset()
    """Existing groups."""
    program: tuple[str, ...] = ("/usr/bin/mattingd",)
    needs: tuple[Path, ...] = ()
    """The folders of the program: they must stay visible."""
    nvidia_modprobe: str = ""
    """The command that loads the graphics driver for users who may not; empty where there is none."""
    version: int = OLDEST
    """The version of systemd."""
    mountinfo: str = ""
    """Text of /proc/self/mountinfo."""
    fstab: str = ""
    """Text of /etc/fstab: file systems that may not be mounted now."""

    @property
    def scope(self) -> str:
        """The kind of service: `system` or `user`."""
        return "user" if self.user is None else "system"


def rendered(settings: Settings, config: Path, machine: Machine) -> dict[str, str]:
    """Return texts by path, below `/` or, for a user's service, below the user's configuration."""
    values = _values(settings, config, machine)
    templates = _SYSTEM if machine.user is not None else _USER
    return {
        place: f"{WRITTEN_BY_US}, which overwrites it.\n\n{_fill(_template(name), values, machine.scope)}"
        for place, name in templates.items()
    }


_UNITS = (SERVICE, "mattingd-process@.service", "mattingd-process@.timer")
_SYSTEM = {f"etc/systemd/system/{name}": name for name in _UNITS} | {
    "etc/sysusers.d/mattingd.conf": "sysusers.conf",
    "etc/tmpfiles.d/mattingd.conf": "tmpfiles.conf",
}
_USER = {f"systemd/user/{name}": name for name in _UNITS}


def places(*, system: bool) -> tuple[str, ...]:
    """Return the paths of the files, as in `rendered`."""
    return tuple(_SYSTEM if system else _USER)


def _template(name: str) -> str:
    """Return a file of `systemd/`: in the package once it is installed, beside it in the repository."""
    package = resources.files("mattingd")
    inside = package / "systemd" / name
    found = inside if inside.is_file() else Path(str(package)).parent / "systemd" / name
    return found.read_text(encoding="utf-8")


def _fill(template: str, values: Mapping[str, str], scope: str) -> str:
    """Fill the template for one scope; blocks with nothing but comments are left out."""
    _, _, body = template.partition("\n\n")  # the first block is for readers of the template
    blocks = ["\n".join(_lines(block, values, scope)) for block in body.split("\n\n")]
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def _lines(block: str, values: Mapping[str, str], scope: str) -> Iterator[str]:
    filled = [text for line in block.splitlines() if (text := _line(line, values, scope)) is not None]
    if any(not line.startswith("#") for line in filled):
        yield from filled


def _line(line: str, values: Mapping[str, str], scope: str) -> str | None:
    """Fill a line; None when it is for the other scope or has no content."""
    if line.startswith("#"):
        return line
    if marked := _SCOPE.match(line):
        if marked[1] != scope:
            return None
        line = line[marked.end() :]
    if any(not values[name] for name in _PLACEHOLDER.findall(line)):
        return None
    return _PLACEHOLDER.sub(lambda found: values[found[1]], line)


def _values(settings: Settings, config: Path, machine: Machine) -> dict[str, str]:
    output, state, archive = settings.output_dir, settings.state_dir, settings.archive_dir
    folders = [output, *([archive] if archive else []), *(folder.path for folder in settings.hot_folders)]
    grounds = [Path(pin.path) for pin in settings.backgrounds.values()]
    visible = [*folders, *grounds, state, config, *machine.needs]
    knows_wants = machine.version >= WANTS_MOUNTS_SINCE
    at_home, in_tmp = (_any_below(visible, around) for around in (HOMES, TEMPORARY))
    made = {
        name: word(str(path))
        for name, path in (("output_dir", output), ("state_dir", state), ("archive_dir", archive))
        if path is not None and _mount_point(path, machine) == Path("/")
    }
    web = settings.web
    open_port = settings.metrics.port is not None or web.listen is not None
    beyond = bool(web.callback_hosts) or (web.listen is not None and not is_loopback(address(web.listen)[0]))
    return {
        "program": " ".join(argument(part) for part in machine.program),
        "config": argument(str(config)),
        "user": machine.user or "",
        "group": machine.group,
        "other_group": machine.group if machine.group != machine.user else "",
        "supplementary_groups": " ".join(group for group in GROUPS if group in machine.groups),
        "nvidia_modprobe": f"{machine.nvidia_modprobe} -c 0 -u" if machine.nvidia_modprobe else "",
        "timeout_stop": f"{math.ceil(settings.stop_seconds) + STOP_MARGIN_SECONDS}s",
        "state_dir": word(str(state)),
        **{f"made_{name}": made.get(name, "") for name in ("output_dir", "state_dir", "archive_dir")},
        "state_directory": _below(state, Path("/var/lib")),
        "read_write_paths": " ".join(word(f"-{path}") for path in settings.written.values()),
        "wants_mounts_for": " ".join(word(str(path)) for path in (*folders, *grounds)) if knows_wants else "",
        "wants_mounts": "" if knows_wants else " ".join(_mount_units([*folders, *grounds], machine)),
        "protect_home": "read-only" if at_home else "yes",
        "private_tmp": "no" if in_tmp else "yes",
        "private_network": "no" if open_port else "yes",
        "loopback": "any" if beyond else "localhost" if open_port else "",
        "address_families": "AF_UNIX AF_INET AF_INET6" if open_port else "AF_UNIX",
    }


def _any_below(paths: Iterable[Path], around: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for path in paths for folder in around)


def _below(path: Path, around: Path) -> str:
    """Return the rest of a path, if it is below another one."""
    return word(str(path.relative_to(around))) if path.is_relative_to(around) and path != around else ""


def _mount_units(folders: Iterable[Path], machine: Machine) -> list[str]:
    """Return the mount units of the file systems of these folders, without the root."""
    points = {_mount_point(folder, machine) for folder in folders}
    return sorted(mount_unit(point) for point in points if point != Path("/"))


def _mount_point(path: Path, machine: Machine) -> Path:
    """Return where the file system of a path is mounted, or should be."""
    return missing_mount(path, machine.mountinfo, machine.fstab) or mount_of(path, machine.mountinfo).point


def mount_unit(point: Path) -> str:
    """Return systemd's name of the mount at a path, like `systemd-escape --path --suffix=mount`."""
    name = str(point).strip("/")
    escaped = "".join(
        "-" if byte == ord("/") else _unit_character(byte, first=not index)
        for index, byte in enumerate(name.encode(errors="surrogateescape"))
    )
    return f"{escaped}.mount"


def _unit_character(byte: int, *, first: bool) -> str:
    plain = chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in ":_.")
    return chr(byte) if plain and not (first and byte == ord(".")) else f"\\x{byte:02x}"


def word(text: str) -> str:
    """Quote a word of a list of paths in a unit file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    safe = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in escaped)
    return safe if re.fullmatch(r"[\w/.:,+@=%-]+", text) else f'"{safe}"'


def argument(text: str) -> str:
    """Quote an argument of a command line in a unit file, where a dollar sign is special, too."""
    return word(text).replace("$", "$$")
