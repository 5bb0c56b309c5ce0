"""A walk comes to its end where a share shows a folder in itself, and leaves out nothing that is a folder."""

import os
from pathlib import Path

import pytest

from mattingd.ingest.circles import ENDLESS, Circles

WHEN = 1_700_000_000


def chain(root: Path, depth: int, *, file: str = "", step: str = "in") -> None:
    """A folder in a folder in a folder, each with the same file in it."""
    folder = root
    for _ in range(depth):
        folder.mkdir(exist_ok=True)
        if file:
            (folder / file).write_bytes(b"x")
            os.utime(folder / file, (WHEN, WHEN))
        folder = folder / step
    folder.mkdir()


def entered(root: Path) -> set[str]:
    """The folders that are walked through."""
    circles, stack, found = Circles(os.fsencode(root), inodes=False), [b""], set()
    while stack:
        directory = stack.pop()
        entries = list(os.scandir(os.fsencode(root / os.fsdecode(directory))))
        if circles.lead_back(directory, entries):
            continue
        found.add(os.fsdecode(directory))
        below = directory + b"/" if directory else b""
        stack += [below + entry.name for entry in entries if entry.is_dir()]
    return found


def test_a_folder_that_is_shown_in_itself_is_entered_once(tmp_path: Path) -> None:
    chain(tmp_path / "a", 30, file="shoe.jpg")
    assert len(entered(tmp_path / "a")) == 1


def test_it_is_entered_once_also_while_files_come_and_grow(tmp_path: Path) -> None:
    """A look at the folder and a look at what it shows of itself are not of the same moment."""
    chain(tmp_path / "a", 30, file="shoe.jpg")
    (tmp_path / "a" / "new.jpg").write_bytes(b"x")
    (tmp_path / "a" / "in" / "shoe.jpg").write_bytes(b"longer")
    (tmp_path / "a" / "in" / "newer.jpg").write_bytes(b"x")
    assert entered(tmp_path / "a") == {""}


def test_folders_of_the_same_name_with_other_files_are_entered(tmp_path: Path) -> None:
    chain(tmp_path / "a", 3 * ENDLESS)
    (tmp_path / "a" / "boot.jpg").write_bytes(b"x")
    (tmp_path / "a" / "in" / "shoe.jpg").write_bytes(b"x")
    assert {"", "in"} < entered(tmp_path / "a")


def test_a_copy_of_a_folder_in_itself_is_entered(tmp_path: Path) -> None:
    """Alike to the last second; only that it comes to an end tells it from a circle."""
    chain(tmp_path / "a", 2, file="shoe.jpg", step="backup")
    assert entered(tmp_path / "a") == {"", "backup", "backup/backup"}


@pytest.mark.parametrize("depth", [1, 4, ENDLESS])
def test_folders_in_folders_without_files_are_entered(tmp_path: Path, depth: int) -> None:
    chain(tmp_path / "a", depth)
    assert len(entered(tmp_path / "a")) == depth + 1


def test_folders_without_any_file_have_an_end_as_well(tmp_path: Path) -> None:
    chain(tmp_path / "a", 3 * ENDLESS)
    assert len(entered(tmp_path / "a")) <= ENDLESS + 1
