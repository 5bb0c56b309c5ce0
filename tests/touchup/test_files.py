"""Which files hold strokes, and for which pictures."""

import pytest

from mattingd.domain.jobs import Stamp
from mattingd.touchup.files import belongs, identity, is_strokes, names_beside


@pytest.mark.parametrize(
    ("strokes", "picture", "meant"),
    [
        (b"shoe.keep.png", b"shoe.jpg", True),
        (b"shoe.drop.png", b"shoe.CR2", True),
        (b"shoe.jpg.keep.png", b"shoe.jpg", True),
        (b"shoe.jpg.keep.png", b"shoe.png", False),
        (b"shoe.keep.png", b"shoe.xmp", False),
        (b"shoe.keep.png", b"shoe", True),
        (b"a.b.keep.png", b"a.b.jpg", True),
        (b"shoe.keep.png", b"shoes.jpg", False),
        (b"shoe.keep.png", b"shoe.keep.png", False),
        (b"\xff.keep.png", b"\xff.jpg", True),
        (b"shoe.DROP.PNG", b"shoe.jpg", True),
        (b"shoe.jpg.KEEP.png", b"shoe.jpg", True),
        (b"SHOE.DROP.PNG", b"shoe.jpg", False),
    ],
)
def test_strokes_belong_to_the_picture_they_are_named_after(
    strokes: bytes,
    picture: bytes,
    meant: bool,  # noqa: FBT001
) -> None:
    assert belongs(strokes, picture) is meant


def test_the_whole_name_goes_before_the_short_one_and_folders_stay() -> None:
    keep, drop = names_beside(b"in/shoe.jpg")
    small = [name for names in (keep, drop) for name in names if name.islower()]
    assert small == [
        b"in/shoe.jpg.keep.png",
        b"in/shoe.keep.png",
        b"in/shoe.jpg.drop.png",
        b"in/shoe.drop.png",
    ]
    assert max(map(keep.index, keep[:4])) < keep.index(b"in/shoe.keep.png")


def test_strokes_are_known_in_any_case() -> None:
    assert is_strokes(b"in/Shoe.KEEP.png")
    assert not is_strokes(b"in/keep.png")


def test_the_identity_tells_strokes_apart_and_fits_the_journal() -> None:
    one, other = (b"in/a.keep.png", Stamp(5, 7)), (b"in/a.drop.png", Stamp(5, 7))
    later, larger = (one[0], Stamp(5, 8)), (one[0], Stamp(6, 7))
    found = [identity(each) for each in ([one], [other], [one, other], [later], [larger])]
    assert len(set(found)) == len(found)
    assert all(0 < each < 1 << 63 for each in found)
    assert identity([]) == 0
    assert identity([(b"a.keep.png", Stamp(5, 7, inode=3))]) == found[0], "a copy of the folder is no other"
