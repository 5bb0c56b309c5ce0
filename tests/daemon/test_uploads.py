"""The folder of the page and the API: each picture with its own settings, taken at once and first in line."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import pytest

from mattingd.ingest.uploads import SETTINGS, UploadFolder, as_stored, safe_name
from mattingd.journal import Record
from tests.daemon.harness import pictures
from tests.daemon.harness.site import ENDED, Site, wait_until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A daemon with a page; its hot folders are slow to settle."""
    slow = {"settle_seconds": 30, "rescan_seconds": 30}
    site = Site(tmp_path / "site", web={"listen": "127.0.0.1:7999"}, watch=slow)
    yield site
    site.close()


def delivered(site: Site, upload: str, data: bytes, **wanted: object) -> Path:
    uploads = UploadFolder(site.state / "uploads")
    with uploads.receiving(upload) as folder:
        (folder / "shoe.png").write_bytes(data)
        if wanted:
            (folder / SETTINGS).write_bytes(as_stored(wanted))
    return uploads.root / upload / "shoe.png"


def newest(site: Site, path: Path) -> Record | None:
    root = site.state / "uploads"
    with site.journal() as ledger:
        return next(iter(ledger.records_of(bytes(root), bytes(path.relative_to(root)))), None)


def ended(site: Site, path: Path, state: str = "done", job: int = 0) -> Record:
    """The newest job of an upload, later than `job`, once it came to its end."""

    def over() -> bool:
        found = newest(site, path)
        return found is not None and found.job > job and found.state in ENDED

    with site.explained():
        wait_until(over, "it ended", 20)
    found = newest(site, path)
    assert found is not None
    assert found.state == state, found.reason
    return found


def test_an_upload_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    uploads = UploadFolder(tmp_path / "uploads")
    with suppress(KeyError), uploads.receiving("a1") as cut_short:
        (cut_short / "shoe.png").write_bytes(b"hal")
        raise KeyError
    assert list(uploads.root.iterdir()) == []
    with suppress(FileExistsError), uploads.receiving("a1") as slower:
        (slower / "shoe.png").write_bytes(b"whole, and late")
        with uploads.receiving("a1") as quicker:
            (quicker / "shoe.png").write_bytes(b"whole")
    with pytest.raises(FileExistsError), uploads.receiving("a1"):
        pass
    assert [each.name for each in uploads.root.iterdir()] == ["a1"]
    assert (uploads.root / "a1" / "shoe.png").read_bytes() == b"whole"


def test_what_a_killed_page_had_begun_to_receive_does_not_stand_in_the_way(tmp_path: Path) -> None:
    uploads = UploadFolder(tmp_path / "uploads")
    killed = uploads.receiving("a1")
    (killed.__enter__() / "shoe.png").write_bytes(b"hal")
    with uploads.receiving("a1") as again:
        (again / "shoe.png").write_bytes(b"whole")
    assert (uploads.root / "a1" / "shoe.png").read_bytes() == b"whole"


def test_each_upload_is_made_with_its_own_settings_without_waiting(site: Site) -> None:
    site.start()
    data = pictures.picture(1, 0, "png")
    plain = delivered(site, "a1", data)
    blue = delivered(
        site, "b2", data, preset="transparent", settings={"background": "#0000ff", "format": "jpeg"}
    )
    assert ended(site, plain).outputs[0].endswith("/web/a1/shoe.png")
    (output,) = ended(site, blue).outputs
    assert output.endswith("/web/b2/shoe.jpg")
    picture = cv2.imread(str(site.out / output))
    assert picture is not None
    assert picture[0, 0, 0] > 240
    assert picture[0, 0, 2] < 15


def test_other_settings_are_asked_for_later(site: Site) -> None:
    site.start()
    path = delivered(site, "a1", pictures.picture(1, 0, "png"))
    first = ended(site, path)
    uploads = UploadFolder(site.state / "uploads")
    uploads.ask("a1", {"settings": {"format": "webp"}})
    site.ask("retry", files=[(bytes(uploads.root).hex(), b"a1/shoe.png".hex())])
    assert ended(site, path, job=first.job).outputs[0].endswith(".webp")


def test_a_picture_that_was_sent_cut_off_fails_at_once(site: Site) -> None:
    site.start()
    data = pictures.picture(1, 0, "png")
    assert "cut off" in ended(site, delivered(site, "a1", data[: len(data) // 2]), "failed").reason


def test_settings_that_are_no_settings_are_named(site: Site) -> None:
    site.start()
    path = delivered(site, "a1", pictures.picture(1, 0, "png"), preset="no-such")
    assert "no-such" in ended(site, path, "ignored").reason


def test_uploads_wait_for_a_daemon_that_is_not_there(site: Site) -> None:
    site.start()
    site.kill()
    path = delivered(site, "a1", pictures.picture(1, 0, "png"))
    site.start()
    ended(site, path)
    site.audit()


@pytest.mark.parametrize(
    ("sent", "safe"),
    [
        ("shoe.png", "shoe.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\a b.jpg", "a b.jpg"),
        (".hidden.png", "hidden.png"),
        ("..", "picture"),
        ("a.keep.png", "_a_keep.png"),
        ("<img src=x onerror=alert(1)>.jpg", "_img src=x onerror=alert(1)_.jpg"),
        ("对.jpg", "对.jpg"),
        ("a\0b\n.png", "a_b_.png"),
        ("x" * 400 + ".jpeg", "x" * 175 + ".jpeg"),
    ],
)
def test_names_that_browsers_send_become_names_of_files(sent: str, safe: str) -> None:
    assert safe_name(sent) == safe
