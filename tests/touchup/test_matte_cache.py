"""The store of mattes: whole or not there, and never more than is allowed."""

import os
from pathlib import Path

import numpy as np
import pytest

from mattingd.domain.jobs import Geometry
from mattingd.domain.presets import SecondPass
from mattingd.imaging.matting import matte_file
from mattingd.imaging.matting.matte_file import fingerprint
from mattingd.imaging.matting.second_pass import Passes
from mattingd.imaging.matting.tiles import Float32
from mattingd.system.filesystem import Disk
from mattingd.touchup import matte_cache
from mattingd.touchup.load import Mattes
from mattingd.touchup.matte_cache import Stored

PICTURE = np.random.default_rng(2).integers(0, 255, (600, 800, 3), np.uint8)
DAY = 86_400


def passes() -> Passes:
    """Nothing was said of the picture yet."""
    return Passes(PICTURE, Geometry(96, 32))


def blob(shape: tuple[int, int], reach: float) -> Float32:
    """A soft subject in the middle."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return matte_file.rounded(np.clip((reach - np.hypot(x, y)) * 4 + 0.5, 0, 1).astype(np.float32))


MATTE = blob(passes().shape, 0.3)


@pytest.mark.parametrize("wish", ["never", "always"])
def test_what_is_recalled_is_what_was_finished(tmp_path: Path, wish: SecondPass) -> None:
    store, first = Mattes(Disk(), str(tmp_path / "mattes"), "0"), passes()
    assert store.recall("a.matte", passes()) is None
    if first.take(MATTE, wish):
        first.take(blob(first.shape, 0.7), wish)
    assert len(first.taken) == (1 if wish == "never" else 2)
    assert store.store("a.matte", first.taken, "ab12") == ()
    again = passes()
    assert store.recall("a.matte", again) == "ab12"
    assert np.array_equal(again.matte(), first.matte())
    assert [path.name for path in (tmp_path / "mattes").iterdir()] == ["a.matte"]


def test_a_matte_of_another_geometry_is_none(tmp_path: Path) -> None:
    store = Mattes(Disk(), str(tmp_path), "0")
    for mattes_of in ([MATTE[:-1]], [MATTE, MATTE[:-1]]):
        store.store("a.matte", mattes_of, "")
        untouched = passes()
        assert store.recall("a.matte", untouched) is None
        assert (untouched.first, untouched.crop, untouched.taken) == (None, None, [])


def test_rounding_costs_a_sixteenth_of_a_level_at_most() -> None:
    exact = np.linspace(0, 1, 10_001, dtype=np.float32).reshape(1, -1)
    assert np.abs(matte_file.rounded(exact) - exact).max() * 255 <= 1 / 16


@pytest.mark.parametrize("damage", ["cut", "empty", "head", "foreign", "flipped"])
def test_a_damaged_matte_is_none(tmp_path: Path, damage: str) -> None:
    store = Mattes(Disk(), str(tmp_path), "0")
    store.store("a.matte", [MATTE], "")
    path = tmp_path / "a.matte"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "head": whole[:18],
            "foreign": b"something else",
            "flipped": bytes(flipped),
        }[damage]
    )
    assert store.recall("a.matte", passes()) is None


def test_a_store_that_cannot_be_written_spoils_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (said,) = Mattes(Disk(), str(tmp_path / "file" / "mattes"), "0").store("a.matte", [MATTE], "")
    assert str(said).startswith("its matte could not be stored for touch-ups: ")


def test_the_longest_unused_go_first() -> None:
    new, newer = Stored("new", 400_000_000, 10 * DAY), Stored("newer", 700_000_000, 11 * DAY)
    found = [Stored("old", 1, 0), new, newer]
    assert matte_cache.too_many(found, 10.5 * DAY, days=30, gigabytes=2) == []
    assert [each.name for each in matte_cache.too_many(found, 35 * DAY, days=30, gigabytes=2)] == ["old"]
    assert [each.name for each in matte_cache.too_many(found, 12 * DAY, days=30, gigabytes=1)] == [
        "new",
        "old",
    ]


def test_what_is_worked_with_is_kept_for_longer(tmp_path: Path) -> None:
    store, folder = Mattes(Disk(), str(tmp_path / "mattes"), "0"), tmp_path / "mattes"
    for name in ("a.matte", "b.matte"):
        store.store(name, [MATTE], "")
        os.utime(folder / name, (0, 0))
    store.recall("a.matte", passes())
    now = (folder / "a.matte").stat().st_mtime
    freed = matte_cache.tidy(tmp_path, now, days=30, gigabytes=2, disk=Disk())
    assert [path.name for path in folder.iterdir()] == ["a.matte"]
    assert freed > 0
    assert matte_cache.tidy(tmp_path / "nowhere", now, days=30, gigabytes=2, disk=Disk()) == 0


def test_names_tell_folder_path_and_content_apart() -> None:
    sources = {(b"/a", b"b", b"1"), (b"/a", b"c", b"1"), (b"/a", b"b", b"2"), (b"/b", b"b", b"1")}
    assert len({matte_cache.name_of(*source) for source in sources}) == len(sources)


def test_a_fingerprint_tells_every_change_of_a_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    changed = picture.copy()
    changed[49, 39, 2] ^= 1
    others = (changed, picture[::-1], picture[:, ::-1], picture.reshape(40, 50, 3), picture[:48])
    assert len({fingerprint(each) for each in (picture, *others)}) == 1 + len(others)
    assert fingerprint(picture[:, :20]) == fingerprint(picture[:, :20].copy())
