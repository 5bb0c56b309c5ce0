"""What a job's row keeps, on a real file: a restart finds what was written."""

from dataclasses import replace
from pathlib import Path

import pytest
from because import why
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.core import output_paths
from mattingd.domain.commands import (
    Approve,
    Forget,
    Move,
    NextVersion,
    Prepare,
    Vanished,
)
from mattingd.domain.events import VersionAssigned
from mattingd.domain.jobs import Chore, Look, StageTimes
from mattingd.journal import JournalWriter, reading
from tests.journal.journals import admitted, opened, places, publish


@settings(max_examples=30)
@given(
    attempts=st.integers(0, 9),
    isolated=st.booleans(),
    quarantine_candidate=st.booleans(),
    isolated_crashes=st.integers(0, 2),
    chores=st.frozensets(st.sampled_from(Chore)),
    reason=st.text(max_size=20),
)
def test_a_job_comes_back_as_it_was_left(
    tmp_path_factory: pytest.TempPathFactory,
    attempts: int,
    isolated: bool,  # noqa: FBT001
    quarantine_candidate: bool,  # noqa: FBT001
    isolated_crashes: int,
    chores: frozenset[Chore],
    reason: str,
) -> None:
    path = tmp_path_factory.mktemp("journal") / "checkpoint.db"
    with opened(path) as journal:
        journal.folder_id(b"/in")
        row = admitted(journal, b"shoe.jpg")
        outputs = tuple(replace(o, temp=".t", sha256=b"\0hash", size=7) for o in row.outputs)
        move = Move(
            row.job,
            "prepared",
            why(reason),
            attempts,
            isolated,
            quarantine_candidate,
            isolated_crashes,
            b"content",
            3,
            chores,
        )
        journal.apply([Prepare(row.job, outputs), move])
    with opened(path) as journal:
        (found,) = journal.live()
    assert found == replace(
        row,
        state="prepared",
        reason=why(reason),
        attempts=attempts,
        isolated=isolated,
        quarantine_candidate=quarantine_candidate,
        isolated_crashes=isolated_crashes,
        chores=chores,
        sha256=b"content",
        outputs=outputs,
    )


def test_what_made_a_cut_out_is_kept(path: Path) -> None:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        row = admitted(journal, b"shoe.jpg")
        journal.apply([Prepare(row.job, row.outputs, "ab" * 32, (), "cpu", "bf16"), Move(row.job, "done")])
    with reading(path) as ledger:
        (made,) = ledger.standing(row.job)
        assert (made.model, made.device, made.precision) == ("ab" * 32, "cpu", "bf16")


def test_what_each_stage_took_is_kept(path: Path) -> None:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        row = admitted(journal, b"shoe.jpg")
        for spent in (StageTimes(read=0.5), StageTimes(infer=2.0), StageTimes(publish=0.25)):
            journal.apply([Move(row.job, "held", spent=spent)])
    with reading(path) as ledger:
        assert [record.spent for record in ledger.all()] == [StageTimes(read=0.5, infer=2.0, publish=0.25)]


def test_the_confidence_in_a_matte_is_kept_and_can_be_asked_for(path: Path) -> None:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        for name, confidence in ((b"clear.jpg", 0.8), (b"hazy.jpg", 0.2), (b"none.jpg", None)):
            row = admitted(journal, name)
            journal.apply([Move(row.job, "matted", confidence=confidence), Move(row.job, "done")])
    with reading(path) as ledger:
        assert [record.confidence for record in ledger.all()] == [0.8, 0.2, None]
        endings, number = ledger.endings(9, below=0.3)
        assert ([ending.path for ending in endings], number) == ([b"hazy.jpg"], 1)
        assert [ending.confidence for ending in ledger.endings(9)[0]] == [0.8, 0.2, None]


def test_what_was_looked_at_is_ticked_off_until_there_is_a_newer_version(path: Path) -> None:
    def listed(*, approved: bool = False) -> list[bytes]:
        with reading(path) as ledger:
            return [ending.path for ending in ledger.endings(9, below=0.3, approved=approved)[0]]

    def made(journal: JournalWriter, name: bytes, stamp: int) -> None:
        row = admitted(journal, name, stamp)
        journal.apply([Move(row.job, "matted", confidence=0.1)])
        publish(journal, row, b"content %d" % stamp)

    with opened(path) as journal:
        journal.folder_id(b"/in")
        made(journal, b"a.jpg", 1)
        made(journal, b"b.jpg", 1)
        assert listed() == [b"a.jpg", b"b.jpg"]
        journal.apply([Approve(1, b"a.jpg", approved=True), Vanished(1, b"b.jpg")])
        assert (listed(), listed(approved=True)) == ([b"b.jpg"], [b"a.jpg"]), "also when its file is gone"
        journal.apply([Approve(1, b"a.jpg", approved=False)])
        assert listed() == [b"a.jpg", b"b.jpg"]
        journal.apply([Approve(1, b"a.jpg", approved=True)])
        again = admitted(journal, b"a.jpg", 2)
        assert listed() == [b"b.jpg"], "the one that was looked at is still the newest"
        journal.apply([Move(again.job, "unchanged")])
        assert (listed(), listed(approved=True)) == ([b"b.jpg"], [b"a.jpg"])
        made(journal, b"a.jpg", 3)
        assert (listed(), listed(approved=True)) == ([b"b.jpg", b"a.jpg"], [])
        assert journal.look_of(1, b"a.jpg") == Look(0.1, None)
        assert journal.look_of(1, b"never.jpg") is None
        journal.apply([Forget(1, b"b.jpg")])
        assert listed() == [b"a.jpg"]


def test_what_a_move_does_not_say_stays_as_it_was(journal: JournalWriter) -> None:
    row = admitted(journal, b"shoe.jpg")
    move = Move(row.job, "reading", why("so"), 4, True, True, 1, b"x", 2, frozenset({Chore.NOTE}))  # noqa: FBT003
    journal.apply([move])
    journal.apply([Move(row.job, "held")])
    (found,) = journal.live()
    assert (found.attempts, found.isolated, found.quarantine_candidate, found.isolated_crashes) == (
        4,
        True,
        True,
        1,
    )
    assert (found.chores, found.state, str(found.reason)) == (frozenset({Chore.NOTE}), "held", "")


def test_an_ended_job_lives_on_until_its_chores_are_done(journal: JournalWriter) -> None:
    row = admitted(journal, b"shoe.jpg")
    journal.apply(
        [Move(row.job, "failed", why("it is damaged"), chores=frozenset({Chore.NOTE, Chore.SWEEP}))]
    )
    assert journal.live()[0].chores == {Chore.NOTE, Chore.SWEEP}
    journal.apply([Move(row.job, "failed", why("it is damaged"), chores=frozenset())])
    assert journal.live() == []


def test_a_taken_place_gives_the_next_that_nobody_holds(journal: JournalWriter) -> None:
    admitted(journal, b"shoe_v2.jpg")
    row = admitted(journal, b"shoe.jpg")
    outputs = tuple(replace(o, temp=".t", sha256=b"hash", size=4) for o in row.outputs)
    (answer,) = journal.apply([Prepare(row.job, outputs), NextVersion(row.job, 0)])
    assert isinstance(answer, VersionAssigned)
    assert answer.output == replace(outputs[0], place=output_paths.place("2026-11-20/in/shoe", 3, ".png"))
    assert journal.live()[1].outputs == (answer.output,)
    assert places(admitted(journal, b"shoe.png")) == ["shoe.png"], "the place it left is free"
