"""The vocabulary that all rooms share: what happened, what to do, and the values both speak of.

Everything here is frozen data. Facts go to the conductor, commands come from it; pixel arrays never stand in
either (they travel beside them, keyed by job). Paths of source files are bytes relative to their hot folder,
since a file name on Linux is bytes; paths of outputs are text relative to the output root, made safe already.
Times are integer nanoseconds of the monotonic clock unless a name says ``wall``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from annotated_types import Ge, Le

# --- values -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a look at a file saw. Two equal stamps, a quiet period apart, are what *settled* means."""

    size: int
    mtime_ns: int
    inode: int = 0
    device: int = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture is brought to the network: its own upright size and the network's, in pixels."""

    width: int
    height: int
    net_width: int
    net_height: int

    @property
    def shape(self) -> tuple[int, int]:
        """Network (height, width): pictures of one shape can share a batch."""
        return self.net_height, self.net_width

    @property
    def pixels(self) -> int:
        """Pixels of the full-size picture, the currency of the memory budget."""
        return self.width * self.height


OutputFormat = Literal["png", "webp", "tiff", "jpeg"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A finishing recipe: what becomes of a matte and in which form the cut-out is written."""

    threshold: Annotated[int, Ge(0), Le(254)] = 0
    """Alpha below this (of 255) becomes 0."""
    threshold_mode: Literal["soft", "hard"] = "soft"
    """`soft` stretches what is left over the whole range, `hard` leaves a step."""
    erode: Annotated[float, Ge(0), Le(50)] = 0
    """Take this many pixels off the edge, for a picture with a long side of 1024; scaled with the picture."""
    feather: Annotated[float, Ge(0), Le(50)] = 0
    """Soften the edge by this many pixels, scaled like `erode`."""
    background: str | None = None
    """`#rrggbb` to stand behind the subject; nothing for transparent."""
    format: OutputFormat = "png"
    """`png`, `webp`, `tiff` or `jpeg`; `jpeg` needs a background."""
    quality: Annotated[int, Ge(1), Le(100)] = 92
    """For `jpeg` and `webp`, 1 to 100; `webp` at 100 is lossless."""
    on_empty: Literal["fail", "publish"] = "fail"
    """When no subject is found: report the picture as failed, or publish the empty cut-out all the same."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What a picture may weigh before anything is decoded."""

    max_megapixels: Annotated[float, Ge(0.1)] = 120.0
    """Larger pictures fail with a clear note."""
    max_megabytes: Annotated[float, Ge(0.1)] = 1024.0
    """Larger files fail with a clear note."""
