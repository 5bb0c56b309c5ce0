"""What `precision: auto` measured on this machine, kept over restarts: the same picture, the same matte.

A file of the state directory, or of the user's cache for runs without a daemon. It may be deleted at any
time: the next start measures again.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from mattingd.system.filesystem import put

FILE = "precision.json"
"""Its name in the state directory."""
MOST = 50
"""Choices that are kept: those of weights and devices that were used last."""


def of_user() -> Path | None:
    """Return this user's file, such as `~/.cache/mattingd/precision.json`; None without a home directory."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - never raises
    return cache / "mattingd" / FILE if cache.is_absolute() else None


class KeptChoices:
    """Number formats by everything that the choice depends on."""

    def __init__(self, path: Path | None) -> None:
        """Use this file; None keeps nothing."""
        self._path = path

    def of(self, measured_for: str) -> str | None:
        """Return the kept choice; None when there is none, or the file cannot be read."""
        return self._read().get(measured_for)

    def keep(self, measured_for: str, choice: str) -> None:
        """Keep a choice; if the file cannot be written, the next start measures again."""
        if self._path is None:
            return
        choices = {name: kept for name, kept in self._read().items() if name != measured_for}
        choices[measured_for] = choice
        newest = dict(list(choices.items())[-MOST:])
        with contextlib.suppress(OSError):
            put(self._path, (json.dumps(newest, indent=1) + "\n").encode())

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_bytes()) if self._path else {}
        except (OSError, ValueError):
            return {}
        return {str(name): str(kept) for name, kept in found.items()} if isinstance(found, dict) else {}
