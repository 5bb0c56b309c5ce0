"""Strokes beside a picture: a real daemon makes the next version, from the very matte that was seen."""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import hostile
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from mattingd.touchup.files import NO_PICTURE
from tests.daemon.harness.site import ENDED, KILLING, Site, wait_until

SIZE = (400, 300)
LEFT, RIGHT = (100, 150), (300, 150)
"""The middles of two discs: the test engine takes both for the subject."""

UInt8 = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running daemon; each test has a sub-folder of its own."""
    site = Site(tmp_path_factory.mktemp("touchups") / "site")
    site.start()
    yield site
    site.close()
    site.remove()


@pytest.fixture
def folder(site: Site, request: pytest.FixtureRequest) -> Path:
    """In the hot folder."""
    path: Path = site.hot[0] / request.node.name.removeprefix("test_")[:40]
    path.mkdir()
    return path


def two_discs(**save: object) -> bytes:
    image = Image.new("RGB", SIZE, hostile.GROUND)
    draw = ImageDraw.Draw(image)
    for x, y in (LEFT, RIGHT):
        draw.ellipse((x - 50, y - 50, x + 50, y + 50), fill=hostile.SUBJECT)
    sink = io.BytesIO()
    image.save(sink, "PNG", **save)
    return sink.getvalue()


def painted(*places: tuple[int, int], size: tuple[int, int] = SIZE) -> bytes:
    """Red strokes on transparent, each 90 pixels long."""
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    for x, y in places:
        ImageDraw.Draw(image).line((x - 45, y, x + 45, y), fill=(255, 0, 0, 255), width=8)
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


def alpha(path: Path) -> UInt8:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return np.asarray(pixels[:, :, 3], np.uint8)


def after(site: Site, picture: Path, change: Callable[[], object]) -> tuple[str, str, Path | None]:
    """State, reason and cut-out of the job that follows from a change."""
    before = len(site.records(picture)) if site.has_journal() else 0
    change()
    with site.explained():
        wait_until(
            lambda: len(found := site.records(picture)) > before and found[0].state in ENDED,
            f"something came of a change to {picture.name}",
        )
    newest = site.records(picture)[0]
    return newest.state, newest.reason, site.out / newest.outputs[0] if newest.outputs else None


def test_the_whole_story(site: Site, folder: Path) -> None:
    shoe, drop = folder / "shoe.png", folder / "shoe.drop.png"
    state, reason, first = after(site, shoe, lambda: shoe.write_bytes(two_discs()))
    assert (state, reason) == ("done", "")
    assert first is not None
    assert (alpha(first)[LEFT[::-1]], alpha(first)[RIGHT[::-1]]) == (255, 255)

    state, reason, second = after(site, shoe, lambda: drop.write_bytes(painted(RIGHT)))
    assert (state, reason) == ("done", "touched up by shoe.drop.png")
    assert second is not None
    assert (first.name, second.name) == ("shoe.png", "shoe_v2.png")
    assert not alpha(second)[:, 210:].any(), "the whole disc went, and not the stroke alone"
    assert np.array_equal(alpha(second)[:, :190], alpha(first)[:, :190]), "the other is untouched"
    newest = [row for row in site.rows() if row["path"] == os.fsencode(shoe.relative_to(site.hot[0]))][-1]
    assert newest["batch"] is None, "the model had nothing to do: the matte was stored"

    state, _, _ = after(site, shoe, lambda: os.utime(drop, (1, 1)))
    assert state == "unchanged", "the same strokes, saved once more"
    state, reason, _ = after(site, shoe, lambda: drop.write_bytes(painted()))
    assert (state, reason) == ("done", "nothing is painted in shoe.drop.png")
    state, reason, again = after(site, shoe, drop.unlink)
    assert (state, again) == ("unchanged", None)
    assert not site.records(drop), "strokes are no picture"
    assert site.audit()["gaps"] == []


def test_strokes_that_come_first_wait_for_their_picture(site: Site, folder: Path) -> None:
    shoe, drop = folder / "shoe.png", folder / "shoe.png.drop.png"
    state, reason, _ = after(site, drop, lambda: drop.write_bytes(painted(RIGHT)))
    assert (state, reason) == ("ignored", str(NO_PICTURE))
    for verb in ("retry", "forget"):
        state, reason, _ = after(site, drop, partial(site.command, verb, str(drop)))
        assert (state, reason) == ("ignored", str(NO_PICTURE)), "asking makes them no picture"
    state, _, made = after(site, shoe, lambda: shoe.write_bytes(two_discs()))
    assert state == "done"
    assert made is not None
    assert made.name == "shoe.png"
    assert (alpha(made)[LEFT[::-1]], alpha(made)[RIGHT[::-1]]) == (255, 0)
    assert site.audit()["gaps"] == []


def test_strokes_of_another_shape_are_refused_with_a_note(site: Site, folder: Path) -> None:
    shoe, keep = folder / "shoe.png", folder / "shoe.keep.png"
    after(site, shoe, lambda: shoe.write_bytes(two_discs()))
    state, reason, _ = after(site, shoe, lambda: keep.write_bytes(painted(LEFT, size=(300, 300))))
    assert state == "failed"
    assert reason.startswith("shoe.keep.png: it has 300 x 300 pixels, the picture 400 x 300: paint on")
    note = site.out / site.records(shoe)[0].note
    wait_until(note.exists, "the note was written")
    assert "shoe.keep.png" in note.read_text(encoding="utf-8")
    state, _, made = after(site, shoe, lambda: keep.write_bytes(painted((50, 75), size=(200, 150))))
    assert (state, made and made.name) == ("done", "shoe_v2.png")
    wait_until(lambda: not note.exists(), "the note was taken away")


def test_a_matte_that_is_gone_is_made_anew(site: Site, folder: Path) -> None:
    shoe, drop = folder / "shoe.png", folder / "shoe.drop.png"
    after(site, shoe, lambda: shoe.write_bytes(two_discs()))
    shutil.rmtree(site.state / "mattes")
    state, _, made = after(site, shoe, lambda: drop.write_bytes(painted(RIGHT)))
    assert (state, made and made.name) == ("done", "shoe_v2.png")
    newest = [row for row in site.rows() if row["path"] == os.fsencode(shoe.relative_to(site.hot[0]))][-1]
    assert newest["batch"] is not None


def test_strokes_are_painted_on_the_upright_picture(site: Site, folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    shoe, drop = folder / "shoe.png", folder / "shoe.drop.png"
    after(site, shoe, lambda: shoe.write_bytes(two_discs(exif=exif)))
    upright = painted((150, 300), size=SIZE[::-1])
    state, _, made = after(site, shoe, lambda: drop.write_bytes(upright))
    assert state == "done"
    assert made is not None
    assert alpha(made).shape == SIZE
    assert (alpha(made)[100, 150], alpha(made)[300, 150]) == (255, 0)


def test_a_kill_in_the_middle_costs_nothing_but_time(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    try:
        site.start(KILLING)
        shoe, drop = site.hot[0] / "shoe.png", site.hot[0] / "shoe.drop.png"
        after(site, shoe, lambda: shoe.write_bytes(two_discs()))
        drop.write_bytes(painted(RIGHT))
        wait_until(lambda: len(site.records(shoe)) > 1, "the strokes were taken")
        site.kill()
        site.start()
        site.wait_ended([shoe])
        assert [record.state for record in site.records(shoe)] == ["done", "done"]
        assert site.records(shoe)[0].reason == "touched up by shoe.drop.png"
        assert [path.name for path in site.results()] == ["shoe.png", "shoe_v2.png"]
        assert not alpha(site.result_of(shoe))[:, 210:].any()
        assert site.temps() == []
    finally:
        site.close()
        site.remove()
