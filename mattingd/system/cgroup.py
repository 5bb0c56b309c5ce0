"""What the control groups of this process allow it: memory and processor time, on every level above it.

A container sees the whole machine and may use a part of it. Knows both versions of control groups, and one
hierarchy beside the other as some hosts have them. What cannot be read limits nothing.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

UNLIMITED = 1 << 60
"""Version 1 writes a number near 2^63 where there is no limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit."""

    memory: int | None = None
    """Bytes."""
    cores: float | None = None
    """CPU time in cores."""


def limits(root: Path = Path("/"), process: str = "self") -> Limits:
    """Return the tightest limits of all levels, of this or another process.

    `root` is the parent of proc and sys.
    """
    memory: list[int] = []
    cores: list[float] = []
    for folder in _folders(root, process):
        memory += _bytes(folder)
        cores += _cores(folder)
    return Limits(min(memory, default=None), min(cores, default=None))


def _folders(root: Path, process: str) -> Iterator[Path]:
    """Return the folder of a process's group in each hierarchy, and of all groups above it."""
    groups = dict(_groups(_text(root / "proc" / process / "cgroup")))
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, *beyond) = before.split(" "), after.split(" ") if after else ("",)
        if kind not in {"cgroup", "cgroup2"} or len(fields) < 5:  # noqa: PLR2004 - its root and point
            continue
        controllers = {""} if kind == "cgroup2" else set(beyond[-1].split(","))
        for controller in controllers & groups.keys():
            point, top = root / fields[4].lstrip("/"), PurePosixPath(fields[3])
            group = PurePosixPath(groups[controller])
            below = group.relative_to(top) if group.is_relative_to(top) else PurePosixPath()
            yield from (point / each for each in (below, *below.parents))


def _groups(text: str) -> Iterator[tuple[str, str]]:
    """Return (controller, path of the group); the controller of version 2 is empty."""
    for line in text.splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        for controller in controllers.split(","):
            yield controller, path


def _bytes(folder: Path) -> Iterator[int]:
    for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
        text = _text(folder / name)
        with suppress(ValueError):
            if 0 < (number := int(text)) < UNLIMITED:
                yield number


def _cores(folder: Path) -> Iterator[float]:
    told = _text(folder / "cpu.max").split()
    pairs = [told, [_text(folder / f"cpu.cfs_{what}_us") for what in ("quota", "period")]]
    for pair in pairs:
        with suppress(ValueError, ZeroDivisionError):
            quota, period = map(int, pair)
            if quota > 0:
                yield quota / period


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except OSError:
        return ""
