"""File operations: what a crash of the machine could still take away."""

from pathlib import Path

from mattingd.disk import Disk


class Noting(Disk):
    """The real file system, and which folders were made durable."""

    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync_directory(self, path: str) -> None:
        super().sync_directory(path)
        self.synced.append(path)


def test_every_new_folder_on_the_way_is_durable(tmp_path: Path) -> None:
    disk, inner = Noting(), tmp_path / "2026-11-20" / "in" / "day 1"
    disk.make_directories(str(inner))
    assert inner.is_dir()
    assert disk.synced == [str(tmp_path), str(tmp_path / "2026-11-20"), str(tmp_path / "2026-11-20" / "in")]
    disk.make_directories(str(inner))
    assert len(disk.synced) == 3, "what was there already costs nothing"
