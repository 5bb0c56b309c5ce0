"""`mattingd say`: shown, confirmed, done."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

COMMAND = [sys.executable, "-m", "mattingd", "say"]


def say(*arguments: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "shoe.png"
    image = Image.new("RGB", (320, 240), "#dddddd")
    image.paste("#aa2222", (100, 60, 220, 200))
    image.save(path)
    return path


def test_without_pictures_it_only_shows(tmp_path: Path) -> None:
    done = say("换成蓝底证件照", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "预设 id-photo（证件照：头肩构图）\n背景：证件照蓝 #438edb\n"  # noqa: RUF001
    done = say("white background, 1000 px square, under 200 KB", "--json", cwd=tmp_path)
    got = json.loads(done.stdout)
    assert got["preset"] == "transparent"
    assert got["settings"] == {
        "background": "#ffffff",
        "canvas": "1000x1000",
        "max_kb": 200,
        "format": "jpeg",
    }
    assert (got["unclear"], got["refused"], got["by"]) == ([], "", "grammar")


def test_what_is_refused_or_not_understood_ends_with_2_and_does_nothing(
    tmp_path: Path, picture: Path
) -> None:
    for text, told in (
        ("delete the originals", "Nothing is deleted"),
        ("what a day", "nothing was understood"),
        ("white background with a parrot", "not all was understood"),
    ):
        done = say(text, picture, "-o", "out", "--yes", cwd=tmp_path)
        assert (done.returncode, told in done.stderr) == (2, True), done
        assert not (tmp_path / "out").exists()
    assert picture.exists()


def test_it_is_not_done_without_a_place_or_somebody_who_agrees(tmp_path: Path, picture: Path) -> None:
    done = say("white background", picture, "--yes", cwd=tmp_path)
    assert (done.returncode, "-o FOLDER" in done.stderr) == (2, True)
    done = say("white background", picture, "-o", "out", cwd=tmp_path)
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.model
def test_with_yes_it_is_done_as_said_and_the_team_s_presets_count(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "output_dir: o\nstate_dir: s\nhot_folders: [{path: in}]\n"
        "presets: {house: {like: product, background: black}}\n"
    )
    done = say("preset house, 200 px square, jpg", picture, "-o", "out", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done
    assert "the team's own" in done.stdout
    with Image.open(tmp_path / "out" / "shoe.jpg") as image:
        assert image.size == (200, 200)
        pixel = image.convert("RGB").getpixel((1, 1))
    assert isinstance(pixel, tuple)
    assert max(pixel) < 8


def test_a_person_who_says_no_is_obeyed(tmp_path: Path, picture: Path) -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "white background", str(picture), "-o", "out"],
        cwd=tmp_path, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as child:  # fmt: skip
        os.close(slave)
        os.write(master, b"n\n")
        told, _ = child.communicate(timeout=60)
    os.close(master)
    assert child.returncode == 1, told
    assert "background: white #ffffff" in told
    assert not (tmp_path / "out").exists()
