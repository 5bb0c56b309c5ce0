"""The scheduler and the real journal through thousands of simulated days; see docs/SIMULATION.md.

MATTINGD_SIM_SEED=17 python -m pytest tests/simulation      one seed again, with its last facts and commands
MATTINGD_SIM_SEEDS=20000 python -m pytest tests/simulation  more of them
"""

import os
import sys
from functools import cache
from pathlib import Path

import pytest

from mattingd.core.lifecycle import TABLE
from tests.simulation.simulator.suite import run_seeds
from tests.simulation.simulator.weather import FAULTS, Tables
from tests.simulation.simulator.world import Bench, World

SEEDS = int(os.environ.get("MATTINGD_SIM_SEEDS", "1000"))
CHUNK = 100
OFTEN = SEEDS // 20
"""So often each fault must happen, and each edge of the life be walked, in a whole run."""
ONE = os.environ.get("MATTINGD_SIM_SEED")
STARTS = range(int(ONE), int(ONE) + 1) if ONE else range(0, SEEDS, CHUNK)


@cache
def chunk(start: int) -> Tables:
    """Run some seeds, once."""
    return run_seeds(range(start, start + 1 if ONE else min(start + CHUNK, SEEDS)))


@pytest.mark.parametrize("start", STARTS)
def test_every_promise_is_kept(start: int) -> None:
    tables = chunk(start)
    assert tables.totals["seeds"] == (1 if ONE else min(CHUNK, SEEDS - start))
    assert tables.totals["files"] >= 20 * tables.totals["seeds"]
    assert tables.totals["innocents set aside"] == 0


@pytest.mark.skipif(ONE is not None or SEEDS < 1_000, reason="only a whole run meets everything often enough")
def test_every_fault_happened_and_every_edge_was_walked(capsys: pytest.CaptureFixture[str]) -> None:
    tables = Tables()
    for start in STARTS:
        tables.add(chunk(start))
    with capsys.disabled():
        sys.stderr.write(report(tables))  # a child of pytest-xdist has no other way to the terminal
    assert {fault: n for fault in FAULTS if (n := tables.faults[fault]) < OFTEN} == {}
    assert {edge: n for edge in TABLE if (n := tables.edges[edge]) < OFTEN} == {}
    assert set(tables.faults) == set(FAULTS)
    assert set(tables.edges) == set(TABLE)


def report(tables: Tables) -> str:
    """What happened, as tables for people."""
    totals = [f"{number:9,}  {what}" for what, number in sorted(tables.totals.items())]
    faults = [f"{tables.faults[fault]:9,}  {fault}" for fault in FAULTS]
    edges = [f"{tables.edges[edge]:9,}  {edge[0]} + {edge[1]} -> {after}" for edge, after in TABLE.items()]
    return "\n".join(["", "totals", *totals, "faults", *faults, "edges", *edges, ""])


@pytest.mark.parametrize("seed", [5, 117])
def test_a_seed_replays(tmp_path: Path, seed: int) -> None:
    """The same facts and commands, to the nanosecond: whatever fails can be looked at again."""
    logs = []
    for number in (1, 2):
        world = World(seed, tmp_path / f"{number}.db", Bench())
        world.run()
        logs.append([str(entry) for entry in world.log])
    assert logs[0] == logs[1]
