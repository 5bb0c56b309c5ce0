"""Commands for picture workers and engines: start, configure, send batches, end."""

from dataclasses import dataclass
from enum import StrEnum

from mattingd.domain.artifacts import NO_PERMISSIONS, Permissions
from mattingd.domain.jobs import Geometry, PictureLimits
from mattingd.domain.reasons import Reason
from mattingd.words import Language


class Sent(StrEnum):
    """Why a batch was sent without waiting for more pictures."""

    FULL = "full"
    """It was full."""
    WAITED = "waited"
    """Its oldest picture had waited long enough."""
    LAST = "last"
    """No other picture was on its way."""
    ALONE = "alone"
    """Its picture is isolated: it follows a crash or a failed batch."""


@dataclass(frozen=True, slots=True)
class Infer:
    """Run a batch; the executor has the network inputs of these jobs."""

    batch: int
    jobs: tuple[int, ...]
    shape: tuple[int, int]
    engine: int
    sent: Sent = Sent.FULL


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start or restart a picture worker."""

    worker: int


@dataclass(frozen=True, slots=True)
class StartRemote:
    """Start the process that talks to the remote workers or, if it runs, send it the weights in use."""

    sha256: str
    """SHA-256 of the weights that every remote worker must have."""


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """The configuration of the process that talks to the remote workers."""

    scheduler: str
    """Address of the scheduler, such as `tls://host:8786`."""
    ca: str | None
    cert: str | None
    key: str | None
    """Files of the certificate authority, our certificate and our key."""
    first: int
    """The number of the first slot; the others follow."""
    places: int
    sha256: str
    """SHA-256 of the weights in use."""
    picture_seconds: float
    """The scheduler's time limit for one operation."""
    bench: "WorkerConfig"


@dataclass(frozen=True, slots=True)
class KillWorker:
    """Kill a picture worker at once; `WorkerDied` follows with the reason."""

    worker: int
    why: Reason


@dataclass(frozen=True, slots=True)
class TrimMemory:
    """Have an idle picture worker return its free memory to the system."""

    worker: int


@dataclass(frozen=True, slots=True)
class StartEngine:
    """Start an engine process with a number of its own."""

    engine: int
    model: str
    """The model, as in `Models`."""
    cpu: bool = False
    """Whether to use the CPU, whatever is configured."""
    beside: bool = False
    """Whether another model is in use: then this one may not move to the CPU for lack of memory."""
    device: str = ""
    """The device, as in the configuration; "" for the first one there."""
    place: int = 0
    """Index of that device in the configuration."""
    others: bool = False
    """Whether other devices work: then this one may not move to the CPU either."""


@dataclass(frozen=True, slots=True)
class KillEngine:
    """Kill an engine process at once; `EngineDied` follows with the reason."""

    engine: int
    why: Reason


@dataclass(frozen=True, slots=True)
class EndEngine:
    """End an engine process that is not needed any more; no fact follows."""

    engine: int
    why: str


@dataclass(frozen=True, slots=True)
class TakeOutDevice:
    """Send no more pictures to a device; the others go on."""

    device: str
    why: str


@dataclass(frozen=True, slots=True)
class RejectModel:
    """Refuse a requested model; the requester is told."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The configuration of a picture worker."""

    worker: int
    roots: dict[int, bytes]
    """The path of each hot folder, by number."""
    output_root: str
    instance: str
    """Distinguishes our temp files from those of another daemon."""
    limits: PictureLimits
    net: Geometry
    """Network geometry of the model in use."""
    memory: int | None = None
    """Memory in bytes for pictures; None: unlimited."""
    archive_root: str | None = None
    """Archive of originals, if any are archived."""
    state_dir: str = ""
    """Folder for background pictures."""
    mattes_root: str | None = None
    """Folder for stored mattes, if they are stored."""
    marked: bool = False
    """Whether the output folder has our marker: then nothing may be written where the marker is missing."""
    language: Language = "en"
    """Language of error notes."""
    permissions: Permissions = NO_PERMISSIONS
    """Owner and mode of cut-outs, error notes and their folders."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The configuration of an engine process."""

    engine: int
    """Its number, for its messages."""
    model: str
    device: str
    precision: str
    threads: int | None
    require_gpu: bool = False
    """Whether to have no engine rather than one on the CPU."""
    memory_gb: float | None = None
    """Maximum share of the GPU's memory."""
    weights: str | None = None
    """File with other weights than those of the package."""
    provider: str = "auto"
    """The execution provider of ONNX Runtime."""
    cache: str | None = None
    """Where TensorRT keeps its engines."""
    fall_back: bool = True
    """Whether to use the CPU when the GPU has no memory for a single picture."""
    kept: str | None = None
    """File with the choices of `precision: auto`."""
