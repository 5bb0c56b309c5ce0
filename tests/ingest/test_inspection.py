"""What a look at a single file tells beyond its structure."""

import io
import os
import random
from pathlib import Path

import pytest
from faulty_share import FaultyShare, needs_fuse
from PIL import Image

from mattingd.domain.events import FileObservation
from mattingd.ingest.inspection import GAP, FileInspector
from mattingd.system.filesystem import Disk

PIECE = 1 << 16


def picture(kind: str) -> bytes:
    """So noisy that it takes many blocks of the disk."""
    noise = random.Random(1).randbytes(900 * 900 * 3)
    sink = io.BytesIO()
    Image.frombytes("RGB", (900, 900), noise).save(sink, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return sink.getvalue()


def write_in_pieces(path: Path, data: bytes, *, without: int | None = None) -> None:
    """As a client that sends several pieces at once; its connection was cut before one of them came."""
    with path.open("wb", buffering=0) as file:
        file.truncate(len(data))
        for number, start in enumerate(range(0, len(data), PIECE)):
            if number != without:
                os.pwrite(file.fileno(), data[start : start + PIECE], start)
        os.fsync(file.fileno())


def look(path: Path) -> FileObservation:
    seen = FileInspector(os.fsencode(path.parent), Disk()).full(os.fsencode(path.name))
    assert seen is not None
    return seen


def knows_holes(folder: Path) -> bool:
    with (folder / "probe").open("wb", buffering=0) as file:
        file.truncate(4 * PIECE)
        return os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_part_that_never_came_holds_a_file_back_though_its_end_is_there(tmp_path: Path, kind: str) -> None:
    if not knows_holes(tmp_path):
        pytest.skip("this file system does not tell holes")
    data, path = picture(kind), tmp_path / f"shoe.{kind.lower()}"
    assert len(data) > 3 * PIECE
    write_in_pieces(path, data, without=1)
    seen = look(path)
    assert seen.unfinished == GAP
    assert seen.decoder_knows == (kind == "TIFF"), "a part of a plain picture may be black"
    write_in_pieces(path, data)
    assert look(path).unfinished is None


@needs_fuse
def test_where_holes_are_not_known_the_structure_decides(tmp_path: Path) -> None:
    data = picture("PNG")
    with FaultyShare(tmp_path / "share") as share:
        write_in_pieces(share.behind / "shoe.png", data)
        assert look(share.path / "shoe.png").unfinished is None
        write_in_pieces(share.behind / "cut.png", data, without=(len(data) - 1) // PIECE)
        assert look(share.path / "cut.png").unfinished is not None
