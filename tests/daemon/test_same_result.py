"""The same result is no new version: what stands already is not published once more."""

import io
import os
import struct
from functools import partial
from pathlib import Path

from PIL import Image

from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site, wait_until


def captioned(jpeg: bytes, text: bytes) -> bytes:
    """The same picture with a comment, which no cut-out carries."""
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[2:]


def described(words: str) -> bytes:
    """The same picture with a caption that its cut-outs carry."""
    sink = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = words
    Image.fromarray(pictures.draw(pictures.Label(5))).save(sink, "JPEG", quality=92, exif=exif)
    return sink.getvalue()


def opened(path: Path) -> tuple[str | None, bytes]:
    """The caption of a cut-out, and its pixels."""
    with Image.open(path) as image:
        return image.getexif().get(0x010E), image.tobytes()


def test_a_caption_that_goes_along_makes_a_version_without_asking_the_model(site: Site) -> None:
    site.start()
    photo = people.save(site.hot[0] / "photo.jpg", described("a shoe"))
    site.wait_ended([photo])
    people.save_by_rename(photo, described("a red shoe"))
    site.wait_ended([photo])
    people.save_by_rename(photo, pictures.picture(5, 1, kind="jpg"))
    site.wait_ended([photo])
    assert states(site, photo) == ["done"] * 3
    first, captioned, other = site.rows()
    assert (first["batch"], captioned["batch"], other["batch"]) == (1, None, 2)
    assert captioned["confidence"] == first["confidence"]
    versions = [site.out / record.outputs[0] for record in reversed(site.records(photo))]
    told = [opened(path) for path in versions]
    assert [caption for caption, _ in told] == ["a shoe", "a red shoe", None]
    assert told[0][1] == told[1][1] != told[2][1]
    site.command("retry", str(photo))
    with site.explained():
        wait_until(lambda: len(states(site, photo)) == 4 and not site.rows()[-1]["live"], "made again")
    assert site.rows()[-1]["batch"] == 3, "who asks for it gets the model asked"


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


def bitmap(number: int) -> bytes:
    """A picture of always the same size."""
    sink = io.BytesIO()
    Image.fromarray(pictures.draw(pictures.Label(number))).save(sink, "BMP")
    return sink.getvalue()


def test_other_content_under_the_old_size_and_time_is_seen(site: Site) -> None:
    """As programs that restore or synchronise leave it: in place, renamed over it, and while we are off."""
    site.start()
    before = site.hot[0] / "before.bmp"

    def replaced(photo: Path, data: bytes, *, in_place: bool) -> None:
        status = photo.stat()
        new = photo if in_place else before
        new.write_bytes(data)
        os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
        new.replace(photo)

    photo = people.save(site.hot[0] / "photo.bmp", bitmap(1))
    site.wait_ended([photo])
    for number, in_place in ((2, True), (3, False), (4, True)):
        if number == 4:
            assert site.stop() == 0
        replaced(photo, bitmap(number), in_place=in_place)
        if number == 4:
            site.start()
        made = partial(lambda number: len(states(site, photo)) == number, number)
        with site.explained():
            wait_until(made, "the new content is taken")
        site.wait_ended([photo])
        assert pictures.read(site.result_of(photo).read_bytes()) == pictures.Label(number)
    assert states(site, photo) == ["done"] * 4


def test_a_file_that_only_got_other_rights_costs_one_read(site: Site) -> None:
    site.start()
    photo = people.save(site.hot[0] / "photo.bmp", bitmap(1))
    ignored = people.save(site.hot[0] / "text.txt", b"no picture")
    site.wait_ended([photo, ignored])
    photo.chmod(0o640)
    ignored.chmod(0o640)
    with site.explained():
        wait_until(lambda: len(states(site, photo)) == 2, "it is looked at")
    site.wait_ended([photo])
    again, first = site.records(photo)
    assert (again.state, first.state) == ("unchanged", "done")
    assert again.spent.read is None, "it was not even decoded"
    assert [path.name for path in site.results()] == ["photo.png"]
