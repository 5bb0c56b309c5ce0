"""A whole folder on its way into the archive: wherever it is killed, nothing is lost or doubled."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from io import IOBase
from pathlib import Path

import pytest

from mattingd.domain.commands import MoveFolder
from mattingd.domain.drops import EndedFile
from mattingd.domain.jobs import Original
from mattingd.outputs.archive import Source, painted_beside
from mattingd.outputs.whole_folder import WholeFolderStore
from mattingd.system.filesystem import Disk, stamp_of
from tests.outputs.shelf import DoomedDisk, KilledError

PLACE = "2026-11-20/in/set"
PICTURES = ("1.jpg", "inner/2.jpg")
BESIDE = ("READY", "inner/.hidden", "1.keep.png")


class Doomed(DoomedDisk):
    """Also dies at the rename of the folder."""

    def move_folder(self, old: str, new: str, old_folder: int, new_folder: int) -> bool:
        return bool(self.strike(lambda: Disk.move_folder(self, old, new, old_folder, new_folder)))


class Place:
    """A hot folder with a set in it, and an archive."""

    def __init__(self, root: Path) -> None:
        self.root, self.hot, self.archive = root, root / "in", root / "archive"
        self.archive.mkdir()
        self.fill()
        self.known = [self._known(name) for name in (*PICTURES, "READY")]
        self.gone: list[EndedFile] = []
        self.left: tuple[bytes, ...] = ()

    def fill(self) -> None:
        for name in (*PICTURES, *BESIDE):
            path = self.hot / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            os.utime(path, ns=(10**18, 10**18))

    def _known(self, name: str) -> EndedFile:
        path, disk = self.hot / "set" / name, Disk()
        with disk.folder(str(path.parent)) as folder:
            lying = {each.name for each in path.parent.iterdir()}
            strokes = painted_beside(disk, folder, path.name, lying)
        return EndedFile(os.fsencode(f"set/{name}"), replace(stamp_of(path.stat()), strokes=strokes))

    def move(self, disk: Disk | None = None) -> str | None:
        pictures = tuple(file.path for file in self.known if file.path != b"set/READY")
        order = MoveFolder(1, 7, 1, b"set", PLACE, tuple(self.known), pictures, tuple(self.gone))
        moved = WholeFolderStore(disk or Disk(), str(self.archive)).move(os.fsencode(self.hot), order)
        where, self.left = moved or (None, ())
        return where

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


ALL = sorted(f"archive/{PLACE}/{name}" for name in (*PICTURES, *BESIDE))


def test_it_goes_with_everything_in_it_and_is_found_there_when_asked_again(place: Place) -> None:
    assert place.move() == PLACE
    assert place.files() == ALL
    assert not (place.hot / "set").exists()
    assert place.move() == PLACE
    stamp, content = place.known[1].stamp, hashlib.sha256(b"inner/2.jpg").digest()
    store, source = WholeFolderStore(Disk(), str(place.archive)), Source(b"", b"set/inner/2.jpg", 1)
    assert store.holds(source, Original("archive", f"{PLACE}/inner/2.jpg", stamp, content))
    assert not store.holds(source, Original("archive", f"{PLACE}/inner/2.jpg", stamp, b"other content"))


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_the_rename_it_is_in_one_place_as_a_whole(place: Place, after: bool) -> None:  # noqa: FBT001
    with pytest.raises(KilledError):
        place.move(Doomed(1, after=after))
    there = ALL if after else [name.replace(f"archive/{PLACE}", "in/set") for name in ALL]
    assert place.files() == there
    assert place.move() == PLACE
    assert place.files() == ALL


def test_a_name_that_is_taken_gives_the_next_version(place: Place) -> None:
    assert place.move() == PLACE
    place.fill()
    (place.hot / "set" / "1.jpg").write_text("another one")
    place.known = [place._known(name) for name in (*PICTURES, "READY")]
    assert place.move() == f"{PLACE}_v2"
    assert (place.archive / PLACE / "1.jpg").read_text() == "1.jpg"
    assert (place.archive / f"{PLACE}_v2" / "1.jpg").read_text() == "another one"
    assert place.move() == f"{PLACE}_v2"


def test_it_is_found_behind_versions_that_were_removed(place: Place) -> None:
    for version in ("set", "set_v2"):
        taken = (place.archive / PLACE).with_name(version)
        taken.mkdir(parents=True)
        (taken / "1.jpg").write_text("of another day")
    assert place.move() == f"{PLACE}_v3"
    shutil.rmtree(taken)
    assert place.move() == f"{PLACE}_v3"


def open_for_writing(place: Place) -> object:
    return (place.hot / "set" / "1.jpg").open("ab")


def copied(place: Place, name: str) -> None:
    (place.hot / "set" / name).parent.mkdir(exist_ok=True)
    (place.hot / "set" / name).write_text("half of a picture")


MEDDLING: dict[str, tuple[Callable[[Place], object], str]] = {
    "a new picture": (lambda place: (place.hot / "set/inner/3.jpg").write_text("new"), "has just come"),
    "saved again": (lambda place: (place.hot / "set/1.jpg").write_text("other"), "was saved again"),
    "other strokes": (lambda place: (place.hot / "set/1.drop.png").write_text("x"), "has other strokes"),
    "open": (open_for_writing, "is open for writing"),
    "rsync": (lambda place: copied(place, "inner/.3.jpg.Xa8d1f"), "is still being written"),
    "a download": (lambda place: copied(place, "3.jpg.part"), "is still being written"),
    "a Mac saves": (lambda place: copied(place, ".sb-1/3.jpg"), "is still being written"),
}


@pytest.mark.parametrize("meddling", MEDDLING)
def test_it_stays_as_a_whole_when_something_in_it_is_not_done(place: Place, meddling: str) -> None:
    meddle, why = MEDDLING[meddling]
    with ExitStack() as stack:
        if isinstance(opened := meddle(place), IOBase):
            stack.callback(opened.close)
        before = place.files()
        with pytest.raises(OSError, match=why):
            place.move()
    assert place.files() == before


def test_working_files_that_were_left_behind_go_with_it_and_so_do_the_notes_of_macs(place: Place) -> None:
    for name, old in (
        (".3.jpg.Xa8d1f", True),
        ("3.jpg.part", True),
        (".DS_Store", False),
        ("._1.jpg", False),
    ):
        copied(place, name)
        if old:
            os.utime(place.hot / "set" / name, ns=(10**18, 10**18))
    assert place.move() == PLACE
    assert not (place.hot / "set").exists()


def test_a_working_file_that_is_open_keeps_it_however_old(place: Place) -> None:
    copied(place, "3.jpg.part")
    with (place.hot / "set/3.jpg.part").open("ab"):
        os.utime(place.hot / "set/3.jpg.part", ns=(10**18, 10**18))
        with pytest.raises(OSError, match="is still being written"):
            place.move()


def test_a_file_that_takes_the_name_of_the_folder_at_the_last_moment_replaces_nothing(place: Place) -> None:
    class Racing(Disk):
        def move_folder(self, old: str, new: str, old_folder: int, new_folder: int) -> bool:
            if not (place.root / "taken").exists():
                (place.hot / "set").rename(place.root / "taken")
                (place.hot / "set").write_text("a file")
            return super().move_folder(old, new, old_folder, new_folder)

    (place.archive / PLACE).parent.mkdir(parents=True)
    (place.archive / PLACE).write_text("archived before")
    with pytest.raises(NotADirectoryError):
        place.move(Racing())
    assert (place.archive / PLACE).read_text() == "archived before"
    assert (place.hot / "set").read_text() == "a file"


def test_what_comes_at_the_last_moment_is_put_back_even_after_a_kill(place: Place) -> None:
    class Racing(Doomed):
        """Somebody saves two files while the folder is renamed."""

        def move_folder(self, old: str, new: str, old_folder: int, new_folder: int) -> bool:
            (place.hot / "set/inner/3.jpg").write_text("new")
            (place.hot / "set/1.jpg").write_text("saved again")
            return super().move_folder(old, new, old_folder, new_folder)

    with pytest.raises(KilledError):
        place.move(Racing(1, after=True))
    assert place.move() == PLACE
    assert (place.hot / "set/inner/3.jpg").read_text() == "new"
    assert (place.hot / "set/1.jpg").read_text() == "saved again"
    assert (place.hot / "set/1.keep.png").is_file(), "strokes go with their picture"
    assert sorted(path.name for path in (place.archive / PLACE).rglob("*.*g")) == ["2.jpg"]


def test_killed_at_the_rename_what_came_since_then_follows_by_itself(place: Place) -> None:
    """So does not what the journal no longer counts because it is gone from here, such as READY."""
    with pytest.raises(KilledError):
        place.move(Doomed(1, after=True))
    (place.hot / "set").mkdir()
    (place.hot / "set/3.jpg").write_text("new")
    place.gone = [file for file in place.known if file.path == b"set/READY"]
    place.known = [file for file in place.known if file.path != b"set/READY"] + [place._known("3.jpg")]
    assert (place.move(), place.left) == (PLACE, (b"set/3.jpg",))
    assert place.files() == sorted([*ALL, "in/set/3.jpg"])
    place.known = place.known[-1:]
    assert (place.move(), place.left) == (f"{PLACE}_v2", ())
    assert place.files() == sorted([*ALL, f"archive/{PLACE}_v2/3.jpg"])


def test_on_another_disk_nothing_happens_and_what_is_gone_is_said(place: Place) -> None:
    class Elsewhere(Disk):
        def move_folder(self, *_: object) -> bool:
            raise OSError(errno.EXDEV, "another disk")

    before = place.files()
    assert place.move(Elsewhere()) is None
    assert place.files() == before
    (place.hot / "set").rename(place.root / "elsewhere")
    with pytest.raises(OSError, match="it is gone"):
        place.move()
