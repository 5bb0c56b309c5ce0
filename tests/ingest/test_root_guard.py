"""An empty mount point is no folder whose files were all taken away."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mattingd.ingest.mount_points import MountPoints
from mattingd.ingest.root_guard import RootGuard

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@contextmanager
def disk_at(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "mattingd-test", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@needs_root
def test_a_bare_mount_point_is_away_also_after_a_restart(tmp_path: Path) -> None:
    point, state = tmp_path / "share", tmp_path / "state"
    for folder in (point, state):
        folder.mkdir()
    guard, points = RootGuard(bytes(point)), MountPoints(state)
    with disk_at(point):
        assert guard.away() is None
        points.seen(point)
        assert points.of(point) == guard.point == str(point)
    later = RootGuard(bytes(point), MountPoints(state).of(point))
    for each in (guard, later):
        assert str(each.away()) == f"the disk or share at {point} is not mounted"
    with disk_at(point):
        assert later.away() is None
    (point / "shoe.jpg").touch()
    assert later.away() is None, "somebody works in this folder now"


def test_a_folder_that_is_missing_is_away_and_an_empty_one_is_not(tmp_path: Path) -> None:
    guard = RootGuard(bytes(tmp_path / "in"))
    assert str(guard.away()) == "the hot folder cannot be read: No such file or directory"
    (tmp_path / "in").mkdir()
    assert guard.away() is None
