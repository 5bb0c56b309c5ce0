"""The same result is no new version: what stands already is not published once more."""

import io
import struct
from pathlib import Path

from PIL import Image

from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site


def captioned(jpeg: bytes, text: bytes) -> bytes:
    """The same picture with a comment, which no cut-out carries."""
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[2:]


def pages(number: int) -> bytes:
    """A scanner's file, to which page after page is added."""
    page, sink = Image.fromarray(pictures.draw(pictures.Label(7))), io.BytesIO()
    page.save(sink, "TIFF", save_all=True, append_images=[page] * (number - 1))
    return sink.getvalue()


def states(site: Site, path: Path) -> list[str]:
    return [record.state for record in site.records(path)]


def test_a_caption_or_a_further_page_makes_no_new_version(site: Site) -> None:
    site.start()
    jpeg = pictures.picture(5, kind="jpg")
    photo, scan = site.hot[0] / "photo.jpg", site.hot[0] / "scan.tif"
    for turn in range(3):
        people.save_by_rename(photo, captioned(jpeg, b"caption %d" % turn) if turn else jpeg)
        people.save_by_rename(scan, pages(turn + 1))
        site.wait_ended([photo, scan])
    assert states(site, photo) == ["unchanged", "unchanged", "done"]
    assert states(site, scan) == ["unchanged", "unchanged", "done"]
    assert "byte for byte" in site.records(photo)[0].reason
    assert [path.name for path in site.results()] == ["photo.png", "scan.png"]
    assert site.temps() == []
    assert site.audit()["present"] == 2


def test_what_does_not_stand_any_more_is_made_again(site: Site) -> None:
    site.start()
    jpeg = pictures.picture(5, kind="jpg")
    photo = people.save(site.hot[0] / "photo.jpg", jpeg)
    site.wait_ended([photo])
    site.result_of(photo).unlink()
    people.save_by_rename(photo, captioned(jpeg, b"a caption"))
    site.wait_ended([photo])
    assert states(site, photo) == ["done", "done"]
    assert site.result_of(photo).exists()
    people.save_by_rename(photo, pictures.picture(5, 1, kind="jpg"))
    site.wait_ended([photo])
    assert states(site, photo)[0] == "done"
    assert pictures.read(site.result_of(photo).read_bytes()) == pictures.Label(5, 1)
