"""What no person dropped: told by its name, with all the folders that it lies in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.domain.picture_names import surely_dropped
from mattingd.ingest.ignore_rules import HIDDEN, why_ignored, why_ignored_at

names = st.binary(min_size=1, max_size=40).map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))


@pytest.mark.parametrize(
    "name",
    [
        "._shoe.jpg", ".DS_Store", "THUMBS.DB", "desktop.ini", "~$report.jpg", "shoe.jpg.part",
        "x.crdownload", "a.TMP", ".mattingd-1-x.png", "shoe.jpg.error.txt", "_STATUS.txt", "shoe.keep.png",
        "shoe.drop.PNG", ".smbdelete0001", ".nfs000a", "~syncthing~shoe.jpg.tmp", ".syncthing.shoe.jpg.tmp",
        "shoe.jpg.sb-1a2b", ".~lock.shoe.jpg#", ".fuse_hidden01", ".shoe.jpg", ".shoe.jpg.aB3dEf",
        ".goutputstream-AB12CD", "shoe.jpg~", "shoe~", "shoe.jpg_original", "shoe.jpg.5f3a9c1e.partial",
        "IMG 1.JPG.bak", "shoe.nef.xmp", "shoe.AbCd12.jpg.part", "shoe.jpg.tmp~", "shoe.jpg.filepart",
        "Icon\r", "Icon\uf00d", "shoe.jpg-journal",
    ],
)  # fmt: skip
def test_files_that_no_person_dropped(name: str) -> None:
    assert why_ignored(name.encode(), is_dir=False)


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir", ".stversions", "__MACOSX", "System Volume Information", "$RECYCLE.BIN", ".git",
        ".AppleDouble", ".~tmp~", ".snapshots", ".dtrash", ".@__thumb", ".thumbnails", ".anything at all",
        "#snapshot", "(A Document Being Saved By Photoshop)", "(A Document Being Saved By Preview 2)",
        "shoe.jpg.sb-1a2b-Xy", "shoe.jpg.download", "Team.photoslibrary", "Catalog Previews.lrdata",
        "lost+found", "Network Trash Folder", "Temporary Items", "@Recycle", ".trash-1000", ".sync",
    ],
)  # fmt: skip
def test_folders_that_no_person_made(name: str) -> None:
    assert why_ignored(name.encode(), is_dir=True)


@pytest.mark.parametrize(
    "name",
    [
        b"shoe.jpg", b"-shoe.jpg", b"part.jpg", b"\xff\xfe.png", b"a\nb.png", b"keep.png", b"shoe.png.jpg",
        b"shoe", b"shoe.jpg copy", b"shoe.jpg (2)", b"original.jpg", b"my_original.tif", b"tmp.jpg",
        b"@home.jpg", b"shoe.partial.jpg",
    ],
)  # fmt: skip
def test_what_a_person_drops(name: bytes) -> None:
    assert not why_ignored(name, is_dir=False)


@pytest.mark.parametrize(
    "name",
    [b"CVS", b"holiday.part", b"shoe.png", b"shoe.jpg_variants", b"@work", b"#1 shoes", b"tmp", b"_darcs"],
)
def test_a_folder_is_judged_as_a_folder(name: bytes) -> None:
    assert not why_ignored(name, is_dir=True)


@given(st.lists(names, min_size=1, max_size=4), st.integers(0, 3), st.booleans())
def test_whatever_is_hidden_is_ignored_with_all_below_it(parts: list[bytes], at: int, is_dir: bool) -> None:  # noqa: FBT001
    at = min(at, len(parts) - 1)
    parts[at] = b"." + parts[at]
    assert why_ignored_at(b"/".join(parts), is_dir=is_dir)
    assert not surely_dropped(b"/".join(parts))
    assert why_ignored(parts[at], is_dir=is_dir) == HIDDEN or parts[at].lower().startswith(b".mattingd")


def test_only_what_is_named_like_a_picture_is_surely_dropped() -> None:
    for name in (b"a/b.JPG", b"b.jp2", b"b.TGA", b"b.crw", b"b.jxl"):
        assert surely_dropped(name)
    assert surely_dropped(b"CVS/b.psb")
    assert not surely_dropped(b"a/b")
    assert not surely_dropped(b".jpg")
    assert not surely_dropped(b"b.jpg_large")
