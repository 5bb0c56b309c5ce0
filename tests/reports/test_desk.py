"""Reports made by real children from a real journal: once, whatever is in the way."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from because import why
from PIL import Image
from structlog.testing import capture_logs

from mattingd.config import HotFolder, Settings
from mattingd.config.people_settings import Reports
from mattingd.core.retention import RetentionPolicy
from mattingd.domain.commands import EndDrop, Move, Write
from mattingd.domain.drops import Channel
from mattingd.domain.jobs import Folder
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason
from mattingd.journal.drops import reading_drops
from mattingd.reports import desk as desk_module
from mattingd.reports import making, sheet
from mattingd.reports.desk import PROGRAM, ReportDesk, order_for
from mattingd.runtime.refusal import RefusedError
from mattingd.system.filesystem import TEMP_PREFIX
from tests.daemon.harness.site import wait_until
from tests.journal.journals import RECIPE, admitted, opened, publish

DROP, DAY = "2026-11-20-1", "2026-11-20"
DYING = (sys.executable, str(Path(__file__).parent.parent / "testkit" / "dying_reports.py"))
Crash = Callable[[tuple[Write, ...]], None]


class World:
    """A journal with one ended drop of real pictures, and the folders they are in."""

    def __init__(self, root: Path, names: tuple[str, ...]) -> None:
        self.hot, self.out, self.reports = root / "in", root / "out", root / "out" / DAY / "in" / "_reports"
        self.hot.mkdir()
        self.journal = opened(root / "checkpoint.db")
        self.journal.folder_id(bytes(self.hot))
        for number, name in enumerate(names):
            row = admitted(self.journal, name.encode())
            if name.startswith("bad"):
                self.journal.apply([Move(row.job, "failed", why("it is cut off"), chores=frozenset())])
                continue
            publish(self.journal, row)
            self.journal.apply([Move(row.job, "done", confidence=0.9 - number / 10, chores=frozenset())])
            (output,) = row.outputs
            self._draw(self.hot / name, (200, 30 * number, 40))
            self._draw(self.out / output.place.path, (200, 30 * number, 40, 255))
        self.journal.apply([EndDrop(1, DROP)])
        self.settings = Settings(
            output_dir=self.out,
            state_dir=root,
            hot_folders=(),
            presets={},
            reports=Reports(sheet_pictures=50, zip=True),
        )

    def _draw(self, path: Path, colour: tuple[int, ...]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((40, 60, len(colour)), np.uint8)
        pixels[5:35, 10:50] = colour
        Image.fromarray(pixels).save(path)

    def folders(self) -> tuple[dict[int, HotFolder], dict[int, Folder]]:
        hot = HotFolder(
            path=self.hot, name="in", preset="own", recipe=Preset(), recipe_hash="as ever", existing="process"
        )
        return {1: hot}, {1: Folder(1, "in", RECIPE)}

    def new_desk(
        self, program: tuple[str, ...], crash: Crash, failed: Callable[[BaseException], None]
    ) -> ReportDesk:
        """A desk that does not work yet."""

        def record(*writes: Write) -> None:
            crash(writes)
            self.journal.apply(writes)

        return ReportDesk(
            self.journal.path,
            lambda: self.settings,
            self.folders,
            record,
            lambda _: (Channel.WEBHOOK,),
            failed,
            program,
        )

    @contextmanager
    def desk(self, program: tuple[str, ...] = PROGRAM, crash: Crash = lambda _: None) -> Iterator[ReportDesk]:
        """A desk at work; `crash` may refuse what it wants written."""
        wrong: list[BaseException] = []
        desk = self.new_desk(program, crash, wrong.append)
        desk.start()
        yield desk
        desk.close()
        desk.join(30)
        assert wrong == []

    def make(self, program: tuple[str, ...] = PROGRAM) -> None:
        """Have everything that is due made."""
        with self.desk(program):
            wait_until(lambda: not self.due(), "the report was made", 60)

    def due(self) -> bool:
        with reading_drops(self.journal.path) as journal:
            return bool(journal.unreported())

    def names(self) -> list[str]:
        return sorted(path.name for path in self.reports.iterdir())


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(*names: str) -> World:
        worlds.append(World(tmp_path, names))
        return worlds[-1]

    yield make
    for world in worlds:
        world.journal.close()


WHOLE = [f"{DROP}-sheet.jpg", f"{DROP}.csv", f"{DROP}.json", f"{DROP}.zip"]


def test_after_a_crash_when_its_files_had_their_names_a_report_is_not_made_twice(
    make_world: Callable[..., World],
) -> None:
    world = make_world("a.jpg", "bad.jpg")
    refused: list[str] = []

    def crash(writes: tuple[Write, ...]) -> None:
        if any(type(write).__name__ == "FinishReport" for write in writes) and not refused:
            refused.append("once")
            raise RefusedError("the daemon was killed here", "busy")

    with world.desk(crash=crash):
        wait_until(lambda: bool(refused), "the files had their names", 60)
    assert world.names() == WHOLE
    assert world.due()
    (world.reports / f"{TEMP_PREFIX}{world.journal.instance}-report-1-{DROP}.zip").write_bytes(b"half of it")
    world.make()
    assert world.names() == WHOLE
    with reading_drops(world.journal.path) as journal:
        assert sorted(Path(file.path).name for file in journal.all_report_files()) == WHOLE
        assert len(journal.due_notices(Channel.WEBHOOK, 1.0)[0]) == 1


def test_a_file_of_somebody_else_stays_and_a_picture_that_kills_costs_its_tile_alone(
    make_world: Callable[..., World],
) -> None:
    world = make_world("a.jpg", "deadly.jpg", "c.jpg")
    world.reports.mkdir()
    (world.reports / f"{DROP}.csv").write_text("mine")
    world.make(DYING)
    assert (world.reports / f"{DROP}.csv").read_text() == "mine"
    assert world.names() == sorted([*WHOLE, f"{DROP}_v2.csv"])
    told = json.loads((world.reports / f"{DROP}.json").read_text(encoding="utf-8"))
    assert [each["in"] for each in told["pictures"]] == ["a.jpg", "deadly.jpg", "c.jpg"]
    assert [each["preset"] for each in told["pictures"]] == ["own"] * 3
    page = np.asarray(Image.open(world.reports / f"{DROP}-sheet.jpg")).astype(int)
    middle = sheet.MARGIN + sheet.HEAD + sheet.TILE // 2
    places = [
        sheet.MARGIN + column * (sheet.CELL_WIDTH + sheet.BETWEEN) + sheet.TILE // 2 for column in range(3)
    ]
    # the least sure one first: c, deadly, a
    red = [bool(page[middle, place, 0] > 150 and page[middle, place, 2] < 90) for place in places]
    assert red == [True, False, True]


def test_links_lie_beside_the_cut_outs_also_where_reports_have_a_folder_for_each_hot_folder(
    make_world: Callable[..., World],
) -> None:
    world = make_world(*(f"{number}.jpg" for number in range(8)))
    world.settings = replace(
        world.settings, reports=Reports(tables=False, sheet_pictures=0, needs_a_look=True)
    )
    hot, _ = world.folders()
    core = {1: Folder(1, "in", RECIPE, layout="{date}/{path}", shares=True)}
    world.folders = lambda: (hot, core)  # type: ignore[method-assign]
    world.make()
    assert (world.out / DAY / "_Needs_a_look").is_dir()


def test_a_child_that_cannot_be_started_is_started_later(make_world: Callable[..., World]) -> None:
    world = make_world("a.jpg")
    with world.desk(("/nowhere/python",)) as desk:
        wait_until(lambda: bool(desk._tries), "it was tried", 60)
    assert world.due()


def test_a_zip_that_the_disk_has_no_room_for_is_not_begun(make_world: Callable[..., World]) -> None:
    world = make_world("a.jpg")
    world.settings = replace(world.settings, retention=RetentionPolicy(min_free_gb=1e9))
    with capture_logs() as log:
        world.make()
    assert world.names() == [name for name in WHOLE if not name.endswith(".zip")]
    (warning,) = [line["why"] for line in log if line["log_level"] == "warning"]
    assert "no ZIP" in warning


def test_the_maker_of_a_report_says_that_it_goes_on_and_leaves_nothing_when_it_fails(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world("a.jpg", "b.jpg")
    monkeypatch.setattr(making, "SAY_NS", 0)
    said: list[object] = []

    def say(told: dict[str, object]) -> None:
        said.append(told["at"])
        if len(said) == limit:
            raise OSError(28, "the disk is full")

    with reading_drops(world.journal.path) as journal:
        (drop,) = journal.unreported()
    hot, core = world.folders()
    order = order_for(drop, world.settings, world.journal.path, hot[1], core[1])
    limit = 0
    assert len(making.make(order, say)) == 4
    # lines of the table, pictures of the ZIP three times, two tiles, the page, a hash of each file
    assert said == [None] * 8 + [2, 1] + [None] * 5
    for path in world.reports.iterdir():
        path.unlink()
    limit = len(said) + 9
    with pytest.raises(OSError, match="full"):
        making.make(order, say)
    assert list(world.reports.iterdir()) == []


def test_the_sheet_says_what_failed_in_words_of_designers_and_what_to_do(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world("a.jpg")
    row = admitted(world.journal, b"set/huge.jpg")
    reason = Reason.of("too_many_pixels", width=9000, height=9000, megapixels=81, limit=50)
    world.journal.apply([Move(row.job, "failed", reason, chores=frozenset()), EndDrop(1, DROP)])
    drawn: list[sheet.Cell] = []
    draw = sheet.page

    def page(cells: list[sheet.Cell], *more: Any) -> Image.Image:
        drawn.extend(cells)
        return draw(cells, *more)

    monkeypatch.setattr(sheet, "page", page)
    with reading_drops(world.journal.path) as journal:
        (drop,) = journal.unreported()
    hot, core = world.folders()
    making.make(order_for(drop, world.settings, world.journal.path, hot[1], core[1]), lambda _: None)
    assert [cell.name for cell in drawn] == ["set/huge.jpg", "a.jpg"]
    assert "9000 x 9000 pixels" in drawn[0].reason
    assert "Save a smaller copy" in drawn[0].reason
    assert "`" not in drawn[0].reason, "settings are for others"


def test_a_long_reason_ends_where_its_cell_does() -> None:
    few = "What happened.\nDo this,\nor that."
    assert sheet._lines(few) == few.splitlines()
    for text in ("word " * 500, "字" * 1000):
        lines = sheet._lines(text)
        assert len(lines) == sheet.LINES
        assert lines[-1].endswith(" …")


def test_a_report_that_is_given_up_is_a_warning(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world("a.jpg")
    monkeypatch.setattr(desk_module, "PAUSES", (0.0,))
    with capture_logs() as log:
        world.make((sys.executable, "-S", "-c", ""))
    assert [line["event"] for line in log] == ["no report yet"] * 3 + ["report given up"]
    assert {line["log_level"] for line in log} == {"warning"}


HANGING = """
import json, pathlib, sys, time
order = json.loads(sys.stdin.readline())
with open("{orders}", "a") as file:
    print(json.dumps([order["skipped"], order["sources"], order["sheet"]]), file=file)
if order["sources"] and order["sheet"]:
    print(json.dumps({{"at": len(order["skipped"]) + 5}}), flush=True)
    {what}
print(json.dumps({{"files": []}}), flush=True)
sys.stdin.readline()
print(json.dumps({{"done": 0}}), flush=True)
"""


@pytest.mark.parametrize(
    ("what", "last"),
    [("time.sleep(600)", (2, False, 50)), ("sys.exit()", (desk_module.MOST_SKIPPED, True, 0))],
)
def test_sources_that_give_no_answer_cost_a_report_them_alone(
    make_world: Callable[..., World],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    what: str,
    last: tuple[int, bool, int],
) -> None:
    world = make_world("a.jpg")
    monkeypatch.setattr(desk_module, "SILENT_SECONDS", 0.7)
    program = HANGING.format(orders=tmp_path / "orders", what=what)
    world.make((sys.executable, "-S", "-c", program))
    orders = [json.loads(line) for line in (tmp_path / "orders").read_text().splitlines()]
    assert orders[:2] == [[[], True, 50], [[5], True, 50]]
    skipped, sources, pictures = orders[-1]
    assert (len(skipped), sources, pictures) == last
    assert len(orders) == last[0] + 1


def test_no_child_is_started_beside_one_that_cannot_be_ended(make_world: Callable[..., World]) -> None:
    world = make_world("a.jpg")
    desk = world.new_desk(PROGRAM, lambda _: None, lambda _: None)
    with subprocess.Popen(["sleep", "600"], text=True) as stuck:
        desk._stuck = stuck
        assert desk._all() == desk_module.PAUSES[0]
        assert not world.reports.exists()
        stuck.kill()
        stuck.wait()
        desk._all()
    assert world.names() == WHOLE


def test_without_its_marker_the_output_folder_gets_no_report(make_world: Callable[..., World]) -> None:
    world = make_world("a.jpg")
    with world.journal._transaction():
        world.journal._put_meta("home", bytes(world.out).hex())
    with world.desk() as desk:
        wait_until(lambda: bool(desk._tries), "it was tried", 60)
    assert world.due()
    assert not world.reports.exists()


def test_a_run_without_reports_makes_no_files_and_still_tells(make_world: Callable[..., World]) -> None:
    world = make_world("a.jpg")
    world.settings = replace(world.settings, reports=Reports(tables=False, sheet_pictures=0))
    world.make()
    assert not world.reports.exists()
    with reading_drops(world.journal.path) as journal:
        assert len(journal.due_notices(Channel.WEBHOOK, 1.0)[0]) == 1


def test_what_needs_a_look_is_linked_into_a_folder_of_its_own(make_world: Callable[..., World]) -> None:
    world = make_world(*(f"{number}.jpg" for number in range(8)), "set/8.jpg")
    world.settings = replace(
        world.settings, reports=Reports(tables=False, sheet_pictures=0, needs_a_look=True)
    )
    theirs = world.reports.parent / "_Needs_a_look" / "7.png"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    world.make()
    links = {str(path.relative_to(theirs.parent)) for path in theirs.parent.rglob("*") if path.is_file()}
    assert links == {"7.png", "7_v2.png", "set/8.png"}
    assert theirs.read_text() == "mine"
    with world.journal._transaction() as db:
        db.execute("UPDATE drops SET reported = 0")  # killed after the links had their names
    world.make()
    assert {str(path.relative_to(theirs.parent)) for path in theirs.parent.rglob("*.png")} == links
    assert list(world.reports.iterdir()) == []
    linked, made = theirs.parent / "set/8.png", world.reports.parent / "set/8.png"
    assert linked.samefile(made)
    with reading_drops(world.journal.path) as journal:
        assert len(list(journal.all_report_files())) == 2
