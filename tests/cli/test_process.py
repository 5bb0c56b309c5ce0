"""`process`: once over given pictures. Its summary, its exit codes, and that the same command goes on."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import hostile
import numpy as np
import pytest
from PIL import Image

import mattingd
from mattingd.domain.reasons import Reason
from tests.cli.conftest import Say, on_terminal, pictures, run, started
from tests.daemon.harness.site import wait_until
from tests.imaging.pictures import encode

EMPTY = Reason.of("empty_file")
DEMO = Path(mattingd.__file__).parent / "cli" / "demo_pictures"


def outputs(folder: Path) -> dict[str, int]:
    """Every file below the output that is not the journal's, and its inode."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".mattingd" not in path.parts)
    return {str(path.relative_to(folder)): path.stat().st_ino for path in files}


def made(folder: Path) -> int:
    return len(list(folder.glob("*.png")))


def test_partial_then_mended_then_with_another_preset(tmp_path: Path) -> None:
    """The whole story of a folder, told on a terminal first."""
    pictures(tmp_path / "in", 6)
    pictures(tmp_path / "in" / "sub", 1)
    (tmp_path / "in" / "empty.png").touch()
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    code, screen = on_terminal("process", "in", "-o", "out", cwd=tmp_path)
    assert code == 1
    assert "loading the model" in screen
    assert "cutting out" in screen
    *_, failed, ignored, summary, notes, journal = screen.replace("\x1b[0m", "").rstrip().splitlines()
    assert failed.endswith(f"empty.png: {EMPTY}")
    assert "notes.txt: this is not a picture" in ignored
    assert "7 done, 1 failed, 1 ignored in " in summary
    assert summary.endswith("pictures/s). Cut-outs: out")
    assert notes == "Why each one failed, and what to do: out/_failed"
    assert journal.removeprefix("\x1b[2m") == JOURNAL
    first = outputs(tmp_path / "out")
    assert set(first) == {*(f"p{n:02}.png" for n in range(6)), "sub/p00.png", "_failed/empty.png.error.txt"}

    again = run("process", "in", "-o", "out", "--json", cwd=tmp_path)
    assert (again.code, again.err) == (1, "")
    assert (again.json["done"], again.json["before"], again.json["left"]) == (0, 7, 0)
    assert again.json["failed"] == [
        {
            "file": "empty.png",
            "reason": str(EMPTY),
            "note": "out/_failed/empty.png.error.txt",
        }
    ]

    (tmp_path / "in" / "empty.png").write_bytes(hostile.encoded("PNG"))
    mended = run("process", "in", "-o", "out", cwd=tmp_path)
    assert (mended.code, mended.err) == (0, "")
    assert mended.out.startswith("1 done, 7 done before in ")
    assert {**first, "empty.png": 0}.keys() - {"_failed/empty.png.error.txt"} == outputs(
        tmp_path / "out"
    ).keys()

    other = run("process", "in/p00.png", "-o", "out", "--background", "#438edb", cwd=tmp_path)
    assert other.code == 0
    last = outputs(tmp_path / "out")
    assert last.keys() - first.keys() == {"empty.png", "p00_v2.png"}
    assert all(last[name] == inode for name, inode in first.items() if name in last), (
        "nothing was overwritten"
    )
    with Image.open(tmp_path / "out" / "p00_v2.png") as image:
        assert image.convert("RGB").getpixel((0, 0)) == (0x43, 0x8E, 0xDB)


def test_further_outputs_of_each_picture(tmp_path: Path) -> None:
    pictures(tmp_path / "in", 2)
    also = ("--also", "marketplace", "--also", "mask-only", "--also", "mask-only")
    told = run("process", "in", "-o", "out", *also, cwd=tmp_path)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("2 done in ")
    endings = (".png", "_marketplace.jpg", "_mask-only.png")
    assert set(outputs(tmp_path / "out")) == {f"p0{n}{ending}" for n in range(2) for ending in endings}
    same = run("process", "in", "-o", "out", "--also", "markt", cwd=tmp_path)
    assert (same.code, same.err.count("\n")) == (2, 1)
    assert same.err.startswith("mattingd: --also: no preset is called 'markt'; known: ")


def test_a_background_picture_goes_from_here_and_its_content_counts_as_a_setting(tmp_path: Path) -> None:
    pictures(tmp_path / "in", 1)
    (tmp_path / "wall.png").write_bytes(encode(np.full((300, 400, 3), (10, 200, 90), np.uint8), "PNG"))
    command = ("process", "in", "-o", "out", "--format", "jpeg", "--set", "background=wall.png")
    assert run(*command, cwd=tmp_path).out.startswith("1 done in ")
    assert run(*command, cwd=tmp_path).out.startswith("1 done before")
    (tmp_path / "wall.png").write_bytes(encode(np.full((300, 400, 3), (90, 10, 200), np.uint8), "PNG"))
    assert run(*command, cwd=tmp_path).out.startswith("1 done in ")
    for name, ground in (("p00.jpg", (10, 200, 90)), ("p00_v2.jpg", (90, 10, 200))):
        with Image.open(tmp_path / "out" / name) as image:
            assert np.abs(np.asarray(image)[0, 0] - np.array(ground)).max() <= 3
    (tmp_path / "wall.png").unlink()
    refused = run(*command, cwd=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "wall.png' does not exist; put the picture there" in refused.err
    assert len(refused.err.splitlines()) == 1


def test_all_failed_is_a_code_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    answer = run("process", "empty.png", "-o", "out", cwd=tmp_path)
    assert answer.code == 3
    assert answer.out.splitlines() == [
        f"failed  empty.png: {EMPTY}",
        "1 failed. Cut-outs: out",
        "Why each one failed, and what to do: out/_failed",
        JOURNAL,
    ]
    assert answer.err == ""


PASSED_OVER = "1 passed over: hidden, or other programs' own\n"
JOURNAL = "Journal and mattes: out/.mattingd, a hidden folder"


def test_nothing_to_do_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / ".DS_Store").touch()
    answer = run("process", "in", "-o", "out", cwd=tmp_path)
    assert (answer.code, answer.out, answer.err) == (
        0,
        f"{PASSED_OVER}There is no picture to process.\n{JOURNAL}\n",
        "",
    )


def test_files_and_folders_of_the_same_names_are_kept_apart(tmp_path: Path) -> None:
    for folder in ("a/in", "b/in", "c/in-2"):
        pictures(tmp_path / folder, 1)
    pictures(tmp_path / "c", 2)
    (tmp_path / "c" / "p00.jpg").write_bytes(hostile.encoded())
    (tmp_path / "c" / "link.png").symlink_to("in-2/p00.png")
    names = ["a/in", "b/in", "c/in-2", "c/p00.jpg", "c/p00.png", "c/link.png"]
    answer = run("process", *names, "-o", "out", "--quiet", cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    made = set(outputs(tmp_path / "out"))
    assert {name for name in made if not name.startswith("c/")} == {
        "in/p00.png",
        "in-2/p00.png",
        "in-2-2/p00.png",
    }
    assert made >= {"c/p00.png", "c/p00 (png).png"}, "the second in order also says its ending"


def test_an_interrupted_run_goes_on_by_the_same_command(tmp_path: Path, plan: Callable[..., str]) -> None:
    """Ctrl-C finishes what is in work; SIGKILL nothing. Either way every picture is done once in the end."""
    sources = pictures(tmp_path / "in", 40)
    command = ("process", "in", "-o", "out")
    with started(*command, cwd=tmp_path, MATTINGD_TEST_PLAN=plan(delay_ms=60)) as process:
        wait_until(lambda: made(tmp_path / "out") > 3, "some were done")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out.splitlines()[-1] == "The same command continues from here."
    assert " left in " in out
    assert err == ""
    before = made(tmp_path / "out")
    with started(*command, cwd=tmp_path, MATTINGD_TEST_PLAN=plan(delay_ms=60)) as process:
        wait_until(lambda: made(tmp_path / "out") > before, "more were done")
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    assert made(tmp_path / "out") < len(sources)
    answer = run("process", "in", "-o", "out", "--json", cwd=tmp_path)
    assert answer.code == 0
    assert answer.json["done"] + answer.json["before"] == len(sources)
    assert answer.json["before"] > 0
    assert set(outputs(tmp_path / "out")) == {path.name for path in sources}
    for path in (tmp_path / "out").glob("*.png"):
        with Image.open(path) as image:
            image.load()


def test_after_an_interrupted_run_another_one_gets_what_it_asks_for(
    tmp_path: Path, plan: Callable[..., str]
) -> None:
    sources = pictures(tmp_path / "in", 20)
    with started(
        "process", "in", "-o", "out", cwd=tmp_path, MATTINGD_TEST_PLAN=plan(delay_ms=200)
    ) as process:
        wait_until(lambda: made(tmp_path / "out") > 0, "some were done")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    before = made(tmp_path / "out")
    assert before < len(sources)
    one = run("process", sources[-1], "-o", "out", "--json", cwd=tmp_path)
    assert one.json["done"] + one.json["before"] == 1, "no others are done along with it"
    assert made(tmp_path / "out") <= before + 1
    other = run("process", "in", "-o", "out", "--preset", "id-photo", "--json", cwd=tmp_path)
    assert (other.code, other.json["done"]) == (0, len(sources))
    assert {path.stem for path in (tmp_path / "out").glob("*.jpg")} == {path.stem for path in sources}


def test_two_at_once_on_one_output_are_refused(tmp_path: Path, plan: Callable[..., str]) -> None:
    pictures(tmp_path / "in", 4)
    slow = plan(delay_ms=10_000)
    with started("process", "in", "-o", "out", cwd=tmp_path, MATTINGD_TEST_PLAN=slow) as first:
        wait_until((tmp_path / "out" / ".mattingd" / "checkpoint.db").exists, "the first one had begun")
        second = run("process", "in", "-o", "out", cwd=tmp_path)
    assert second.code == 75
    assert f"another mattingd (process {first.pid}) works with" in second.err


def test_an_output_that_cannot_be_written_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    """It would wait in a daemon; a person at a terminal is told."""
    pictures(tmp_path / "in", 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder is needed")
    pictures(tmp_path / "in" / "sub", 1)
    answer = run("process", "in", "-o", "out", cwd=tmp_path)
    assert answer.code == 1
    assert "stopped the cut-out 'sub/p00.png' cannot be written: Not a directory; a file has " in answer.out
    assert "3 done, 1 left in " in answer.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.png"], "gone.png: there is no such file or folder"),
        (["in", "gone"], "gone: there is no such file or folder"),
        (
            ["in/._shoe.png"],
            "in/._shoe.png: it is hidden: a program or the system keeps it for itself; rename it",
        ),
        (["in", "-o", "in/out"], "the output in/out is inside the input {0}/in: choose one outside of it"),
        (["in", "-o", "in"], "the output in is inside the input {0}/in: choose one outside of it"),
        (["in", "--preset", "prodct"], "--preset: no preset is called 'prodct'; known: "),
        (["in", "--quality", "101"], "--quality: must be a whole number from 1 to 100, not 101"),
        (["in", "--format", "jpeg"], "--format: jpeg needs a background, such as "),
        (["in", "--background", "redd"], "--background: must be a colour like "),
        (["in", "-o", "/proc/nowhere"], "output_dir: '/proc/nowhere' cannot be created in '/proc': "),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(
    say: Say, tmp_path: Path, arguments: list[str], said: str
) -> None:
    pictures(tmp_path / "in", 1)
    (tmp_path / "in" / "._shoe.png").touch()
    rest = [] if "-o" in arguments else ["-o", "out"]
    answer = say("process", *arguments, *rest)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"mattingd: {said.format(tmp_path)}")
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_names_that_are_no_text_are_printed_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(b"bad-\xff\x1b[31m.png")
    (tmp_path / name).touch()
    answer = run(
        "process", name, "-o", os.fsdecode(b"out-\xff"), cwd=tmp_path, PYTHONIOENCODING="utf-8:strict"
    )
    assert answer.code == 3
    assert f"failed  bad-\\xff\\x1b[31m.png: {EMPTY}" in answer.out
    assert "Cut-outs: out-" in answer.out
    assert "Traceback" not in answer.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a disk that is full")
def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    (picture,) = pictures(tmp_path / "in", 1)
    full = tmp_path / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", full], check=True)
    try:
        (full / "fills").write_bytes(bytes(60 << 10))
        with suppress(OSError):
            (full / "more").write_bytes(bytes(60 << 10))
        answer = run("process", picture, "-o", full, cwd=tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", full], check=True)
    assert answer.code == 74
    assert answer.err.startswith(f"mattingd: {full}/.mattingd/checkpoint.db: the disk that holds the journal")
    assert answer.err.count("\n") == 1


def test_any_setting_of_a_preset_can_be_changed(say: Say, tmp_path: Path) -> None:
    pictures(tmp_path / "in", 1)
    for wrong, said in (
        ("canvas", "--set takes NAME=VALUE, such as canvas=1:1, not 'canvas'"),
        ("canvas=big", "--set canvas: must be pixels like 1000x1000"),
        ("shadw=1", "--set shadw: there is no such setting"),
        ("shadow=[", "--set takes NAME=VALUE"),
    ):
        answer = say("process", "in", "-o", "out", "--set", wrong)
        assert answer.code == 2
        assert answer.err.startswith(f"mattingd: {said}")
