"""What the scheduler's decisions depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mattingd.core.fleet.devices import ModelLimits
from mattingd.core.lifecycle import RetryPolicy
from mattingd.core.settling import SettlePolicy
from mattingd.domain.jobs import Geometry

SECOND = 1_000_000_000
MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that the scheduler's decisions depend on, frozen at start."""

    settle: SettlePolicy = field(default_factory=SettlePolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    workers: int = 2
    remote: int = 0
    """Maximum number of pictures at workers on other machines at once."""
    batch_cap: int | None = None
    """Maximum number of pictures in a batch; None for the best number found at warm-up."""
    batch_wait_ns: int = 50_000_000
    budget_pixels: int = 200 * MEGAPIXEL
    """Maximum number of pixels in work at once. A single larger picture still runs, alone."""
    picture_ns: int = 120 * SECOND
    """Time limit for one operation on one picture."""
    alone_pause_ns: int = 10 * SECOND
    """Wait per isolated crash before a picture is tried again: others come first."""
    shipped: str = ""
    """SHA-256 of the weights in the package."""
    installed: Mapping[str, str] = field(default_factory=dict)
    """The models that a preset may name, identified as in `Models`."""
    nets: Mapping[str, Geometry] = field(default_factory=dict)
    """The network geometry of each model."""
    devices: tuple[str, ...] = ("",)
    """The devices for engines, as in the configuration; one engine each."""
    loaded: ModelLimits = field(default_factory=ModelLimits)
    """Limits for the models that are loaded at once."""
    idle_ns: int | None = None
    """Idle time after which the engine's process is ended until it is needed again; None: never."""
    follow_moved: bool = True
    """Whether a picture that is moved within its hot folder keeps its cut-out."""
    reuse_same: bool = True
    """Whether the same picture again gets a copy of its earlier cut-outs."""
    drop_ns: int = 30 * SECOND
    """A drop closes this long after its last new file."""
    stop_ns: int = 60 * SECOND
    """Time limit for an ordinary end."""
