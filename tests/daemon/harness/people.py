"""How files come into a hot folder: whole, slowly, with their full size at once, under a temp name first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mattingd.system import clock


def save(path: Path, data: bytes) -> Path:
    """Written in one go under its own name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def save_by_rename(path: Path, data: bytes, temp: str = ".{}.part") -> Path:
    """As rsync, browsers and Adobe programs do: under a temp name first, then renamed, also over another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    working = path.with_name(temp.format(path.name))
    working.write_bytes(data)
    working.replace(path)
    return path


@contextmanager
def writing_slowly(path: Path, data: bytes, parts: int, *, full_size_first: bool = False) -> Iterator["Slow"]:
    """Somebody who copies in parts; each `step()` writes one. Ends the file at exit.

    Args:
        path: where to.
        data: the whole content.
        parts: how many steps it takes.
        full_size_first: set the size before anything is written, as Windows Explorer does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as file:
        if full_size_first:
            file.truncate(len(data))
        slow = Slow(file.fileno(), data, parts)
        yield slow
        while slow.left:
            slow.step()


class Slow:
    """A copy under way."""

    def __init__(self, descriptor: int, data: bytes, parts: int) -> None:
        self._descriptor = descriptor
        size = -(-len(data) // parts)
        self._parts = [data[start : start + size] for start in range(0, len(data), size)]

    @property
    def left(self) -> int:
        """Steps still to do."""
        return len(self._parts)

    def step(self, pause: float = 0.0) -> None:
        """Write the next part, then rest."""
        os.write(self._descriptor, self._parts.pop(0))
        clock.sleep(pause)
