"""Retention with a real journal on real files: what goes, what stays, and who says so."""

import gc
import os
import shlex
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from mattingd.core.retention import FEW, RetentionPolicy
from mattingd.domain.artifacts import ArtifactState
from mattingd.outputs.retention import PAGE
from tests.outputs.shelf import Shelf, audited, day, shelf, snapshot

WEEK = RetentionPolicy(days=7)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def test_empty_dated_folders_go_and_others_stay() -> None:
    with shelf(WEEK) as world:
        world.make("a/one.jpg", "two.jpg")
        (world.out / day(0) / "in" / "kept").mkdir()
        world.make("today.jpg", made=day(8))
        world.clean()
        left = sorted(path for path in snapshot(world.out) if not path.startswith("."))
        assert left == [
            day(0),
            f"{day(0)}/in",
            f"{day(0)}/in/kept",
            day(8),
            f"{day(8)}/in",
            f"{day(8)}/in/today.png",
        ]
        (world.out / day(0) / "in" / "kept").rmdir()
        world.clean(day(16))
        assert (world.out / day(0)).is_dir(), "emptied by somebody else: theirs to decide"
        assert not (world.out / day(8)).exists()
        assert world.mark.exists()


def test_reports_go_with_their_day_unless_somebody_wrote_in_them() -> None:
    with shelf(WEEK) as world:
        world.make("one.jpg")
        old, edited = world.report(f"{day(0)}-1")
        edited.write_text("with remarks of mine")
        taken, _ = world.report(f"{day(0)}-2")
        taken.unlink()
        kept = world.report(f"{day(5)}-1")
        assert (audited(world).reports, audited(world).reports_gone) == (4, 2)
        world.clean(day(8))
        assert not old.exists()
        assert edited.read_text() == "with remarks of mine"
        assert all(path.exists() for path in kept)
        assert (audited(world).reports, audited(world).reports_gone) == (2, 1)
        assert not world.plan(day(8)) or [line.verdict.action for line in world.plan(day(8))] == ["keep"]
        world.clean(day(13))
        assert not any(path.exists() for path in kept)


def test_the_age_of_what_came_late_counts_from_its_publication() -> None:
    with shelf(WEEK) as world:
        rows = world.admit(["late.jpg"])
        path = world.out / rows[0].outputs[0].place.path
        world.journal.close()
        world.today = day(30)
        world.open()
        (again,) = world.journal.live()
        assert again.job == rows[0].job
        world.publish([again])
        assert world.clean() == []
        assert path.exists(), "made today, although its dated folder is a month old"
        assert [line.verdict.action for line in world.clean(day(38))] == ["remove"]
        assert not path.exists()


def test_the_trash_gives_a_second_chance() -> None:
    with shelf(RetentionPolicy(days=7, trash_days=3)) as world:
        one, two, three = world.make("one.jpg", "two.jpg", "three.jpg")
        content = one.read_bytes()
        assert [line.verdict.action for line in world.clean(day(8))] == ["trash"] * 3
        trashed = [world.trash / path.relative_to(world.out) for path in (one, two, three)]
        assert [path.exists() for path in trashed] == [True] * 3
        assert trashed[0].read_bytes() == content
        assert world.clean(day(11)) == []
        one.parent.mkdir(parents=True)
        trashed[0].rename(one)
        trashed[1].write_bytes(b"edited in the trash")
        assert [(line.verdict.action, line.verdict.reason) for line in world.clean(day(12))] == [
            ("gone", "it was moved out of the trash"),
            ("keep", "it was changed"),
            ("remove", f"in the trash since {day(8)}"),
        ]
        assert one.read_bytes() == content, "what was taken back is theirs now"
        assert trashed[1].exists()
        assert not trashed[2].exists()
        assert [line.place for line in world.clean(day(400))] == [str(trashed[1].relative_to(world.out))]
        assert one.exists()
        result = audited(world)
        assert (result.expired, result.gaps) == (3, [])


def test_notes_go_by_their_own_days_if_they_are_still_ours() -> None:
    with shelf(RetentionPolicy(failed_days=3)) as world:
        plain, edited, removed = (world.fail(f"{name}.jpg", f"it is {name}") for name in ("a", "b", "c"))
        edited.write_text("done by hand, thanks")
        removed.unlink()
        world.make("done.jpg")
        assert world.clean(day(3)) == []
        assert [(line.verdict.action, line.verdict.reason) for line in world.clean(day(4))] == [
            ("remove", f"of {day(0)}, kept for 3 days"),
            ("keep", "it was changed"),
            ("gone", "someone else removed it"),
        ]
        assert not plain.exists()
        assert edited.read_text() == "done by hand, thanks"
        assert [line.verdict.action for line in world.clean(day(400))] == ["keep"], "cut-outs stay for ever"
        with world.ledger() as ledger:
            assert ledger.states() == {"failed": 3, "done": 1}


def test_archived_originals_go_by_their_own_days_and_only_if_they_are_the_ones() -> None:
    with shelf(RetentionPolicy(archived_days=30)) as world:
        plain, edited, taken = (world.store(f"{name}.jpg") for name in ("a", "b", "c"))
        world.today = day(20)
        young = world.store("later.jpg")
        edited.write_bytes(b"y")
        taken.unlink()
        foreign = plain.with_name("mine.jpg")
        foreign.write_bytes(b"x")
        assert world.clean(day(30)) == []
        away = world.root / "unmounted"
        world.archive.rename(away)
        world.archive.mkdir()
        sweep = world.sweep(day(31))
        assert list(sweep.lines()) == []
        assert str(sweep.report.refused).startswith(f"the archive {world.archive} is not the one")
        world.archive.rmdir()
        away.rename(world.archive)
        found = {line.kept.path.rpartition("/")[2]: line.verdict for line in world.clean(day(31))}
        assert found["a.jpg"].reason == f"of {day(0)}, kept for 30 days"
        assert (found["b.jpg"].action, found["b.jpg"].reason) == ("keep", "it was changed")
        assert found["c.jpg"].action == "gone"
        assert not plain.exists()
        assert young.exists()
        assert foreign.exists()
        assert len(list(world.out.rglob("*.png"))) == 4, "cut-outs stay for ever"
        assert "a.jpg" not in {line.kept.path.rpartition("/")[2] for line in world.clean(day(32))}


def test_too_many_at_once_go_only_when_somebody_says_so() -> None:
    with shelf(WEEK) as world:
        old = world.make(*(f"{number}.jpg" for number in range(FEW + 5)))
        new = world.make(*(f"new {number}.jpg" for number in range(10)), made=day(3650))
        sweep = world.sweep()
        assert len(list(sweep.lines())) == len(old), "they are shown all the same"
        assert sweep.report.refused is not None
        assert sweep.report.refused.startswith(f"{len(old)} of {len(old) + 10} cut-outs would go at once")
        assert world.clean() == []
        assert all(path.exists() for path in old)
        assert len(world.clean(confirmed=True)) == len(old)
        assert not any(path.exists() for path in old)
        assert all(path.exists() for path in new)


def test_a_file_that_cannot_be_removed_is_told_and_tried_again(tmp_path: Path) -> None:
    with shelf(RetentionPolicy(days=7, trash_days=1)) as world:
        (path,) = world.make("a.jpg")
        taken = world.trash / path.relative_to(world.out)
        taken.parent.mkdir(parents=True)
        taken.write_bytes(b"theirs")
        (line,) = world.clean(day(8))
        assert line.failed == "it cannot be removed: another file has its place in the trash"
        assert path.exists()
        assert taken.read_bytes() == b"theirs"
        with world.ledger() as ledger:
            assert ledger.remains() == {}
        taken.unlink()
        assert [line.failed for line in world.clean(day(8))] == [""]
        assert taken.exists()


# --- the output folder itself ---


def test_an_output_folder_that_is_away_is_left_alone() -> None:
    with shelf(WEEK) as world:
        (path,) = world.make("a.jpg")
        world.clean(day(1))
        world.out.rename(world.root / "unmounted")
        refused_because(world, "cannot be used: No such file or directory")
        world.out.mkdir()
        refused_because(world, "is not the one that was worked with: is its disk or share mounted?")
        world.out.rmdir()
        world.out.symlink_to(world.root / "unmounted")
        refused_because(world, "cannot be used: Not a directory")
        world.out.unlink()
        (world.root / "unmounted").rename(world.out)
        with world.ledger() as ledger:
            assert ledger.count_standing() == 1, "nothing was taken for lost meanwhile"
        assert [line.verdict.action for line in world.clean(day(100))] == ["remove"]
        assert not path.exists()


def test_before_anything_was_made_nothing_is_missed() -> None:
    with shelf(WEEK) as world:
        world.out.rmdir()
        sweep = world.sweep()
        assert list(sweep.lines()) == world.clean() == []
        assert sweep.report.refused is None


def refused_because(world: Shelf, why: str) -> None:
    sweep = world.sweep(day(100))
    assert list(sweep.lines()) == world.clean() == []
    assert sweep.report.refused is not None
    assert sweep.report.refused.startswith(f"the output folder {world.out} ")
    assert why in sweep.report.refused


def test_a_folder_without_its_mark_is_taken_when_somebody_says_so() -> None:
    with shelf(WEEK) as world:
        world.make("a.jpg")
        world.clean(day(1))
        world.mark.unlink()
        sweep = world.sweep(day(100))
        assert list(sweep.lines()) == []
        assert sweep.report.refused is not None
        subprocess.run(shlex.split(sweep.report.refused.rpartition("say so with: ")[2]), check=True)
        assert [line.verdict.action for line in world.clean()] == ["remove"]


def test_the_first_mark_is_set_only_where_our_work_lies() -> None:
    with shelf(WEEK) as world:
        (path,) = world.make("a.jpg")
        world.out.rename(world.root / "unmounted")
        world.out.mkdir()
        refused_because(world, "is not the one that was worked with")
        assert not world.mark.exists()
        world.out.rmdir()
        (world.root / "unmounted").rename(world.out)
        world.plan(day(100))
        assert not world.mark.exists(), "a plan leaves nothing behind"
        world.clean(day(100))
        assert world.mark.exists()
        assert not path.exists()


@needs_root
def test_another_disk_inside_is_never_entered() -> None:
    with shelf(WEEK) as world:
        one, two = world.make("a/one.jpg", "two.jpg")
        content = one.read_bytes()
        subprocess.run(["mount", "-t", "tmpfs", "mattingd-test", one.parent], check=True)
        try:
            one.write_bytes(content)
            assert [line.verdict.reason for line in world.clean(day(8))] == [
                "it cannot be read: Invalid cross-device link",
                f"of {day(0)}, kept for 7 days",
            ]
            assert one.read_bytes() == content
            assert not two.exists()
        finally:
            subprocess.run(["umount", "--lazy", one.parent], check=True)


# --- memory ---


def test_ten_thousand_files_take_no_more_memory_than_a_hundred() -> None:
    policy = RetentionPolicy(days=7, brake_percent=100)
    peaks = {}
    for count in (2 * PAGE, 10_000):
        with shelf(policy) as world:
            for number in range(0, count, 500):
                world.make(
                    *(f"{number // 100}/{each}.jpg" for each in range(number, min(number + 500, count)))
                )
            gc.collect()
            tracemalloc.start()
            done = sum(1 for _ in world.walk(day(400)))
            peaks[count] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert done == count
            assert [path.name for path in world.out.iterdir()] == [world.mark.name]
            with world.ledger() as ledger:
                assert ledger.remains() == {ArtifactState.EXPIRED: count}
    sys.stderr.write(f"\n  peak of a sweep: {peaks} bytes\n")
    assert peaks[10_000] < peaks[2 * PAGE] + 1_000_000
    assert peaks[10_000] < 4_000_000
