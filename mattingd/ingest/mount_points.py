"""Where the file systems of the hot folders were mounted, kept in the state directory over a restart."""

import json
from contextlib import suppress
from pathlib import Path

from mattingd.system.filesystem import put
from mattingd.system.mounts import mount_of, mount_table

FILE = "mounts.json"


class MountPoints:
    """Knows the mount point of each hot folder at its last scan."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / FILE
        self._points: dict[str, str] = {}
        with suppress(OSError, ValueError):
            read = json.loads(self._file.read_text(encoding="utf-8", errors="surrogateescape"))
            self._points = {str(path): str(point) for path, point in dict(read).items()}

    def of(self, path: Path) -> str:
        """Return the mount point of this folder; empty when unknown."""
        return self._points.get(str(path), "")

    def seen(self, path: Path) -> None:
        """Record that the folder is there at present, without accessing it."""
        point = str(mount_of(path, mount_table()).point)
        if self._points.get(str(path)) == point:
            return
        self._points[str(path)] = point
        with suppress(OSError):  # without the file a bare mount point is not recognized after a restart
            put(self._file, json.dumps(self._points).encode("utf-8", "surrogateescape"))
