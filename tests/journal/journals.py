"""Journals for tests: a real file, real placing rules, files admitted and published."""

from dataclasses import replace
from pathlib import Path

from because import why

from mattingd.core import output_paths
from mattingd.domain.commands import Admit, Move, Prepare
from mattingd.domain.events import Admitted
from mattingd.domain.jobs import Folder, JobRecord, PreviousResult, Recipe, Stamp
from mattingd.domain.presets import Preset
from mattingd.journal import JournalWriter, PlacingRules

RULES = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
RECIPE = Recipe("as ever", Preset(feather=1.5))


def opened(path: Path) -> JournalWriter:
    return JournalWriter(path, RULES, lambda: "2026-11-20T12:00:00+01:00")


def admit_of(name: bytes, stamp: int = 1, *, ignored: str | None = None, recipe: Recipe = RECIPE) -> Admit:
    folder = Folder(1, "in", recipe)
    wish = output_paths.naming(folder, name, "2026-11-20", "2026-11-20-1")
    return Admit(
        1, name, Stamp(stamp, stamp), recipe, wish, "2026-11-20-1", 0, why(ignored) if ignored else None
    )


def admitted(journal: JournalWriter, name: bytes, stamp: int = 1) -> JobRecord:
    (answer,) = journal.apply([admit_of(name, stamp)])
    assert isinstance(answer, Admitted)
    return answer.row


def publish(journal: JournalWriter, row: JobRecord, content: bytes = b"content") -> None:
    outputs = tuple(replace(o, temp=".t", sha256=b"hash", size=4) for o in row.outputs)
    journal.apply([Move(row.job, "ready", sha256=content), Prepare(row.job, outputs)])
    journal.apply([Move(row.job, "prepared")])
    journal.apply([Move(row.job, "done", chores=frozenset())])


def places(row: JobRecord) -> list[str]:
    return [output.place.path.removeprefix("2026-11-20/in/") for output in row.outputs]


def made_of(last: PreviousResult | None) -> PreviousResult:
    """Without its outputs."""
    assert last is not None
    return replace(last, outputs=())
