"""`demo`: leaves other people's folders alone, and does the main job visibly."""

from pathlib import Path

from PIL import Image

from tests.cli.conftest import Say, run


def test_it_refuses_a_folder_that_holds_something_else(say: Say, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    answer = say("demo", "mine")
    assert answer.code == 2
    assert answer.err == "mattingd: mine is not empty and no earlier demo: name another folder\n"
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_it_refuses_a_file(say: Say, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("years of work")
    answer = say("demo", "mine")
    assert answer.code == 2
    assert answer.err == "mattingd: mine is no folder: name another one\n"


def test_it_cuts_out_three_photographs_and_shows_them_and_may_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "mattingd-demo").mkdir()
    (tmp_path / "mattingd-demo" / ".mattingd-demo").touch()
    (tmp_path / "mattingd-demo" / "old").touch()
    answer = run("demo", cwd=tmp_path, MATTINGD_TEST_ENGINE="0")
    assert answer.code == 0, answer.out + answer.err
    assert not (tmp_path / "mattingd-demo" / "old").exists()
    lines = answer.out.splitlines()
    for name in ("astronaut", "chelsea", "coffee"):
        (line,) = [line for line in lines if line.startswith(name)]
        place = tmp_path / line.split()[-1]
        with Image.open(place) as image:
            assert image.mode == "RGBA"
    with Image.open(tmp_path / "mattingd-demo" / "contact-sheet.png") as sheet:
        assert sheet.width > 800
    assert lines[-1] == "Before and after: mattingd-demo/contact-sheet.png"
