"""How lines look: for people, and as JSON."""

import json

import pytest
from because import why

from mattingd.domain import commands
from mattingd.domain.events import (
    EngineUp,
    FolderTrouble,
    StopAsked,
)
from mattingd.domain.exit_codes import ExitCode
from tests.observability.log_lines import admitted, ended, told


def test_lines_for_people_are_aligned_and_calm() -> None:
    lines = told(
        EngineUp(1, "cpu", "numpy", "fp32", "cv-unet", "0" * 64, 4, 0.1, 1.23),
        admitted(12),
        ended(12, "failed", "the file is empty; copy it again"),
        FolderTrouble(1, why("the hot folder cannot be read: Stale file handle")),
        FolderTrouble(1, None),
        StopAsked("SIGTERM"),
        admitted(13, b"a.jpg"),
        commands.AnnounceShutdown((13, 14), 60.0),
        commands.Stop(ExitCode.OK, "stopped"),
        style="console",
    )
    plain = [line.translate({27: None}) for line in lines]
    for code in ("[0m", "[2m", "[31m", "[32m", "[33m"):
        plain = [line.replace(code, "") for line in plain]
    assert {line[2] + line[5] for line in plain} == {"::"}
    assert [line[8:] for line in plain] == [
        "  ready      model cv-unet, device cpu, driver numpy, precision fp32, batch 4, seconds 1.2",
        "  failed     in/shoe.jpg: the file is empty; copy it again  #12",
        "  offline    in: the hot folder cannot be read: Stale file handle",
        "  online     in: the hot folder can be read again",
        "  stopping   SIGTERM: 2 pictures in work are finished first, for 60 s at most: in/a.jpg and 1 more",
        "  ended      stopped, code 0",
    ]
    assert "\x1b[31mfailed" in lines[1]


def test_no_colour_when_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(told(admitted(1), ended(1, "done"), style="console"))


def test_the_level_is_kept() -> None:
    events = (admitted(1), ended(1, "done"), admitted(2), ended(2, "failed", "bad"))
    assert [json.loads(line)["event"] for line in told(*events, level="warning")] == ["failed"]


def test_a_name_cannot_break_a_line_or_move_the_cursor() -> None:
    (line,) = told(ended(1, "done", path=b"a\nb\x1b[2J\xff\xc2\x85.jpg"), style="console")
    assert "in/a\\nb\\x1b[2J\\xff\\x85.jpg" in line


def test_names_in_json_are_readable_in_any_script() -> None:
    name = "对联 é.jpg".encode()
    (line,) = told(admitted(1, name), ended(1, "done", path=name))
    assert "对联 é.jpg" in line
    assert "in/对联 é.jpg" in json.loads(line).values()
