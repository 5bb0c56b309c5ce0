"""Decide whether the folder at a hot folder's path is the known one, or the bare mount point of its disk.

An empty mount point looks like a folder whose files were all deleted. So the mount point of the file system
is remembered, and an empty folder on another file system means that a disk or share is missing.
"""

import os
from pathlib import Path

from mattingd.domain.reasons import Reason
from mattingd.system.mounts import missing_mount, mount_of, mount_table, static_table


class RootGuard:
    """Guards one hot folder. Used on its scanner's thread."""

    def __init__(self, root: bytes, point: str = "") -> None:
        """Set up.

        Args:
            root: the hot folder.
            point: where its file system was last mounted; empty when unknown.
        """
        self.point = point
        """Where the file system is mounted that holds it, once it was seen."""
        self._root = root

    def away(self) -> Reason | None:
        """Return why nothing is known of its files at present; None when the folder is there."""
        try:
            with os.scandir(self._root) as entries:
                empty = next(entries, None) is None
        except OSError as error:
            point = self._not_mounted()
            why = "folder_unmounted" if point else "folder_unreadable"
            return Reason.of(why, error=str(error.strerror), point=point)
        if empty and (point := self._not_mounted()):
            return Reason.of("share_unmounted", point=point)
        self.point = str(mount_of(Path(os.fsdecode(self._root)), mount_table()).point)
        return None

    def _not_mounted(self) -> str:
        """Return the mount point of the disk or share that is missing; "" when none is."""
        path, table = Path(os.fsdecode(self._root)), mount_table()
        point = missing_mount(path, table, static_table())
        if point is None and self.point and Path(self.point) not in {Path("/"), mount_of(path, table).point}:
            point = Path(self.point) if path.is_relative_to(self.point) else None
        if point is None or mount_of(path, table).point.is_relative_to(point):
            return ""
        return str(point)
