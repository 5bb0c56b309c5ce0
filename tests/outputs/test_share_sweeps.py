"""Sweeps by a child process, as they are done on shares."""

from dataclasses import replace
from pathlib import Path

import pytest
from faulty_share import FaultyShare, needs_fuse

from mattingd.core.retention import RetentionPolicy
from mattingd.domain.commands import RecordArtifacts
from mattingd.domain.events import Swept
from mattingd.shares.sweeping import ShareSweeper
from tests.outputs.shelf import Shelf, day, shelf


def test_a_sweep_right_after_another_finds_a_share_that_answers() -> None:
    """The child of the last sweep is killed as it ends, and takes a moment: that is no share that hangs."""
    with shelf(RetentionPolicy(days=7)) as world:
        sweeper = ShareSweeper(lambda: 60)
        world.make("one.jpg", "two.jpg")
        assert swept(sweeper, world, day(3)) == (None, 0)
        assert swept(sweeper, world, day(9)) == (None, 2)
        assert swept(sweeper, world, day(9)) == (None, 0)


@needs_fuse
@pytest.mark.timeout(200)
def test_one_call_without_an_answer_is_given_up_though_the_share_answers_others(tmp_path: Path) -> None:
    with FaultyShare(tmp_path / "share") as share, shelf(RetentionPolicy(days=7)) as world:
        world.out = share.path / "out"
        world.out.mkdir()
        world.settings = replace(world.settings, output_dir=world.out)
        (cut_out,) = world.make("one.jpg")
        share.tell(hang=("unlink",))
        refused, removed = swept(ShareSweeper(lambda: 3, file_seconds=3), world, day(9))
        assert (refused, removed) == ("the share gives no answer for more than 3 s", 0)
        share.tell()
        assert swept(ShareSweeper(lambda: 60), world, day(9))[0] is None
        assert not cut_out.exists()


def swept(sweeper: ShareSweeper, world: Shelf, today: str) -> tuple[str | None, int]:
    world.today = today

    def commit(told: Swept) -> None:
        world.journal.apply([RecordArtifacts(told.marks, told.home)])

    report = sweeper.sweep(
        world.settings,
        world.journal.path,
        today,
        confirmed=False,
        commit=commit,
        stopped=lambda: False,
    )
    return report.refused, report.removed
