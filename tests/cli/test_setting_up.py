"""`init` and `check`: a first configuration, and what is said of one."""

import os
from pathlib import Path

import hostile
import pytest

from tests.cli.conftest import Say


def test_init_makes_what_is_needed_and_says_what_comes_next(say: Say, tmp_path: Path) -> None:
    answer = say("init")
    assert (answer.code, answer.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "in", "out", "state"}
    assert answer.out.splitlines() == [
        "Wrote config.yaml.",
        f"drop pictures into    {tmp_path}/in",
        f"cut-outs appear below {tmp_path}/out",
        "Next: mattingd run --config config.yaml",
    ]
    assert say("check").code == 0


def test_init_takes_names_and_folders(say: Say, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.png").write_bytes(hostile.encoded("PNG"))
    answer = say("init", "etc/here.yaml", "--hot-folder", tmp_path / "drop", "--output-dir", "../done")
    assert answer.code == 0
    assert "1 files are there already; they are processed first." in answer.out
    assert say("check", "--config", "etc/here.yaml").code == 0
    assert (tmp_path / "done").is_dir()
    assert (tmp_path / "etc" / "state").is_dir()


def test_init_never_writes_over_a_file(say: Say, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine")
    answer = say("init")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "mattingd: config.yaml is there already; it was not changed. Name another one\n"
    assert (tmp_path / "config.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_init_refuses_what_check_would_refuse_and_writes_nothing(say: Say, tmp_path: Path) -> None:
    answer = say("init", "--output-dir", "in/out")
    assert answer.code == 78
    assert "output_dir: is inside hot_folders[0].path" in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["/proc/nowhere/config.yaml", "there/config.yaml"])
def test_init_says_where_it_cannot_write(say: Say, tmp_path: Path, place: str) -> None:
    (tmp_path / "there").write_text("a file")
    answer = say("init", place)
    assert answer.code == 2
    assert answer.err.startswith("mattingd: ")
    assert answer.err.count("\n") == 1


def test_check_says_what_lies_there_and_what_would_be_done(say: Say, tmp_path: Path) -> None:
    say("init")
    for name in ("a.png", "b.png", ".DS_Store", "sub/c.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(hostile.encoded("PNG"))
    answer = say("check")
    assert answer.code == 0
    first, _, heads, row = (line.rstrip() for line in answer.out.splitlines())
    assert first == f"config.yaml is sound; cut-outs go below {tmp_path}/out"
    assert heads.split() == ["hot", "folder", "preset", "format", "files", "to", "do"]
    assert row.split()[-7:] == ["transparent", "png", "3", "3", "about", "2", "s"]
    told = say("check", "--json").json
    assert told["problems"] == []
    assert told["folders"] == [
        {"path": f"{tmp_path}/in", "files": 3, "waiting": 3, "preset": "transparent", "format": "png"}
    ]


def test_check_names_every_mistake_also_as_json(say: Say, tmp_path: Path) -> None:
    say("init")
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + "watch: {settle: 1}\nstop_seconds: soon\n")
    answer = say("check")
    assert (answer.code, answer.out) == (78, "")
    lines = answer.err.splitlines()
    assert len(lines) == 2
    assert "watch.settle: there is no such setting" in lines[0]
    assert "stop_seconds: must be a number of at least 0, not 'soon'" in lines[1]
    told = say("check", "--json")
    assert told.code == 78
    assert [f"mattingd: {problem}" for problem in told.json["problems"]] == lines


def test_check_tries_the_folders_out(say: Say, tmp_path: Path) -> None:
    say("init")
    (tmp_path / "in").rmdir()
    answer = say("check")
    assert answer.code == say("check", "--json").code == 66
    assert "does not exist; create it, or mount its share" in answer.err
    assert len(say("check", "--json").json["problems"]) == 1


def test_without_a_configuration_it_says_where_it_looked(say: Say) -> None:
    for verb in ("check", "run", "status", "audit"):
        answer = say(verb)
        assert answer.code == 78
        assert answer.err.startswith("mattingd: there is no configuration in config.yaml, ")
        assert "`mattingd init` writes one" in answer.err


def test_the_configuration_may_come_from_the_environment(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("init", "deep/here.yaml")
    monkeypatch.setenv("MATTINGD_CONFIG", os.fspath(tmp_path / "deep" / "here.yaml"))
    assert say("check").code == 0


def test_before_the_first_run_there_is_little_to_tell(say: Say, tmp_path: Path) -> None:
    say("init")
    answer = say("status")
    assert answer.code == 0
    assert answer.out.startswith("state     not running, and never did here: `mattingd run` starts it\n")
    (tmp_path / "in" / "a.jpg").touch()
    assert say("status", "in/a.jpg").out == "not seen yet, and the daemon is not running\n"
    assert say("status", "out/a.png").code == 2
    audit = say("audit")
    assert audit.code == 74
    assert audit.err.endswith("there is no journal yet; `mattingd run` makes one\n")


def test_the_version_and_an_unknown_verb(say: Say) -> None:
    assert say("--version").out == "mattingd 0.1.0\n"
    answer = say("runn")
    assert answer.code == 2
    assert "No such command 'runn'" in answer.err
