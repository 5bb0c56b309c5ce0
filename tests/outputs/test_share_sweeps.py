"""Sweeps by a child process, as they are done on shares."""

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
