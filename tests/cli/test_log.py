"""What the log tells, and how it looks: facts in, lines out."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from mattingd import commands, facts, values
from mattingd.cli.log_lines import configure_log
from mattingd.reports import LogReporter, Names, Tally
from mattingd.values import ExitCode, Fault


class Terminal(io.StringIO):
    """Text that says it goes to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def row(job: int, path: bytes = b"shoe.jpg", state: str = "queued", reason: str = "") -> values.Row:
    recipe = values.Recipe("hash")
    return values.Row(
        job, 1, path, values.Stamp(1, 1), state, recipe, (), f"in/_failed/{job}.txt", reason=reason
    )


def told(*events: facts.Fact | commands.Command, style: str = "json", level: str = "info") -> list[str]:
    """The lines that a reporter writes of these facts and commands."""
    stream = Terminal() if style == "console" else io.StringIO()
    names = Names()
    names.folders = {1: "in"}
    reporter = LogReporter(names, configure_log(style, level, stream))
    for event in events:
        tell = reporter.command if isinstance(event, commands.Move | commands.Stop) else reporter.fact
        tell(event)  # type: ignore[arg-type]
    return stream.getvalue().splitlines()


def admitted(job: int, path: bytes = b"shoe.jpg") -> facts.Admitted:
    return facts.Admitted(row(job, path))


def test_a_picture_has_one_line_with_its_job_its_end_and_the_reason() -> None:
    lines = [
        json.loads(line)
        for line in told(
            admitted(7),
            admitted(8, b"sub/hat.png"),
            commands.Move(7, "reading", attempts=1),
            commands.Move(8, "failed", "the file is empty; copy it again"),
            commands.Move(7, "done"),
            commands.Move(8, "failed", chores=frozenset()),
        )
    ]
    assert [list(line)[:3] for line in lines] == [["timestamp", "level", "event"]] * 2
    for line in lines:
        del line["timestamp"]
    assert lines == [
        {
            "level": "warning",
            "event": "failed",
            "job": 8,
            "file": "in/sub/hat.png",
            "why": "the file is empty; copy it again",
        },
        {"level": "info", "event": "done", "job": 7, "file": "in/shoe.jpg"},
    ]


def test_what_many_pictures_wait_for_is_told_once() -> None:
    full = "the cut-out cannot be written: No space left on device"
    events: list[facts.Fact | commands.Command] = []
    for job in range(50):
        events += [admitted(job), facts.Faulted(0, job, Fault.OUTPUT, full), commands.Move(job, "held", full)]
    lines = [json.loads(line) for line in told(*events, commands.Move(3, "held", "it may not be read"))]
    assert [(line["event"], line["job"], line["why"]) for line in lines] == [
        ("waiting", 0, full),
        ("waiting", 3, "it may not be read"),
    ]


def test_the_end_of_an_output_fault_is_told() -> None:
    faulted = facts.Faulted(0, 1, Fault.OUTPUT, "full")
    finished = facts.Finished(0, 1, ())
    events = [json.loads(line)["event"] for line in told(finished, faulted, finished, finished)]
    assert events == ["writing"]


def test_a_child_that_dies_again_and_again_is_told_once() -> None:
    died = facts.EngineDied("it ended with code 66")
    lines = [json.loads(line) for line in told(*[died] * 5, facts.WorkerDied(1, "it was ended by SIGSEGV"))]
    assert [(line["event"], line["who"], line["why"]) for line in lines] == [
        ("restart", "the engine", "it ended with code 66"),
        ("restart", "picture worker 1", "it was ended by SIGSEGV"),
    ]


def test_lines_for_people_are_aligned_and_calm() -> None:
    lines = told(
        facts.EngineUp("cpu", "numpy", "fp32", "cv-unet", "0" * 64, 4, 0.1, 1.23),
        admitted(12),
        commands.Move(12, "failed", "the file is empty; copy it again"),
        facts.FolderTrouble(1, "the hot folder cannot be read: Stale file handle"),
        facts.FolderTrouble(1, None),
        facts.StopAsked("SIGTERM"),
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
        "  stopping   SIGTERM: pictures in work are finished first",
        "  ended      stopped, code 0",
    ]
    assert "\x1b[31mfailed" in lines[1]


def test_no_colour_when_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(told(admitted(1), commands.Move(1, "done"), style="console"))


def test_the_level_is_kept() -> None:
    events = (admitted(1), commands.Move(1, "done"), admitted(2), commands.Move(2, "failed", "bad"))
    assert [json.loads(line)["event"] for line in told(*events, level="warning")] == ["failed"]


def test_a_name_cannot_break_a_line_or_move_the_cursor() -> None:
    (line,) = told(admitted(1, b"a\nb\x1b[2J\xff\xc2\x85.jpg"), commands.Move(1, "done"), style="console")
    assert "in/a\\nb\\x1b[2J\\xff\\x85.jpg" in line


def test_the_rate_counts_from_the_beginning_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr("mattingd.clock.monotonic_ns", lambda: now[0])
    second, tally = 1_000_000_000, Tally()
    read = commands.Read(0, 1, 1, b"a", values.Stamp(1, 1), 1)
    for start in (0, 1000):  # the long pause between does not count
        now[0] = start * second
        tally.command(read)
        for _ in range(10):
            now[0] += second // 2
            tally.command(read)
            tally.command(commands.Move(1, "done"))
        assert tally.rate() == pytest.approx(2.0)
    now[0] += 120 * second
    assert tally.rate() == 0
    assert tally.finished == 20
