"""Runs seeds and adds up what happened in them."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mattingd.core import lifecycle
from tests.simulation.simulator.weather import Tables
from tests.simulation.simulator.world import Bench, World


def memory_disk() -> str | None:
    """Where the journals of a simulation lie: in memory where there is such a file system."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


def run_seeds(seeds: Iterable[int], bench: Bench | None = None) -> Tables:
    """Let seeds happen, one after the other.

    Raises:
        SimulationError: at the first that breaks a promise.
    """
    tables = Tables()
    with tempfile.TemporaryDirectory(dir=memory_disk()) as folder, _counting_edges(tables):
        for seed in seeds:
            world = World(seed, Path(folder) / f"{seed}.db", bench or Bench())
            world.run()
            tables.add(world.weather.tables)
            for part in Path(folder).glob(f"{seed}.db*"):
                part.unlink()
    return tables


@contextmanager
def _counting_edges(tables: Tables) -> Iterator[None]:
    """Count every walk along an edge of the table; the walk itself stays as it is."""
    advance = lifecycle.advance

    def counted(state: lifecycle.State, trigger: lifecycle.Trigger) -> lifecycle.State:
        after = advance(state, trigger)
        tables.edges[state, trigger] += 1
        return after

    lifecycle.advance = counted
    try:
        yield
    finally:
        lifecycle.advance = advance
