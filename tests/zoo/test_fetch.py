"""Fetching from a server that stalls, cuts, lies or sends elsewhere: resumed, or one clear line."""

import hashlib
from pathlib import Path

import pytest
from publisher import Publisher

from mattingd.zoo.catalogue import File
from mattingd.zoo.fetch import FetchError, Terms, fetch

CONTENT = bytes(range(256)) * 3000
QUICK = Terms(stall_seconds=0.5, tries=3, pause_seconds=0.01)


def pinned(url: str, *, size: int | None = len(CONTENT), kind: str = "sha256") -> File:
    digest = hashlib.new(kind, CONTENT, usedforsecurity=False).hexdigest()
    return File(url, size, **{kind: digest})


def fetched(publisher: Publisher, part: Path, *plan: str, wanted: File | None = None) -> bytes:
    publisher.content, publisher.plan = CONTENT, list(plan)
    fetch(publisher.url, wanted or pinned(publisher.url), part, QUICK)
    return part.read_bytes()


@pytest.mark.parametrize("kind", ["sha256", "md5"])
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_file_is_fetched(publisher: Publisher, tmp_path: Path, kind: str, size: int | None) -> None:
    wanted = pinned(publisher.url, size=size, kind=kind)
    assert fetched(publisher, tmp_path / "part", "ok", wanted=wanted) == CONTENT
    assert publisher.asked == [""]


@pytest.mark.parametrize("way", ["gzip", "drip"])
def test_it_may_come_compressed_or_in_small_pieces(publisher: Publisher, tmp_path: Path, way: str) -> None:
    assert fetched(publisher, tmp_path / "part", way) == CONTENT


def test_an_end_that_came_too_soon_is_a_broken_transfer(publisher: Publisher, tmp_path: Path) -> None:
    assert fetched(publisher, tmp_path / "part", "short", "ok") == CONTENT
    assert publisher.asked == ["", f"bytes={len(CONTENT) // 2}-"]
    with pytest.raises(
        FetchError, match=f"sent {len(CONTENT) // 2} bytes of {len(CONTENT)}; the same command"
    ):
        fetched(publisher, tmp_path / "other", "short")


def test_a_server_that_cannot_resume_and_breaks_off_is_given_up(publisher: Publisher, tmp_path: Path) -> None:
    """Now sooner, now later: no attempt gets farther than the first."""
    with pytest.raises(FetchError, match="the same command continues"):
        fetched(publisher, tmp_path / "part", *(("short", "tenth") * 40))
    assert len(publisher.asked) <= 1 + QUICK.tries


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_part_that_is_longer_than_the_file_is_begun_anew(
    publisher: Publisher, tmp_path: Path, size: int | None
) -> None:
    """The file there was exchanged for a shorter one since the last try."""
    (tmp_path / "part").write_bytes(b"x" * (len(CONTENT) + 1))
    wanted = pinned(publisher.url, size=size)
    assert fetched(publisher, tmp_path / "part", "ok", wanted=wanted) == CONTENT
    assert publisher.asked == [f"bytes={len(CONTENT) + 1}-", ""]


def test_a_part_of_the_right_length_and_the_wrong_file_is_begun_anew(
    publisher: Publisher, tmp_path: Path
) -> None:
    (tmp_path / "part").write_bytes(b"x" * len(CONTENT))
    assert fetched(publisher, tmp_path / "part", "ok") == CONTENT


@pytest.mark.parametrize("way", ["cut", "stall"])
def test_a_broken_transfer_goes_on_where_it_was(publisher: Publisher, tmp_path: Path, way: str) -> None:
    assert fetched(publisher, tmp_path / "part", way, way, "ok") == CONTENT
    half = len(CONTENT) // 2
    assert publisher.asked == ["", f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_it_goes_on_in_another_run(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT[:1000])
    assert fetched(publisher, tmp_path / "part", "ok") == CONTENT
    assert publisher.asked == ["bytes=1000-"]


def test_a_whole_part_of_unknown_length_is_taken_as_it_is(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT)
    wanted = pinned(publisher.url, size=None)
    assert fetched(publisher, tmp_path / "part", "ok", wanted=wanted) == CONTENT
    assert publisher.asked == [f"bytes={len(CONTENT)}-"]


def test_a_server_that_knows_no_ranges_sends_it_anew(publisher: Publisher, tmp_path: Path) -> None:
    assert fetched(publisher, tmp_path / "part", "cut", "no-range") == CONTENT


def test_another_part_than_was_asked_for_is_not_taken(publisher: Publisher, tmp_path: Path) -> None:
    assert fetched(publisher, tmp_path / "part", "cut", "wrong-range", "ok") == CONTENT


def test_a_beginning_of_another_file_is_given_up(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"x" * 1000)
    assert fetched(publisher, tmp_path / "part", "ok") == CONTENT


@pytest.mark.parametrize("code", ["500", "503", "429"])
def test_a_server_in_trouble_is_asked_again(publisher: Publisher, tmp_path: Path, code: str) -> None:
    assert fetched(publisher, tmp_path / "part", code, code, "ok") == CONTENT


@pytest.mark.parametrize(
    ("way", "complaint", "requests"),
    [
        ("404", "answered 404 Not Found; name another place with --from", 1),
        ("403", "answered 403", 1),
        ("500", "answered 500 Internal Server Error; try again later", 3),
        ("file", "leads nowhere that a file is fetched from", 1),
        ("away", "leads nowhere that a file is fetched from", None),
        ("page", "sent a web page, not a file: it asks for a sign-in, or a proxy does; --from FILE", 1),
        ("longer", "is longer than the 768000 bytes", 1),
        ("wrong", "is not network.onnx as its publisher pins it: its SHA-256 begins with", 1),
    ],
)
def test_what_cannot_be_had_is_one_line(
    publisher: Publisher, tmp_path: Path, way: str, complaint: str, requests: int | None
) -> None:
    with pytest.raises(FetchError, match=complaint) as told:
        fetched(publisher, tmp_path / "part", way)
    assert "\n" not in str(told.value)
    assert requests is None or len(publisher.asked) == requests


def test_what_is_there_stays_when_it_is_given_up(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="try again later"):
        fetched(publisher, tmp_path / "part", "cut", "500")
    assert (tmp_path / "part").read_bytes() == CONTENT[: len(CONTENT) // 2]


def test_wrong_bytes_do_not_stay(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(FetchError):
        fetched(publisher, tmp_path / "part", "wrong")
    assert not (tmp_path / "part").exists()


def test_nothing_is_taken_without_a_hash(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no hash is pinned"):
        fetched(publisher, tmp_path / "part", "ok", wanted=File(publisher.url, len(CONTENT)))
    assert not (tmp_path / "part").exists()
