"""How rough a seed is: chances of everything that can go wrong, and the tables of what did go wrong."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.simulation.simulator.clockwork import SECOND

FAULTS = (
    "event lost",
    "event doubled",
    "look comes late",
    "writer grows in steps",
    "writer sets the full size first",
    "writer stalls longer than the quiet period",
    "renamed into place",
    "away and back with the same stamp",
    "touched",
    "captioned",
    "copied",
    "same picture",
    "saved again",
    "changed during reading",
    "changed after reading",
    "vanished while resting",
    "vanished while queued",
    "vanished while read",
    "vanished while ready",
    "vanished while inferred",
    "vanished while finished",
    "vanished while prepared",
    "vanished while held",
    "vanished when done",
    "cut off, heals",
    "cut off for good",
    "busy, heals",
    "denied for good",
    "repaired",
    "no picture",
    "no file",
    "bad picture",
    "cut-out cannot be written",
    "no subject",
    "needs room",
    "larger than the budget",
    "poison for a worker",
    "poison for the engine",
    "poison at the second pass",
    "second pass",
    "known content",
    "no subject at the second pass",
    "worker lost between two passes",
    "weights exchanged between two passes",
    "picture that hangs",
    "worker hangs at its start",
    "engine hangs at its start",
    "worker dies by accident",
    "worker dies idle",
    "worker hangs by accident",
    "engine dies by accident",
    "engine dies idle",
    "engine hangs",
    "engine calculates wrongly",
    "engine unloaded",
    "several engines at work",
    "device taken out",
    "model exchanged",
    "model exchanged while the one before works",
    "model fails its self-test",
    "model dies when it is loaded",
    "model hangs when it is loaded",
    "engine out of memory",
    "engine without memory for one",
    "batch fails over a culprit",
    "output refused",
    "space low",
    "foreign file at the target",
    "temp file removed",
    "note cannot be written",
    "note cannot be removed",
    "temp cannot be swept",
    "original cannot be moved",
    "original: archive",
    "original: delete",
    "answer lost with a child",
    "crash before the commit",
    "crash in the transaction",
    "crash after the commit",
    "crash between two actions",
    "crash in an operation",
    "temp written, not prepared, at a crash",
    "renamed, not journaled, at a crash",
    "clean stop",
    "second stop",
    "journal opened again",
    "journal copied",
    "day changed",
    "strokes painted",
    "strokes taken away",
    "stored matte lost",
    "retried",
    "forgotten",
    "paused",
    "paused over a restart",
    "other settings",
    "folder left out for a while",
)
"""Every kind of fault; each must happen often enough over a run of the suite."""


@dataclass
class Tables:
    """What happened over many seeds."""

    faults: Counter[str] = field(default_factory=Counter)
    edges: Counter[tuple[str, str]] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tables") -> None:
        """Take another table into this one."""
        self.faults += other.faults
        self.edges += other.edges
        self.totals += other.totals


@dataclass
class Weather:
    """Chances, drawn once per seed. After `calm` nothing more goes wrong, pictures themselves apart."""

    rng: Random
    calm: int
    lost: float
    doubled: float
    late: float
    slow_look: float
    worker_dies: float
    worker_hangs: float
    starts_hang: float
    engine_dies: float
    engine_hangs: float
    memory: int | None
    """Pictures that fit into the engine's memory at once; None: all."""
    foreign: float
    removed: float
    chore_fails: float
    crashes: int
    stops: int
    tables: Tables = field(default_factory=Tables)

    @classmethod
    def drawn(cls, rng: Random, start: int) -> "Weather":
        """The weather of a seed."""

        def sometimes(share: float, chance: float) -> float:
            return chance if rng.random() < share else 0.0

        return cls(
            rng=rng,
            calm=start + rng.randrange(30, 80) * SECOND,
            lost=rng.choice((0.0, 0.2, 0.2, 1.0)),
            doubled=sometimes(0.5, 0.1),
            late=sometimes(0.5, 0.1),
            slow_look=sometimes(0.5, 0.1),
            worker_dies=sometimes(0.5, 0.01),
            worker_hangs=sometimes(0.2, 0.01),
            starts_hang=sometimes(0.3, 0.12),
            engine_dies=sometimes(0.4, 0.04),
            engine_hangs=sometimes(0.3, 0.03),
            memory=rng.choice((0, 1, 1, 2, 3)) if rng.random() < 0.5 else None,
            foreign=sometimes(0.3, 0.05),
            removed=sometimes(0.3, 0.05),
            chore_fails=sometimes(0.75, 0.5),
            crashes=rng.choice((0, 1, 1, 2, 3)),
            stops=rng.choice((0, 0, 1, 2)),
        )

    def storm(self, now: int) -> bool:
        """Whether things still go wrong."""
        return now < self.calm

    def strikes(self, chance: float, now: int) -> bool:
        """Whether something of this chance goes wrong now."""
        return chance > 0 and now < self.calm and self.rng.random() < chance

    def count(self, fault: str) -> None:
        """A fault happened."""
        self.tables.faults[fault] += 1
