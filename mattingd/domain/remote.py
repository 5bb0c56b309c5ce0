"""Messages between machines: a whole picture to a worker, and its result.

The bytes of the picture or of the files travel beside these messages. A worker learns no path on this
machine: the outputs are named so that the answer can be compared with the request.
"""

from dataclasses import dataclass

from mattingd.domain.jobs import Fault, Output, PictureLimits
from mattingd.domain.presets import OutputFormat, Preset
from mattingd.domain.reasons import NO_REASON, Reason, Reasons


@dataclass(frozen=True, slots=True)
class RemotePicture:
    """The task to make the cut-out of the picture beside this message."""

    task: int
    """A unique number, even when the same picture is sent again."""
    job: int
    sha256: bytes
    """SHA-256 of the picture's bytes."""
    presets: tuple[Preset, ...]
    """The presets, in the order of their outputs."""
    outputs: tuple[Output, ...]
    limits: PictureLimits
    weights: str
    """SHA-256 of the weights that must make the matte."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a cut-out; its bytes are beside the message, in the order of the files."""

    path: str
    """The name of its output in the task."""
    format: OutputFormat
    width: int
    height: int
    size: int
    """Size in bytes."""
    remark: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class RemoteMade:
    """A complete cut-out: its files are beside this message, followed by its matte for touch-ups."""

    task: int
    job: int
    sha256: bytes
    """SHA-256 of the picture that it was made of."""
    weights: str
    files: tuple[RemoteFile, ...]
    matte: int
    """Size of the matte's file in bytes."""
    seen: bytes
    """Fingerprint of the picture's pixels, which names the matte's file."""
    notes: Reasons
    confidence: float
    device: str
    precision: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RemoteFault:
    """There is no cut-out; the worker is fine."""

    task: int
    job: int
    fault: Fault
    reason: Reason


@dataclass(frozen=True, slots=True)
class RemoteSick:
    """There is no cut-out, and the worker's engine has failed for good."""

    task: int
    job: int
    reason: str


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What a worker reports of itself: it is used only if version and weights are ours."""

    name: str
    """Its name for users."""
    version: str
    schema: str
    """The version of the messages that it understands."""
    weights: str
    model: str
    device: str
    precision: str
    memory_bytes: int
    threads: int
    """Pictures that it processes at once."""
