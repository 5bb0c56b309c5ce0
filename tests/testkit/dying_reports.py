"""The child that makes reports, killed as soon as it reads a picture whose name holds `deadly`."""

import os
import runpy
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from mattingd.reports import making
from mattingd.workers.previews import small

if TYPE_CHECKING:
    import numpy as np


def deadly(place: Path, side: int) -> "np.typing.NDArray[np.uint8]":
    """Read a small picture, or die."""
    if "deadly" in place.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return small(place, side)


making.small = deadly  # type: ignore[attr-defined]
runpy.run_module("mattingd.reports", run_name="__main__")
