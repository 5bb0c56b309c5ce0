"""What head, tail and name say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.domain.reasons import Reason
from mattingd.imaging.formats.sniff import HEAD, READABLE, sniff
from mattingd.imaging.formats.structure.arrival import TAIL, Unfinished, unfinished
from mattingd.imaging.formats.structure.tiff_tags import part_of
from tests.imaging.pictures import ENCODERS, encode, photo, tailed

PICTURE = photo(320, 240)
FILES = {name: encode(PICTURE) for name, encode in ENCODERS.items()}


def hint(data: bytes) -> Unfinished | None:
    return unfinished(len(data), part_of(data))


@pytest.mark.parametrize("name", FILES)
def test_whole_files_look_whole_and_are_named_by_their_magic(name: str) -> None:
    assert sniff(FILES[name][:HEAD]) == name.partition(" ")[0]
    assert hint(FILES[name]) is None


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "video"),
        (b"%PDF-1.7", "pdf"),
        (b"PK\x03\x04", "archive"),
        (b"RIFF\x00\x00\x00\x00AVI ", "video"),
        (b"BM, said the cow to the moon", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_known_kinds_that_are_not_read_have_names(head: bytes, named: str | None) -> None:
    assert sniff(head) == named
    assert named not in READABLE


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "heic"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00", "heic"),
        (b"\x00\x00\x00\x1cftypavis\x00\x00\x00\x00", "avif"),
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x00", "raw"),
        (b"II\x2a\x00\x10\x00\x00\x00CR\x02\x00", "raw"),
        (b"8BPS\x00\x01", "psd"),
    ],
)
def test_kinds_that_are_read_have_names(head: bytes, named: str) -> None:
    assert sniff(head) == named
    assert named in READABLE


@pytest.mark.parametrize("name", FILES)
def test_a_preallocated_file_looks_unfinished_however_far_it_got(name: str) -> None:
    data = FILES[name]
    for share in (0, 0.01, 0.3, 0.6):
        kept = int(len(data) * share) // 4096 * 4096  # as copies stand: whole pages are written
        assert hint(data[:kept] + bytes(len(data) - kept)), share


@pytest.mark.parametrize("name", [name for name in FILES if name != "jxl"])
def test_a_file_that_stops_early_looks_unfinished(name: str) -> None:
    data = FILES[name]
    for kept in (len(data) // 3, len(data) - (9 if "tga" not in name else 40)):
        assert hint(data[:kept]) or name == "tga packed", kept


def test_what_follows_a_jpegs_end_is_normal() -> None:
    data = FILES["jpeg baseline"]
    assert hint(data + bytes(100) + b"trailing notes") is None
    film = b"\x00\x00\x00\x18ftypmp42" + bytes(range(1, 200)) * 2000 + b"\x00\x00\x00\x10moov"
    assert len(film) > TAIL
    assert hint(data + film) is None


def test_an_empty_file_is_unfinished() -> None:
    assert hint(b"") == Unfinished(Reason.of("empty_file"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tail", ["zeros", "page of zeros", "film", "leftovers"])
def test_what_comes_after_a_whole_picture_holds_nothing_back(name: str, tail: str) -> None:
    """Motion photos, padding up to a block, what an editor left: more of it than is looked at first."""
    data = tailed(FILES[name], tail)
    assert len(data) > len(FILES[name]) + TAIL
    assert hint(data) is None


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
@pytest.mark.parametrize("width", [1000, 1024, 1365, 4096])
def test_a_raw_picture_that_ends_in_black_waits_a_moment_at_most(kind: str, width: int) -> None:
    """Black from a page's border on may be a hole as well: then decoding tells."""
    for rows, column in ((100, 0), (150, 0), (128, 300)):
        picture = np.full((300, width, 3), 200, np.uint8)
        picture[:100] = photo(width, 100)
        picture[rows:] = 0
        picture[rows - 1, column:] = 0
        picture[rows - 3 : rows - 1, column // 2 :] = 0  # a dark thing that narrows
        found = hint(encode(picture if kind == "TIFF" else picture[::-1], kind))
        assert found is None or found.decoder_knows


@pytest.mark.parametrize("name", ["jpeg baseline", "jpeg progressive", "png", "gif"])
def test_where_only_the_end_marker_may_be_missing_decoding_tells(name: str) -> None:
    for cut in (1, 2, 9, 2000):
        found = hint(FILES[name][:-cut])
        assert found == Unfinished(Reason.of("no_end"), decoder_knows=True)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_nothing_that_lies_in_a_file_makes_the_look_fail(data: bytes) -> None:
    hint(data)
    for magic in (b"\x89PNG\r\n\x1a\n", b"II\x2a\x00", b"RIFF1234WEBP", b"GIF89a", b"\xff\xd8\xff", b"BM"):
        hint(magic + data)
