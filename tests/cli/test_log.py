"""What the log tells, and how it looks: facts in, lines out."""

import fcntl
import io
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest
import structlog
from because import why

from mattingd.domain import commands
from mattingd.domain.events import (
    Admitted,
    ChoreDone,
    DropEnded,
    EngineDied,
    EngineUp,
    Fact,
    Faulted,
    Finished,
    FolderMoved,
    FolderTrouble,
    JobEnded,
    OutputTrouble,
    StopAsked,
    Tick,
    WorkerDied,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Chore, Fault, JobRecord, Models, Recipe, Stamp
from mattingd.domain.reasons import Reason
from mattingd.observability import journald
from mattingd.observability.job_log import LogReporter, Names
from mattingd.observability.log_setup import configure_log
from mattingd.observability.log_writer import LINES_WAITING, Outlet, StreamWriter
from mattingd.observability.recent_lines import KEPT, RecentLines, masked
from mattingd.observability.run_stats import RunStats
from mattingd.system import clock


class Terminal(io.TextIOWrapper):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def row(job: int, path: bytes = b"shoe.jpg", state: str = "queued", reason: str = "") -> JobRecord:
    recipe = Recipe("hash")
    return JobRecord(
        job, 1, path, Stamp(1, 1), state, recipe, (), f"in/_failed/{job}.txt", reason=why(reason)
    )


Event = Fact | commands.Command


def told(*events: Event, style: str = "json", level: str = "info") -> list[str]:
    """The lines that a reporter writes of these facts and commands."""
    return told_while(iter(events), style, level)


def told_while(events: Iterable[Event], style: str = "json", level: str = "info") -> list[str]:
    """The same of events that come while a clock runs."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the stream closes it
    stream = (Terminal if style == "console" else io.TextIOWrapper)(file, encoding="utf-8")
    names = Names()
    names.folders = {1: "in"}
    log, outlet = configure_log(style, level, stream)
    reporter = LogReporter(names, log)
    for event in events:
        tell = reporter.command if type(event).__module__.startswith(commands.__name__) else reporter.fact
        tell(event)  # type: ignore[arg-type]
    outlet.close()
    file.seek(0)
    with stream:
        return stream.read().splitlines()


def admitted(job: int, path: bytes = b"shoe.jpg") -> Admitted:
    return Admitted(row(job, path))


def ended(job: int, state: str, reason: str = "", path: bytes = b"shoe.jpg") -> JobEnded:
    return JobEnded(job, 1, path, state, (why(reason),) if reason else ())


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


def test_the_end_of_a_drop_has_one_line_with_its_figures() -> None:
    (line,) = map(json.loads, told(DropEnded(1, "2026-11-20-2", (("done", 40), ("failed", 2)))))
    del line["timestamp"]
    assert line == {
        "level": "info", "event": "drop", "folder": "in", "drop": "2026-11-20-2", "done": 40, "failed": 2,
    }  # fmt: skip


def test_a_name_cannot_break_a_line_or_move_the_cursor() -> None:
    (line,) = told(ended(1, "done", path=b"a\nb\x1b[2J\xff\xc2\x85.jpg"), style="console")
    assert "in/a\\nb\\x1b[2J\\xff\\x85.jpg" in line


def test_names_in_json_are_readable_in_any_script() -> None:
    name = "对联 é.jpg".encode()
    (line,) = told(admitted(1, name), ended(1, "done", path=name))
    assert "对联 é.jpg" in line
    assert "in/对联 é.jpg" in json.loads(line).values()


def test_the_rate_counts_from_the_beginning_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr("mattingd.system.clock.monotonic_ns", lambda: now[0])
    second, tally = 1_000_000_000, RunStats()
    read = commands.Read(0, 1, 1, b"a", Stamp(1, 1), 1)
    for start in (0, 1000):  # the long pause between does not count
        now[0] = start * second
        tally.command(read)
        for _ in range(10):
            now[0] += second // 2
            tally.command(read)
            tally.fact(ended(1, "done"))
        assert tally.rate() == pytest.approx(2.0)
    now[0] += 120 * second
    assert tally.rate() == 0
    assert tally.finished == 20


# --- systemd's journal ---


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the place of journald's."""
    monkeypatch.setattr(journald, "SOCKET", tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "journal"))
        listener.settimeout(10)
        yield listener


def received(journal: socket.socket) -> dict[str, str]:
    """The fields of the next entry, in the datagram itself or in a sealed memory file beside it."""
    data, descriptors, _, _ = socket.recv_fds(journal, 1 << 20, 1)
    if descriptors:
        assert not data
        assert fcntl.fcntl(descriptors[0], fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
        data = os.pread(descriptors[0], os.fstat(descriptors[0]).st_size, 0)
        os.close(descriptors[0])
    entry = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:  # a value of more than one line comes with its length before it
            length = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + length], data[9 + length :]
        entry[name.decode()] = value.decode()
    return entry


def test_journald_gets_a_message_and_every_field(journal: socket.socket) -> None:
    told(
        admitted(8, b"sub/hat.png"),
        ended(8, "failed", "the file is empty; copy it again", b"sub/hat.png"),
        FolderTrouble(1, why("the hot folder cannot be read: Stale file handle")),
        commands.Stop(ExitCode.OK, "stopped"),
        style="journald",
    )
    assert received(journal) == {
        "MESSAGE": "failed in/sub/hat.png: the file is empty; copy it again",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "mattingd",
        "MATTINGD_EVENT": "failed",
        "MATTINGD_JOB": "8",
        "MATTINGD_FILE": "in/sub/hat.png",
        "MATTINGD_FOLDER": "in",
        "MATTINGD_WHY": "the file is empty; copy it again",
    }
    assert received(journal)["MESSAGE"] == "offline in: the hot folder cannot be read: Stale file handle"
    end = received(journal)
    assert (end["MESSAGE"], end["PRIORITY"], end["MATTINGD_CODE"]) == ("ended stopped, code 0", "6", "0")


def test_a_long_line_and_odd_characters_reach_journald_whole(journal: socket.socket) -> None:
    log, outlet = configure_log("journald", "info")
    long = "\n".join(f"{number} \udcff" for number in range(50_000))
    log.error("odd", why=long)
    entry = received(journal)
    assert entry["MATTINGD_WHY"] == long.replace("\udcff", "\\udcff")
    assert entry["MESSAGE"] == f"odd {entry['MATTINGD_WHY']}"
    assert entry["PRIORITY"] == "3"
    outlet.close()


def test_who_reads_the_stream_decides(
    journal: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log, outlet = configure_log("auto", "info", stream)
        log.info("hello")
        assert received(journal)["MESSAGE"] == "hello"
        outlet.close()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
        log, outlet = configure_log("auto", "info", stream)  # redirected since: not the journal any more
        log.info("hello")
        outlet.close()
        assert json.loads((tmp_path / "log").read_text())["event"] == "hello"


def test_nobody_waits_for_a_log_that_hangs() -> None:
    written: list[str] = []
    go_on = threading.Event()

    class Slow:
        def write(self, line: str) -> None:
            go_on.wait(30)
            written.append(line)

        def close(self) -> None:
            written.append("closed")

    outlet = Outlet(Slow(), lambda lost: f"{lost} lost")
    for number in range(LINES_WAITING + 50):
        outlet.send(str(number))
    go_on.set()
    while len(written) < LINES_WAITING:
        clock.sleep(0.01)
    outlet.send("the last")
    outlet.close()
    (lost,) = (line for line in written if line.endswith("lost"))
    assert int(lost.split()[0]) + len(written) - 3 == LINES_WAITING + 50
    assert written[-2:] == ["the last", "closed"]


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


def test_what_a_full_disk_loses_is_not_tried_again() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - no path of ours
        writer = StreamWriter(full)
        with pytest.raises(OSError, match="No space left"):
            writer.write("a line")
        writer.close()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("shop: https://hooks.slack.com/services/T0/B0/xyz", "shop: https://hooks.slack.com/***"),
        ("slack://T0/B0/xyz: refused", "slack://***: refused"),
        ("smtp://ann:hunter2@mail.example:25/x", "smtp://***"),
        ("https://ann:hunter2@proxy.example:8443/", "https://proxy.example:8443/***"),
        ("http://127.0.0.1:7860/?token=abc", "http://127.0.0.1:7860/***"),
        ("page http://127.0.0.1:7860/", "page http://127.0.0.1:7860/"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("env MATTINGD_SMTP_PASSWORD=hunter2, next", "env MATTINGD_SMTP_PASSWORD=***, next"),
        ("web.token_file: holds no token", "web.token_file: holds no token"),
        ("in/token shoe.jpg: the file is empty", "in/token shoe.jpg: the file is empty"),
    ],
)
def test_what_others_are_shown_of_the_log_holds_no_secret(line: str, kept: str) -> None:
    assert masked(line) == kept


def test_the_last_lines_are_kept_as_people_read_them_in_every_form() -> None:
    for style in ("console", "json"):
        recent = RecentLines()
        with tempfile.TemporaryFile("w+") as stream:
            log, outlet = configure_log(style, "info", stream, recent)
            log.warning("failed", job=12, file="in/shoe.jpg", folder="in", why="it is empty")
            log.debug("request")
            outlet.close()
        (line,) = recent.lines()
        assert (line.number, line.level, line.event) == (1, "warning", "failed")
        assert line.said == "in/shoe.jpg: it is empty #12"
    for number in range(KEPT + 5):
        recent.add({"level": "info", "event": "done"}, str(number))
    assert len(recent.lines()) == KEPT


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
