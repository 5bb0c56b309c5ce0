"""`mattingd process` of one picture into a file of a given name, and through a pipe."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import surroundings


def process(*arguments: object, cwd: Path, data: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "mattingd", "process", *map(str, arguments)],
        input=data,
        capture_output=True,
        check=False,
        cwd=cwd,
        env=surroundings(test_engine=True) | {"TMPDIR": str(cwd)},
        timeout=120,
    )


def format_of(data: bytes) -> str | None:
    return Image.open(io.BytesIO(data)).format


def lying(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def shoe(tmp_path: Path) -> Path:
    path = tmp_path / "shoe.png"
    path.write_bytes(pictures.picture(7))
    return path


def test_a_file_is_that_file_and_nothing_else_is_left(shoe: Path) -> None:
    done = process(shoe.name, "-o", "sub/cut.png", "-q", cwd=shoe.parent)
    assert done.returncode == 0, done.stderr
    assert pictures.read((shoe.parent / "sub" / "cut.png").read_bytes()) == Label(7)
    assert lying(shoe.parent / "sub") == ["cut.png"]
    again = process(shoe.name, "-o", "sub/cut.png", "-q", cwd=shoe.parent)
    assert again.returncode != 0
    assert again.stderr == b"mattingd: sub/cut.png: it is there already, and nothing is overwritten\n"


def test_the_name_says_the_format_and_others_lie_beside(shoe: Path) -> None:
    done = process(shoe.name, "-o", "cut.webp", "--also", "marketplace", "-q", cwd=shoe.parent)
    assert done.returncode == 0, done.stderr
    assert format_of((shoe.parent / "cut.webp").read_bytes()) == "WEBP"
    assert format_of((shoe.parent / "cut_marketplace.jpg").read_bytes()) == "JPEG"
    wrong = process(shoe.name, "-o", "cut.png", "--format", "webp", cwd=shoe.parent)
    assert wrong.stderr == b"mattingd: --format webp and the name cut.png contradict one another\n"


def test_a_picture_in_a_pipe(shoe: Path) -> None:
    done = process("-", cwd=shoe.parent, data=shoe.read_bytes())
    assert done.returncode == 0, done.stderr
    assert pictures.read(done.stdout) == Label(7)
    assert done.stderr == b""
    jpeg = process(
        "-", "-o", "-", "--format", "jpeg", "--background", "#ffffff", cwd=shoe.parent, data=shoe.read_bytes()
    )
    assert format_of(jpeg.stdout) == "JPEG"
    named = process("-", "-o", "cut.png", cwd=shoe.parent, data=shoe.read_bytes())
    assert (named.returncode, named.stdout) == (0, b"")
    assert pictures.read(process("shoe.png", "-o", "-", cwd=shoe.parent).stdout) == Label(7)
    assert lying(shoe.parent) == ["cut.png", "shoe.png"]


def test_what_cannot_be_done_is_one_line_with_a_reason(tmp_path: Path) -> None:
    blank = pictures.encode(pictures.blank())
    for data, why in (
        (blank, "no subject was found in the picture"),
        (b"no picture", "this is not a picture"),
        (b"", "the file is empty: copy it again"),
    ):
        done = process("-", cwd=tmp_path, data=data)
        assert (done.returncode, done.stdout) == (3, b"")
        assert done.stderr.startswith(f"mattingd: standard input: {why}".encode()), done.stderr
        assert done.stderr.count(b"\n") == 1
    assert lying(tmp_path) == []


def test_a_folder_is_still_a_folder_and_has_to_be_named(shoe: Path) -> None:
    assert process(shoe.name, "-o", "cuts", "-q", cwd=shoe.parent).returncode == 0
    assert (shoe.parent / "cuts" / "shoe.png").exists()
    missing = process(shoe.name, cwd=shoe.parent)
    assert missing.returncode == 2
    assert b"say where cut-outs go: -o FOLDER" in missing.stderr
