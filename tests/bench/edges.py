"""`make bench-edges`: mattes brought to full size and the colour under them, beside what others do.

    python -m tests.bench.edges [--megapixels 12]

Scenes with known alpha, foreground and background (`soft_scenes`). One thread, CPU seconds, one run.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from pymatting import estimate_foreground_ml
from rich.console import Console
from rich.table import Table

from mattingd.imaging.matting import foreground, upsample
from mattingd.system import clock
from tests.bench import soft_scenes
from tests.bench.soft_scenes import KINDS

RUNS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured on one scene; errors are means over the band, alpha in 0..1, colours in 0..255."""

    kind: str
    linear: float
    ours: float
    refine_seconds: float
    resize_seconds: float
    naive: float
    estimated: float
    solver: float
    estimate_seconds: float
    solver_seconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure edges and their colours.")
    parser.add_argument("--megapixels", type=float, default=12.0)
    wishes = parser.parse_args()
    width = round((wishes.megapixels * 1e6 * 4 / 3) ** 0.5)
    cv2.setNumThreads(1)
    _only_one_thread()
    rows = [measure(kind, width, width * 3 // 4) for kind in KINDS]
    Console(highlight=False).print(table(rows, f"{width} x {width * 3 // 4} px, one thread"))


def _only_one_thread() -> None:
    """For pymatting, compiling included: that is not measured."""
    import numba  # noqa: PLC0415 - comes with pymatting

    numba.set_num_threads(1)
    estimate_foreground_ml(np.zeros((32, 32, 3)), np.full((32, 32), 0.5))


def measure(kind: str, width: int, height: int) -> Row:
    """One scene of `soft_scenes.KINDS`."""
    scene = soft_scenes.scene(kind, width, height)
    small = soft_scenes.network_view(scene.alpha)
    linear, _ = timed(lambda: cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    half = cv2.resize(scene.picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    _, resize_seconds = timed(lambda: cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR))
    ours, refine_seconds = timed(lambda: upsample.to_full_size(small, scene.picture))
    estimated, estimate_seconds = timed(lambda: foreground.estimate(scene.picture, scene.alpha))
    solved, solver_seconds = timed(
        lambda: estimate_foreground_ml(scene.picture / 255, scene.alpha / 255) * 255, runs=1
    )
    return Row(
        kind,
        soft_scenes.matte_error(linear, scene.alpha),
        soft_scenes.matte_error(ours / 255, scene.alpha),
        refine_seconds,
        resize_seconds,
        soft_scenes.colour_error(scene.picture, scene),
        soft_scenes.colour_error(estimated, scene),
        soft_scenes.colour_error(np.clip(solved, 0, 255), scene),
        estimate_seconds,
        solver_seconds,
    )


def timed(what: Callable[[], Any], runs: int = RUNS) -> tuple[Any, float]:
    """The result and the CPU seconds of the quickest of a few runs."""
    best, result = float("inf"), None
    for _ in range(runs):
        started = clock.cpu_ns()
        result = what()
        best = min(best, (clock.cpu_ns() - started) / clock.SECOND)
    return result, best


def table(rows: list[Row], title: str) -> Table:
    """Everything that was measured, with the ratios that matter."""
    shown = Table(title=title, title_justify="left", show_edge=False)
    shown.add_column("scene", no_wrap=True)
    for name in (
        "matte: linear", "ours", "ratio", "x resize",
        "colour: naive", "ours", "of naive", "pymatting", "ms", "of its time",
    ):  # fmt: skip
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            row.kind,
            f"{row.linear:.4f}",
            f"{row.ours:.4f}",
            f"{row.ours / row.linear:.2f}",
            f"{row.refine_seconds / row.resize_seconds:.1f}",
            f"{row.naive:.2f}",
            f"{row.estimated:.2f}",
            f"{row.estimated / row.naive:.0%}",
            f"{row.solver:.2f}",
            f"{row.estimate_seconds * 1000:.0f}",
            f"{row.estimate_seconds / row.solver_seconds:.0%}",
        )
    return shown


if __name__ == "__main__":
    main()
