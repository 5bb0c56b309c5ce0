"""The rate of a run."""

import pytest

from mattingd.domain import commands
from mattingd.domain.jobs import Stamp
from mattingd.observability.run_stats import RunStats
from tests.observability.log_lines import ended


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
