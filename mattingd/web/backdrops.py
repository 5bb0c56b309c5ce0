"""Stores uploaded background pictures by their hash; clients know them as `picture:HASH`.

No path leaves this machine, and no request can name a file of this machine.
"""

import hashlib
import os
import re
import uuid
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from mattingd.config.backgrounds import faults
from mattingd.domain.presets import Pin
from mattingd.web.problems import ProblemError
from mattingd.web.words import phrase

FOLDER = "web-backgrounds"
CHUNK = 1 << 20
_NAME = re.compile(r"picture:([0-9a-f]{64})")


class Backdrops:
    """The folder of background pictures. Thread-safe, because it never changes."""

    def __init__(self, state_dir: Path) -> None:
        self._root = state_dir / FOLDER

    def keep(self, source: BinaryIO, most: int) -> str:
        """Store a background picture; return its name, `picture:HASH`.

        Args:
            source: its bytes.
            most: maximum number of bytes.

        Raises:
            ProblemError: it is too large, cannot be used as a background, or cannot be stored.
        """
        temp = self._root / f".{uuid.uuid4().hex}"
        digest, size = hashlib.sha256(), 0
        try:
            self._root.mkdir(mode=0o750, exist_ok=True)
            with temp.open("wb") as sink:
                while part := source.read(CHUNK):
                    size += len(part)
                    if size > most:
                        raise ProblemError(413, phrase("too_large", mb=f"{most / 1e6:g}"))
                    digest.update(part)
                    sink.write(part)
            pin = Pin(str(temp), digest.hexdigest())
            if fault := faults([pin]).get(pin):
                raise ProblemError(422, phrase("backdrop_unfit", fault=fault))
            temp.replace(self._root / pin.sha256)
        except OSError as error:
            raise ProblemError(507, phrase("no_space", error=error.strerror)) from None
        finally:
            temp.unlink(missing_ok=True)
        return f"picture:{pin.sha256}"

    def path_of(self, background: object) -> str | None:
        """Return the path of a background by the name that `keep` gave; None for anything else.

        Raises:
            ProblemError: it was removed meanwhile.
        """
        found = _NAME.fullmatch(background) if isinstance(background, str) else None
        if found is None:
            return None
        path = self._root / found[1]
        try:
            os.utime(path)
        except OSError:
            raise ProblemError(422, phrase("backdrop_gone")) from None
        return str(path)

    def name_of(self, background: object) -> object:
        """Return the name of a background for clients: `picture:HASH` for a path of ours, else unchanged."""
        path = Path(background) if isinstance(background, str) else None
        return background if path is None or path.parent != self._root else f"picture:{path.name}"

    def tidy(self, before: float) -> None:
        """Remove backgrounds that no request used since `before`, in seconds since 1970."""
        with suppress(OSError):
            for path in self._root.iterdir():
                if path.stat().st_mtime < before:
                    path.unlink()
