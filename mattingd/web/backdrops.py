"""Background pictures that were sent: kept by their content, and called `picture:HASH` outside.

The path of one never leaves this machine, and none of this machine can be asked for.
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

FOLDER = "web-backgrounds"
CHUNK = 1 << 20
_NAME = re.compile(r"picture:([0-9a-f]{64})")


class Backdrops:
    """The folder of them. Thread-safe: it holds nothing that changes."""

    def __init__(self, state_dir: Path) -> None:
        self._root = state_dir / FOLDER

    def keep(self, source: BinaryIO, most: int) -> str:
        """Store a picture of at most `most` bytes; returns what it is called.

        Raises:
            ProblemError: it cannot stand behind pictures, or cannot be stored.
        """
        temp = self._root / f".{uuid.uuid4().hex}"
        digest, size = hashlib.sha256(), 0
        try:
            self._root.mkdir(mode=0o750, exist_ok=True)
            with temp.open("wb") as sink:
                while part := source.read(CHUNK):
                    size += len(part)
                    if size > most:
                        raise ProblemError(413, f"a background may have {most / 1e6:g} MB at most")
                    digest.update(part)
                    sink.write(part)
            pin = Pin(str(temp), digest.hexdigest())
            if fault := faults([pin]).get(pin):
                raise ProblemError(422, f"the background {fault}")
            temp.replace(self._root / pin.sha256)
        except OSError as error:
            raise ProblemError(507, f"it cannot be stored here: {error.strerror}") from None
        finally:
            temp.unlink(missing_ok=True)
        return f"picture:{pin.sha256}"

    def path_of(self, background: object) -> str | None:
        """Where a background is stored that `keep` named; None for what is no such name.

        Raises:
            ProblemError: it is not here any more.
        """
        found = _NAME.fullmatch(background) if isinstance(background, str) else None
        if found is None:
            return None
        path = self._root / found[1]
        try:
            os.utime(path)
        except OSError:
            raise ProblemError(422, "the background picture is not here any more; send it again") from None
        return str(path)

    def name_of(self, background: object) -> object:
        """What a background is called outside; colours are as they are."""
        path = Path(background) if isinstance(background, str) else None
        return background if path is None or path.parent != self._root else f"picture:{path.name}"

    def tidy(self, before: float) -> None:
        """Remove what was not asked for since a time, in seconds since 1970."""
        with suppress(OSError):
            for path in self._root.iterdir():
                if path.stat().st_mtime < before:
                    path.unlink()
