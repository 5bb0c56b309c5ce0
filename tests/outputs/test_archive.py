"""Originals on their way out of the hot folder: whatever happens, their content is somewhere, whole."""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mattingd.domain.jobs import Original, Originals, Stamp
from mattingd.outputs.archive import OriginalsStore, Source
from mattingd.system.filesystem import Disk, stamp_of
from mattingd.touchup.files import identity, names_beside
from tests.outputs.shelf import DoomedDisk, KilledError

CONTENT = b"the original " * 1000
PLACE = "2026-11-20/in/a/shoe.jpg"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


class Doomed(DoomedDisk):
    """Also dies in the middle of a copy."""

    def copy(self, folder: int, name: str, target: int, temp: str, mtime_ns: int) -> None:
        self.left -= 1
        if self.left == 0:
            os.close(os.open(temp, os.O_WRONLY | os.O_CREAT, dir_fd=target))
            raise KilledError
        super().copy(folder, name, target, temp, mtime_ns)


@dataclass
class Place:
    """A hot folder with one picture in it, and an archive."""

    root: Path

    def __post_init__(self) -> None:
        self.hot, self.archive = self.root / "in", self.root / "archive"
        self.archive.mkdir(exist_ok=True)
        self.file = self.hot / "a" / "shoe.jpg"
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(CONTENT)
        os.utime(self.file, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
        status = self.file.stat()
        self.stamp = Stamp(status.st_size, status.st_mtime_ns)
        self.strokes = 0

    def original(self, action: Originals) -> Original:
        return Original(
            action, PLACE, replace(self.stamp, strokes=self.strokes), hashlib.sha256(CONTENT).digest()
        )

    def paint(self, *names: str) -> None:
        """Strokes beside it, with which its cut-outs are made."""
        for name in names:
            (self.file.parent / name).write_bytes(name.encode())
        best = [
            next((each for each in kind if each.decode() in names), None)
            for kind in names_beside(b"shoe.jpg")
        ]
        self.strokes = identity(
            (each, stamp_of((self.file.parent / each.decode()).stat())) for each in best if each
        )

    def put_away(self, action: Originals = "archive", disk: Disk | None = None) -> str:
        store = OriginalsStore(disk or Disk(), str(self.archive), "0badcafe")
        return store.put_away(Source(os.fsencode(self.hot), b"a/shoe.jpg", 7), self.original(action))

    def holders(self) -> list[str]:
        """Whoever holds the whole content."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return sorted(str(path.relative_to(self.root)) for path in files if path.read_bytes() == CONTENT)

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())


@pytest.fixture(params=["same disk", "another disk"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    archive = tmp_path / "archive"
    archive.mkdir()
    if request.param == "same disk":
        yield Place(tmp_path)
        return
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    subprocess.run(["mount", "-t", "tmpfs", "mattingd-test", archive], check=True)
    try:
        yield Place(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", archive], check=True)


def test_it_is_put_away_as_it_is(place: Place) -> None:
    assert place.put_away() == PLACE
    assert place.files() == [f"archive/{PLACE}"]
    status = (place.archive / PLACE).stat()
    assert (status.st_size, status.st_mtime_ns) == (place.stamp.size, place.stamp.mtime_ns)
    assert place.put_away() == PLACE, "asked again, it is found"
    assert place.files() == [f"archive/{PLACE}"]


def test_strokes_go_along_under_the_name_that_the_original_gets(place: Place) -> None:
    taken = place.archive / PLACE
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"another shoe")
    place.paint("shoe.keep.png", "shoe.jpg.drop.PNG", "boot.keep.png")
    where = "2026-11-20/in/a/shoe_v2"
    assert place.put_away() == f"{where}.jpg"
    assert place.put_away() == f"{where}.jpg"
    assert place.files() == [
        f"archive/{PLACE}",
        f"archive/{where}.jpg",
        f"archive/{where}.jpg.drop.PNG",
        f"archive/{where}.keep.png",
        "in/a/boot.keep.png",
    ]
    assert (place.archive / f"{where}.keep.png").read_bytes() == b"shoe.keep.png"


def test_strokes_that_came_later_keep_the_original_for_the_next_version(place: Place) -> None:
    (place.file.parent / "shoe.keep.png").write_bytes(b"saved while it was cut out")
    assert place.put_away() == ""
    assert place.files() == ["in/a/shoe.jpg", "in/a/shoe.keep.png"]
    place.paint("shoe.keep.png")
    assert place.put_away() == PLACE
    assert place.files() == [f"archive/{PLACE}", f"archive/{PLACE.replace('.jpg', '.keep.png')}"]


def test_strokes_that_another_picture_needs_stay_with_it(place: Place) -> None:
    place.paint("shoe.tif", "shoe.keep.png", "shoe.jpg.keep.png")
    assert place.put_away() == PLACE
    assert place.files() == [
        "archive/2026-11-20/in/a/shoe.jpg",
        "archive/2026-11-20/in/a/shoe.jpg.keep.png",
        "in/a/shoe.keep.png",
        "in/a/shoe.tif",
    ]


def test_killed_while_strokes_go_along_no_stroke_is_lost_or_doubled(place: Place) -> None:
    for operation in range(1, 20):
        place.paint("shoe.drop.png")
        with suppress(KilledError):
            place.put_away("archive", Doomed(operation, after=False))
        assert b"shoe.drop.png" in {path.read_bytes() for path in place.root.rglob("*") if path.is_file()}
        place.put_away()
        assert place.files() == [f"archive/{PLACE.replace('.jpg', '.drop.png')}", f"archive/{PLACE}"]
        for left in place.archive.rglob("*.*"):
            left.unlink()
        place.file.write_bytes(CONTENT)
        os.utime(place.file, ns=(place.stamp.mtime_ns, place.stamp.mtime_ns))


def test_it_is_deleted(place: Place) -> None:
    assert place.put_away("delete") == ""
    assert place.files() == []
    assert place.put_away("delete") == ""


@pytest.mark.parametrize("action", ["archive", "delete"])
def test_killed_at_every_step_nothing_is_lost_or_doubled(place: Place, action: Originals) -> None:
    """And the next attempt brings it to its end."""
    deaths = 0
    for operation in range(1, 12):
        for after in (False, True):
            where = ""
            try:
                where = place.put_away(action, Doomed(operation, after=after))
            except KilledError:
                deaths += 1
                holders = place.holders()
                assert holders or action == "delete"
                where = place.put_away(action)
            assert where == (PLACE if action == "archive" else "")
            assert place.files() == ([f"archive/{PLACE}"] if action == "archive" else [])
            for left in place.archive.rglob("*.jpg"):
                left.unlink()
            place.file.write_bytes(CONTENT)
            os.utime(place.file, ns=(place.stamp.mtime_ns, place.stamp.mtime_ns))
    assert deaths >= (2 if action == "archive" else 4), "it died on the way"


def other_content(place: Place) -> None:
    place.file.write_bytes(CONTENT.swapcase())
    os.utime(place.file, ns=(place.stamp.mtime_ns, place.stamp.mtime_ns))


def a_link(place: Place) -> None:
    place.file.rename(place.root / "elsewhere.jpg")
    place.file.symlink_to(place.root / "elsewhere.jpg")


def a_linked_folder(place: Place) -> None:
    place.file.parent.rename(place.root / "elsewhere")
    place.file.parent.symlink_to(place.root / "elsewhere")


def test_what_is_to_stay_after_all_is_put_back(place: Place) -> None:
    """Its cut-out was taken away, or the setting changed, while the machine was down."""
    store = OriginalsStore(Disk(), str(place.archive), "0badcafe")
    source = Source(os.fsencode(place.hot), b"a/shoe.jpg", 7)
    store.put_back(source)
    assert place.files() == ["in/a/shoe.jpg"]
    with pytest.raises(KilledError):
        place.put_away("delete", Doomed(1, after=True))
    assert place.files() == ["in/a/.mattingd-0badcafe-7-original"]
    store.put_back(source)
    assert place.files() == place.holders() == ["in/a/shoe.jpg"]
    with pytest.raises(KilledError):
        place.put_away("delete", Doomed(1, after=True))
    place.file.write_bytes(b"a new one")
    store.put_back(source)
    assert place.file.read_bytes() == b"a new one", "nothing is ever replaced"
    assert len(place.files()) == 2


MEDDLING: dict[str, Callable[[Place], object]] = {
    "saved again": lambda place: place.file.write_bytes(CONTENT.swapcase()),
    "touched": lambda place: place.file.touch(),
    "same size and time, other content": other_content,
    "a link": a_link,
    "its folder a link": a_linked_folder,
}


@pytest.mark.parametrize("meddling", MEDDLING)
@pytest.mark.parametrize("action", ["archive", "delete"])
def test_another_file_in_its_place_is_never_touched(tmp_path: Path, action: Originals, meddling: str) -> None:
    place = Place(tmp_path)
    MEDDLING[meddling](place)
    before = {path: path.lstat() for path in tmp_path.rglob("*") if not path.is_dir()}
    assert place.put_away(action) == ""
    after = {path: path.lstat() for path in tmp_path.rglob("*") if not path.is_dir()}
    assert before.keys() == after.keys()
    assert [(s.st_ino, s.st_mtime_ns) for s in before.values()] == [
        (s.st_ino, s.st_mtime_ns) for s in after.values()
    ]


@pytest.mark.parametrize("action", ["archive", "delete"])
def test_what_is_saved_in_the_last_moment_goes_back(place: Place, action: Originals) -> None:
    class Saving(Disk):
        """Somebody saves the file anew just before it is renamed."""

        def move(
            self, old: str, new: str, *, old_folder: int | None = None, new_folder: int | None = None
        ) -> bool:
            if old == "shoe.jpg" and not place.file.with_suffix(".new").exists():
                fresh = place.file.with_suffix(".new")
                fresh.write_bytes(b"new content")
                os.link(fresh, place.file.with_suffix(".keep"))
                fresh.replace(place.file)
                fresh.touch()
            return super().move(old, new, old_folder=old_folder, new_folder=new_folder)

    with pytest.raises(OSError, match=r"saved again just now|not what was written"):
        place.put_away(action, Saving())
    assert place.file.read_bytes() == b"new content"
    assert place.put_away(action) == "", "it is not the original any more"
    assert place.file.read_bytes() == b"new content"
    assert not list(place.archive.rglob(".mattingd*"))


def test_names_in_the_archive_are_never_replaced(place: Place) -> None:
    taken = place.archive / PLACE
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"of another day")
    assert place.put_away() == "2026-11-20/in/a/shoe_v2.jpg"
    assert taken.read_bytes() == b"of another day"
    assert place.holders() == ["archive/2026-11-20/in/a/shoe_v2.jpg"]


def test_it_is_found_behind_versions_that_were_removed(place: Place) -> None:
    for name in ("shoe.jpg", "shoe_v2.jpg"):
        taken = (place.archive / PLACE).with_name(name)
        taken.parent.mkdir(parents=True, exist_ok=True)
        taken.write_bytes(b"of another day")
    assert place.put_away() == "2026-11-20/in/a/shoe_v3.jpg"
    taken.unlink()
    assert place.put_away() == "2026-11-20/in/a/shoe_v3.jpg"


def test_a_file_that_is_open_for_writing_waits(place: Place) -> None:
    with place.file.open("ab"), pytest.raises(OSError, match="open for writing"):
        place.put_away()
    assert place.put_away() == PLACE
