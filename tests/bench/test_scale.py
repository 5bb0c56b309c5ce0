"""The simulation of many workers obeys what can be said without it."""

from dataclasses import replace
from pathlib import Path

from tests.bench.scale import Assumed, ceilings, simulate, stations, table

SCALE = Path(__file__).parents[2] / "docs" / "SCALE.md"


def test_few_workers_are_the_limit_and_many_are_not() -> None:
    few, many = simulate(1, 12, Assumed(), 400), simulate(1000, 12, Assumed())
    assert few.limit == "workers"
    assert abs(few.rate - 4 / (12 * 0.034)) < 0.5
    slowest = min(station.most for station in stations(1000, 12, Assumed()))
    assert 0.8 * slowest < many.rate <= slowest
    assert many.limit != "workers"


def test_with_everything_else_out_of_the_way_the_journal_is_the_limit() -> None:
    free = replace(
        Assumed(),
        daemon_cores=10_000,
        link_megabytes_per_second=1e9,
        dask_megabytes_per_second=1e9,
    )
    one = simulate(1000, 3, free, 20_000)
    assert one.limit == "scheduler and journal"
    assert one.rate <= 750


def test_the_document_has_the_table_of_this_simulation() -> None:
    document = SCALE.read_text(encoding="utf-8")
    assert "\n".join(table(Assumed())) in document
    assert "\n".join(ceilings(Assumed())) in document
