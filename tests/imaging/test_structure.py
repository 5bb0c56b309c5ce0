"""What head, tail and name say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.imaging.formats.sniff import HEAD, READABLE, TAIL, missing_end, sniff
from tests.imaging.pictures import ENCODERS, photo

PICTURE = photo(320, 240)
FILES = {name: encode(PICTURE) for name, encode in ENCODERS.items()}


def hint(data: bytes) -> str | None:
    return missing_end(sniff(data[:HEAD]), data[:HEAD], data[-TAIL:], len(data))


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
        kept = int(len(data) * share)
        assert hint(data[:kept] + bytes(len(data) - kept)), share


@pytest.mark.parametrize("name", [name for name in FILES if "tiff" not in name])
def test_a_file_that_stops_early_looks_unfinished(name: str) -> None:
    data = FILES[name]
    for kept in (len(data) // 3, len(data) - 9):
        assert hint(data[:kept]), kept


def test_what_follows_a_jpegs_end_is_normal() -> None:
    data = FILES["jpeg baseline"]
    assert hint(data + bytes(100) + b"trailing notes") is None
    film = b"\x00\x00\x00\x18ftypmp42" + bytes(range(1, 200)) * 2000 + b"\x00\x00\x00\x10moov"
    assert len(film) > TAIL
    assert hint(data + film) is None


def test_an_empty_file_is_unfinished() -> None:
    assert missing_end(None, b"", b"", 0) == "the file is empty"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_nothing_that_lies_in_a_file_makes_the_look_fail(data: bytes) -> None:
    hint(data)
    for magic in (b"\x89PNG\r\n\x1a\n", b"II\x2a\x00", b"RIFF1234WEBP", b"GIF89a", b"\xff\xd8\xff", b"BM"):
        hint(magic + data)
