"""`make bench`: pictures a second of the scheduler, each stage and everything together; the page; codecs.

    python -m tests.bench.bench [--quick] [--pictures N]

Everything is measured in one run, so that the ratios hold whatever the machine. What the figures mean stands
in docs/BENCHMARKS.md.
"""

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mattingd.config import Settings
from mattingd.domain.presets import BUILT_IN
from mattingd.workers import capacity
from tests.bench import codecs, end_to_end, journal_alone, page_alone, photographs, stages_alone
from tests.bench.journal_alone import Journaled
from tests.bench.timing import Cost

WIDTH, HEIGHT = 4000, 3000
CREW = 64
"""Workers of the scheduler alone: as many facts in a turn as a large machine makes."""
WANTED_RATE = 1000
WANTED_SHARE = 0.85
"""Of what the cores could do if they did nothing but the stages' work."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pictures for what."""

    journal: int = 5000
    stages: int = 12
    whole: int = 200
    page: int = 200
    codecs: tuple[float, ...] = codecs.SIZES
    """Megapixels."""


QUICK = Plan(journal=500, stages=4, whole=16, page=8, codecs=(0.3,))


def main() -> None:
    """Measure and print."""
    plan = _plan()
    work = Path("build") / "bench"
    work.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(dir=work, prefix="run-") as folder:
        place = Path(folder)
        journal = _journal(place, plan.journal)
        stages = _stages(place, plan.stages)
        whole = _whole(place, plan.whole)
        page = page_alone.measure(place / "page", plan.page)
    console.print(table(journal, stages, whole))
    console.print(notes(journal, whole))
    console.print("", page_alone.table(page), sep="\n")
    coded = codecs.measure(plan.codecs)
    console.print("", codecs.table(coded), codecs.ratios(coded), sep="\n", soft_wrap=True)


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description="Measure mattingd on this machine.")
    parser.add_argument("--quick", action="store_true", help="a few pictures only")
    parser.add_argument("--pictures", type=int, help="how many go end to end")
    wishes = parser.parse_args()
    plan = QUICK if wishes.quick else Plan()
    if wishes.pictures is None:
        return plan
    return replace(plan, stages=min(plan.stages, wishes.pictures), whole=wishes.pictures)


def _journal(place: Path, pictures: int) -> Journaled:
    state = place / "state"
    state.mkdir()
    return journal_alone.measure(state, pictures, CREW)


def _stages(place: Path, pictures: int) -> dict[str, Cost]:
    source, target = place / "few", place / "few-out"
    photographs.make(source, pictures, WIDTH, HEIGHT)
    target.mkdir()
    return stages_alone.measure(source, target, threads())


def _whole(place: Path, pictures: int) -> Cost:
    source = place / "many"
    photographs.make(source, pictures, WIDTH, HEIGHT)
    return end_to_end.measure(source, place / "many-out")


def threads() -> int:
    """Threads of the engine on this machine."""
    nowhere = Path("/")
    return capacity.engine_threads(
        Settings(output_dir=nowhere, state_dir=nowhere, hot_folders=(), presets=BUILT_IN)
    )


def table(journal: Journaled, stages: dict[str, Cost], whole: Cost) -> Table:
    """Everything that was measured, with the two ratios that matter."""
    cores = capacity.cores()
    together = sum(cost.each for cost in stages.values())
    bound = cores / together
    shown = Table(
        title=f"{cores} cores, JPEGs of {WIDTH} x {HEIGHT} px", title_justify="left", show_edge=False
    )
    shown.add_column(no_wrap=True)
    for name in ("count", "per second", "CPU ms each", "ratio", "wanted"):
        shown.add_column(name, justify="right")
    _add(
        shown,
        "scheduler + journal",
        journal.cost,
        f"{journal.cost.rate / WANTED_RATE:.2f} x {WANTED_RATE}/s",
        "1",
    )
    shown.add_section()
    for stage, cost in stages.items():
        _add(shown, f"{stage} alone", cost, f"{cost.each / together:.0%} of CPU")
    shown.add_row("all stages, all cores", "", f"{bound:.2f}", f"{together * 1000:.1f}", "100% of CPU")
    shown.add_section()
    _add(shown, "end to end", whole, f"{whole.rate / bound:.2f} x all", f"{WANTED_SHARE}")
    return shown


def _add(shown: Table, name: str, cost: Cost, ratio: str, wanted: str = "") -> None:
    rate, each = f"{cost.rate:.2f}", f"{cost.each * 1000:.1f}"
    shown.add_row(name, str(cost.pictures), rate, each, ratio, wanted)


def notes(journal: Journaled, whole: Cost) -> str:
    """What the table has no column for."""
    busy = whole.cpu_seconds / whole.seconds / capacity.cores()
    return (
        f"Scheduler: {CREW} workers, {journal.turns} turns, {journal.commits} commits."
        f" End to end: {whole.seconds:.1f} s from start to end, cores {busy:.0%} busy."
    )


if __name__ == "__main__":
    main()
