"""Drops in the journal: their ends, the files of their reports, and the notices that tell of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from because import why

from mattingd.domain.artifacts import ArtifactKind, ArtifactState, ArtifactUpdate
from mattingd.domain.commands import (
    EndDrop,
    FindSame,
    FinishReport,
    ForgetWaiting,
    Move,
    Prepare,
    RecordArtifacts,
    RecordNotice,
    RecordReceivers,
    RecordReportFiles,
    RememberWaiting,
    SendAgain,
    Vanished,
)
from mattingd.domain.drops import Channel, ReportFile
from mattingd.domain.earlier import Resting, Took
from mattingd.domain.events import EarlierFound
from mattingd.domain.jobs import StageTimes, Stamp
from mattingd.journal import JournalWriter, reading_jobs
from mattingd.journal.drops import DropReader, reading_drops
from mattingd.journal.job_pages import Week
from tests.journal.journals import RECIPE, admit_of, admitted, opened, publish

DROP = "2026-11-20-1"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalWriter]:
    """A journal whose only drop has ended: two pictures are done, one failed."""
    with opened(tmp_path / "checkpoint.db") as journal:
        journal.folder_id(b"/in")
        for number, sure in enumerate((0.9, 0.1)):
            row = admitted(journal, b"%d.jpg" % number)
            publish(journal, row)
            journal.apply([Move(row.job, "done", confidence=sure, chores=frozenset())])
        row = admitted(journal, b"bad.jpg")
        journal.apply([Move(row.job, "failed", why("it is cut off"), chores=frozenset())])
        journal.apply([EndDrop(1, DROP)])
        yield journal


@pytest.fixture
def reader(journal: JournalWriter) -> Iterator[DropReader]:
    with reading_drops(journal.path) as reader:
        yield reader


def test_how_a_folder_stands_names_what_failed_and_what_needs_a_look(reader: DropReader) -> None:
    standing = reader.standing_of(1)
    assert (standing.counts, standing.is_open, standing.live) == ({"done": 2, "failed": 1}, False, {})
    assert (standing.unsure, standing.unsure_paths) == (1, (b"1.jpg",))
    assert ([record.path for record in standing.failed], standing.all_failed) == ([b"bad.jpg"], 1)


def test_what_the_last_pictures_took_is_known_after_a_start(journal: JournalWriter) -> None:
    row = admitted(journal, b"timed.jpg", 77)
    publish(journal, row)
    journal.apply([Move(row.job, "done", spent=StageTimes(1, 2, 3, 4, 0.5), chores=frozenset())])
    assert journal.took() == [Took(b"timed.jpg", 77, 10.5)], "of others it is not known"


def test_a_file_that_is_held_back_is_known_until_it_is_admitted_or_gone(journal: JournalWriter) -> None:
    stamp = Stamp(5, 6, inode=7, strokes=8)
    journal.apply([RememberWaiting(1, name, stamp, 1.0) for name in (b"a", b"b", b"c", b"d")])
    journal.apply([RememberWaiting(1, b"a", stamp, 60.0)])
    seen = replace(stamp, inode=0)
    assert Resting(1, b"a", seen, 60.0) in journal.resting()
    journal.apply([ForgetWaiting(1, b"b"), admit_of(b"c"), Vanished(1, b"d")])
    assert journal.resting() == [Resting(1, b"a", seen, 60.0)]


def test_cut_outs_of_the_same_content_are_found_as_long_as_they_count(journal: JournalWriter) -> None:
    def found(content: bytes = b"content", recipe: str = RECIPE.hash, model: str = "m") -> str | None:
        (answer,) = journal.apply([FindSame(9, content, recipe, model)])
        assert isinstance(answer, EarlierFound)
        return None if answer.result is None else answer.result.place

    assert found() is None, "nobody knows which weights made them"
    row = admitted(journal, b"again.jpg")
    assert row.maybe_same
    assert not admitted(journal, b"other.jpg", 4321).maybe_same, "no other file has its size"
    outputs = tuple(replace(each, temp=".t", sha256=b"hash", size=4) for each in row.outputs)
    journal.apply([Move(row.job, "ready", sha256=b"content"), Prepare(row.job, outputs, "m", (why("soft"),))])
    journal.apply([Move(row.job, "prepared")])
    assert found() is None, "not published"
    journal.apply([Move(row.job, "done", chores=frozenset())])
    assert found() == row.outputs[0].place.path
    assert [found(content=b"other"), found(recipe="other"), found(model="other")] == [None] * 3
    gone = ArtifactUpdate(ArtifactKind.CUT_OUT, row.job, 0, ArtifactState.EXPIRED, "2026-11-21")
    journal.apply([RecordArtifacts((gone,))])
    assert found() is None, "retention removed it"


def test_receivers_that_need_a_notice_no_more_are_kept_with_it(
    journal: JournalWriter, reader: DropReader
) -> None:
    journal.apply([FinishReport(1, DROP, (Channel.MAIL,))])
    ((notice,), _) = reader.due_notices(Channel.MAIL, 1.0)
    assert notice.settled == ()
    journal.apply([RecordReceivers(notice.id, ("one",)), RecordReceivers(notice.id, ("one", "two"))])
    journal.apply([RecordNotice(notice.id, "dead", "no"), SendAgain()])
    ((notice,), _) = reader.due_notices(Channel.MAIL, 1.0)
    assert notice.settled == ("one", "two"), "also when a person has it sent once more"


def test_a_drop_is_due_until_its_report_is_done(journal: JournalWriter, reader: DropReader) -> None:
    (drop,) = reader.unreported()
    assert (drop.folder, drop.root, drop.name) == (1, b"/in", DROP)
    journal.apply([EndDrop(1, DROP)])
    assert len(reader.unreported()) == 1
    journal.apply([FinishReport(1, DROP, ())])
    assert reader.unreported() == []


def test_failures_come_first_and_then_what_the_model_is_least_sure_of(reader: DropReader) -> None:
    assert reader.counts_of(1, DROP) == {"done": 2, "failed": 1}
    assert reader.unsure_in(1, DROP) == 1
    assert [each.record.path for each in reader.unsure_first(1, DROP)] == [b"bad.jpg", b"1.jpg", b"0.jpg"]
    assert [each.record.path for each in reader.pictures_of(1, DROP)] == [b"0.jpg", b"1.jpg", b"bad.jpg"]


def test_a_notice_is_due_on_each_channel_once_whatever_is_repeated(
    journal: JournalWriter, reader: DropReader
) -> None:
    for _ in range(2):
        journal.apply([FinishReport(1, DROP, (Channel.WEBHOOK, Channel.MAIL))])
    (notice,), later = reader.due_notices(Channel.WEBHOOK, 5.0)
    assert (notice.drop, notice.attempts, later) == (DROP, 0, None)
    journal.apply([RecordNotice(notice.id, "due", "no answer", 60.0)])
    assert reader.due_notices(Channel.WEBHOOK, 5.0) == ([], 60.0)
    (again,), _ = reader.due_notices(Channel.WEBHOOK, 60.0)
    assert (again.id, again.attempts) == (notice.id, 1)
    journal.apply([RecordNotice(notice.id, "dead", "no answer")])
    assert reader.due_notices(Channel.WEBHOOK, 1e9) == ([], None)
    assert [(dead.id, error) for dead, error in reader.notices("dead")] == [(notice.id, "no answer")]
    (mail,), _ = reader.due_notices(Channel.MAIL, 5.0)
    assert mail.id != notice.id


def test_a_report_that_is_made_again_has_its_files_once(journal: JournalWriter, reader: DropReader) -> None:
    for content in (b"a", b"b"):
        journal.apply([RecordReportFiles(1, DROP, (ReportFile("r/x.json", 1, content),))])
    assert reader.report_files(1, DROP) == [ReportFile("r/x.json", 1, b"b")]


def test_by_week_it_is_counted_what_was_kept_touched_up_and_redone(journal: JournalWriter) -> None:
    for name, painted in ((b"0.jpg", b"strokes"), (b"1.jpg", b""), (b"1.jpg", b"")):
        with journal._transaction() as db:
            db.execute("UPDATE jobs SET current = 0 WHERE path = ?", (name,))
        row = admitted(journal, name, stamp=2)
        publish(journal, row)
        journal.apply([Move(row.job, "done", painted=painted, chores=frozenset())])
    with journal._transaction() as db:
        db.execute("UPDATE jobs SET ended_at = '2026-11-12T08:00:00+01:00' WHERE id <= 2")
    with reading_jobs(journal.path) as reader:
        assert reader.weeks(9) == [
            Week("2026-11-16", done=3, kept=2, touched_up=0, redone=1, failed=1),
            Week("2026-11-09", done=2, kept=0, touched_up=1, redone=1, failed=0),
        ]
        assert reader.weeks(9, b"/elsewhere") == []
        assert len(reader.weeks(1)) == 1
