"""Facts from engines."""

from dataclasses import dataclass
from enum import StrEnum

from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Geometry
from mattingd.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class EngineUp:
    """An engine process has loaded, warmed up and passed its self-test."""

    engine: int
    device: str
    driver: str
    precision: str
    model: str
    model_sha256: str
    max_batch: int
    batch_seconds: float
    """Seconds for the largest batch, as measured at warm-up: deadlines are derived from it."""
    load_seconds: float = 0.0
    net: Geometry | None = None
    """Network geometry of this model; None: that of the bundled model."""
    remark: str = ""
    """What the user should know of the device, such as that the CPU is used instead of the GPU."""
    peers: tuple[str, ...] = ()
    """Other devices of its kind in this machine: `device: auto` uses them, too."""
    memory: int = 0
    """Bytes that the engine needs on its device after warming up; 0: not measured."""
    room: int = 0
    """Bytes of memory that its GPU has; 0: unknown, or the processor."""


@dataclass(frozen=True, slots=True)
class EngineDied:
    """An engine process ended, for whatever reason."""

    engine: int
    how: Reason
    fatal: ExitCode | None = None
    """It reported that a restart is useless: the daemon ends with this code."""
    wrong: bool = False
    """Its self-test failed: its last results were not used."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """The mattes of a batch, beside this fact; `empty` tells for each whether no subject was found."""

    batch: int
    empty: tuple[bool, ...]
    seconds: float = 0.0
    confidence: tuple[float, ...] = ()
    """Confidence in each, 0 to 1; empty from an engine that does not compute it."""


class InferFault(StrEnum):
    """Why a batch gave no mattes."""

    MEMORY = "memory"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class InferFailed:
    """A batch gave no mattes; the engine is still up."""

    batch: int
    fault: InferFault
    reason: str
