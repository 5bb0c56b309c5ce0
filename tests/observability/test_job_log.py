"""What the log tells of pictures, drops, folders and processes."""

import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from because import why

from mattingd.domain import commands
from mattingd.domain.events import (
    ChoreDone,
    DropEnded,
    EngineDied,
    Faulted,
    Finished,
    FolderMoved,
    FolderTrouble,
    OutputTrouble,
    Tick,
    WorkerDied,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Chore, Fault, Models, Stamp
from mattingd.domain.reasons import Reason
from mattingd.system import clock
from tests.observability.log_lines import Event, admitted, ended, told, told_while


def test_a_picture_has_one_line_with_its_job_its_end_and_the_reason() -> None:
    lines = [
        json.loads(line)
        for line in told(
            admitted(7),
            admitted(8, b"sub/hat.png"),
            commands.Move(7, "reading", attempts=1),
            ended(8, "failed", "the file is empty; copy it again", b"sub/hat.png"),
            ended(7, "done"),
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
            "folder": "in",
            "why": "the file is empty; copy it again",
        },
        {"level": "info", "event": "done", "job": 7, "file": "in/shoe.jpg", "folder": "in"},
    ]


def test_what_many_pictures_wait_for_is_told_once() -> None:
    full = "the cut-out cannot be written: No space left on device"
    events: list[Event] = []
    for job in range(50):
        events += [
            admitted(job),
            Faulted(0, job, Fault.OUTPUT, why(full)),
            commands.Move(job, "held", why(full)),
        ]
    lines = [json.loads(line) for line in told(*events, commands.Move(3, "held", why("it may not be read")))]
    assert [(line["event"], line["job"], line["why"]) for line in lines] == [
        ("waiting", 0, full),
        ("waiting", 3, "it may not be read"),
    ]


def test_a_flood_of_equal_lines_becomes_one_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr("mattingd.system.clock.monotonic_ns", lambda: now[0])

    def flood(first: int, last: int) -> Iterator[Event]:
        for job in range(first, last):
            now[0] += clock.MILLISECOND
            yield from (admitted(job), ended(job, "failed", "the file is empty"))

    def minute() -> Iterator[Event]:
        now[0] += 60 * clock.SECOND
        yield Tick()

    def day() -> Iterator[Event]:
        yield from flood(1, 1001)
        yield from (admitted(5000, b"other.jpg"), ended(5000, "failed", "it is no picture", b"other.jpg"))
        yield from (admitted(5001), ended(5001, "done"))
        yield from minute()
        yield from flood(2000, 2010)
        yield from minute()
        yield from minute()
        yield from flood(3000, 3001)
        yield from flood(4000, 4030)
        yield commands.Stop(ExitCode.OK, "stopped")

    lines = [json.loads(line) for line in told_while(day())]
    empty = [line for line in lines if line.get("why") == "the file is empty"]
    assert [line["job"] for line in empty if "job" in line] == [*range(1, 21), 3000, *range(4000, 4019)]
    assert [(line["event"], line["level"], line["more"]) for line in empty if "more" in line] == [
        ("failed", "warning", 980),
        ("failed", "warning", 10),
        ("failed", "warning", 11),
    ]
    assert [line["event"] for line in lines if line not in empty] == ["failed", "done", "ended"]
    assert lines.index(empty[-1]) == len(lines) - 2, "what was only counted is told before the end"


def test_a_picture_that_waits_is_told_of_once_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr("mattingd.system.clock.monotonic_ns", lambda: now[0])

    def hour() -> Iterator[Event]:
        yield from (admitted(job, b"%d.jpg" % job) for job in (1, 2, 3))
        for _ in range(60):
            for job in (1, 2, 3):
                yield commands.Move(job, "held", why("the picture is cut off"))
            now[0] += 61 * clock.SECOND
            yield Tick()

    lines = [json.loads(line) for line in told_while(hour()) if "cut off" in line]
    assert [(line.get("file"), line.get("more")) for line in lines] == [("in/1.jpg", None), (None, 2)]


def test_the_line_about_a_dead_worker_names_its_picture() -> None:
    read = commands.Read(1, 7, 1, b"shoe.jpg", Stamp(1, 1), 1)
    died = WorkerDied(1, why("it was ended by SIGSEGV"))
    idle = WorkerDied(0, why("it was ended by SIGKILL"))
    lines = [json.loads(line) for line in told(admitted(7), read, died, idle)]
    assert [(line["who"], line.get("job"), line.get("file")) for line in lines] == [
        ("picture worker 1", 7, "in/shoe.jpg"),
        ("picture worker 0", None, None),
    ]
    (line, _) = told(admitted(7), read, died, idle, style="console")
    assert line.endswith("picture worker 1: in/shoe.jpg: it was ended by SIGSEGV\x1b[2m  #7\x1b[0m")


def test_the_end_of_an_output_fault_is_told() -> None:
    faulted = Faulted(0, 1, Fault.OUTPUT, why("full"))
    finished = Finished(0, 1, ())
    events = [json.loads(line)["event"] for line in told(finished, faulted, finished, finished)]
    assert events == ["writing"]


def test_a_child_that_dies_again_and_again_is_told_once() -> None:
    died = EngineDied(1, why("it ended with code 66"))
    lines = [json.loads(line) for line in told(*[died] * 5, WorkerDied(1, why("it was ended by SIGSEGV")))]
    assert [(line["event"], line["who"], line["why"]) for line in lines] == [
        ("restart", "the engine", "it ended with code 66"),
        ("restart", "picture worker 1", "it was ended by SIGSEGV"),
    ]


def test_the_end_of_a_drop_has_one_line_with_its_figures() -> None:
    (line,) = map(json.loads, told(DropEnded(1, "2026-11-20-2", (("done", 40), ("failed", 2)))))
    del line["timestamp"]
    assert line == {
        "level": "info", "event": "drop", "folder": "in", "drop": "2026-11-20-2", "done": 40, "failed": 2,
    }  # fmt: skip


def test_models_are_told_when_they_come_up_are_used_or_refused() -> None:
    """What comes up beside the engine in use, and fails, is no restart."""
    model = "ab" * 32
    lines = told(
        commands.StartEngine(2, model, beside=True),
        EngineDied(2, why("the self-test failed")),
        commands.RejectModel(model, "the self-test failed"),
        commands.StartEngine(3, "", beside=True),
        commands.UseModel(Models("", model)),
        commands.EndEngine(1, "another model took its place"),
        EngineDied(3, why("it was ended by SIGKILL")),
    )
    parsed = [json.loads(line) for line in lines]
    assert [(line["event"], line["why"]) for line in parsed] == [
        ("model", "weights abababababab are loaded beside those in use"),
        ("model", "weights abababababab are not used: the self-test failed"),
        ("model", "the weights of the package are loaded beside those in use"),
        ("model", "the weights of the package make the mattes from now on"),
        ("unloaded", "another model took its place"),
        ("restart", "it was ended by SIGKILL"),
    ]
    assert [line.get("sha256") for line in parsed[:4]] == [None, model, None, None]


def test_a_folder_that_cannot_be_moved_is_said_once_with_its_name_also_beside_another_one() -> None:
    orders: list[Event] = [
        commands.MoveFolder(0, job, 1, part, "", (), ()) for job, part in ((1, b"set"), (2, b"other set"))
    ]
    refused: list[Event] = [FolderMoved(0, job, "", "Permission denied") for job in (1, 2)]
    gone = [FolderMoved(0, 1, "2026-11-20/in/set"), FolderMoved(0, 2, "", "other.jpg has just come")]
    lines = told(*[*orders, *refused] * 3, *orders, *gone, orders[0], refused[0])
    assert [(each["event"], each["folder"]) for each in map(json.loads, lines)] == [
        ("folder stays", "in/set"),
        ("folder stays", "in/other set"),
        ("folder archived", "in/set"),
        ("folder stays", "in/other set"),
        ("folder stays", "in/set"),
    ]


def test_an_original_that_cannot_be_moved_is_named_though_its_picture_has_ended() -> None:
    order = commands.DoChore(0, 12, Chore.ORIGINAL, (), (), 1, b"shoe.jpg", Reason.of("gone"))
    refused = ChoreDone(0, 12, Chore.ORIGINAL, "Permission denied")
    lines = told(admitted(12), ended(12, "done"), order, refused, order, WorkerDied(0, why("it hangs")))
    (line, died) = [json.loads(line) for line in lines if json.loads(line)["event"] != "done"]
    assert (line["event"], line["file"], line["folder"]) == ("original stays", "in/shoe.jpg", "in")
    assert (died["event"], died["file"]) == ("restart", "in/shoe.jpg")


def test_a_folder_that_is_offline_is_said_once_for_each_reason_and_as_what_it_is() -> None:
    silent, failing = why("it gives no answer"), why("it cannot be read: Input/output error")
    kinds: list[tuple[Callable[[Reason | None], Event], str, str]] = [
        (partial(FolderTrouble, 1), "in", "the hot folder can be read again"),
        (OutputTrouble, "output", "the output folder can be used again"),
    ]
    for fact, folder, back in kinds:
        facts = [fact(said) for said in (silent, failing, silent, failing, silent, None, None, silent)]
        lines = [json.loads(line) for line in told(*facts)]
        assert [(line["event"], line["folder"], line["why"]) for line in lines] == [
            ("offline", folder, str(silent)),
            ("offline", folder, str(failing)),
            ("online", folder, back),
            ("offline", folder, str(silent)),
        ]
