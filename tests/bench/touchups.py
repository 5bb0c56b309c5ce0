"""What two strokes do for a wrong region, on pictures whose mattes are known: the figures of docs/TOUCHUP.md.

    python -m tests.bench.touchups FOLDER [--pictures 20] [--sheet FILE]

The strokes are drawn from the truth, three pixels wide: one along the longest way through the region, one
from there into what is left of it.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from skimage.graph import MCP_Geometric

from mattingd.cli.commands.evaluate import engine_of
from mattingd.system import clock
from mattingd.touchup import solver
from mattingd.training.data.datasets import read_plane
from mattingd.training.scoring import Pair, cut, opened, pairs_in

UInt8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Point = tuple[int, int]

UNDECIDED = (8, 247)
"""Between these a mask of a set of trimaps states nothing."""
WRONG = 127
"""Levels between a matte and the truth from which on it is wrong."""
LEAST = 0.004
"""Share of a picture that a wrong region has at least."""
SLIVER = 7
"""Pixels: what is thinner is an edge in the wrong place, and no region."""
AROUND = 7
"""Pixels: the error is counted this far around a region, too."""
STROKE = 3
"""Pixels that a stroke is wide."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A matte with a wrong region, and the strokes for it."""

    name: str
    picture: UInt8
    matte: UInt8
    truth: UInt8
    region: Mask
    marks: UInt8


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of it."""

    case: Case
    matte: UInt8
    cut: float
    """Share of the region's error that is gone."""
    elsewhere: float
    """What the error outside grew by, in parts of that of the region."""
    beyond: int
    """Levels by which anything farther than the reach changed at most."""
    seconds: float


def case(name: str, picture: UInt8, matte: UInt8, truth: UInt8) -> Case | None:
    """A case, if there is a wrong region."""
    apart = np.abs(matte.astype(np.int16) - truth) > WRONG
    apart &= ~undecided(truth)
    regions = [largest(apart & (truth > WRONG)), largest(apart & (truth <= WRONG))]
    region = max(regions, key=np.count_nonzero)
    if np.count_nonzero(region) < LEAST * region.size:
        return None
    kind = solver.KEEP if region is regions[0] else solver.DROP
    return Case(name, picture, matte, truth, region, (strokes(region) * kind).astype(np.uint8))


def undecided(truth: UInt8) -> Mask:
    """Where the truth states nothing."""
    inside: Mask = (truth > UNDECIDED[0]) & (truth < UNDECIDED[1])
    return inside


def largest(mask: Mask) -> Mask:
    """The largest part of what is left without slivers."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (SLIVER, SLIVER))
    opened_up = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disk)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened_up)
    found: Mask = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else mask & False
    return found


def strokes(region: Mask) -> Mask:
    """Two strokes inside a region."""
    depth = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inner = depth >= min(2.0, depth.max() / 2)
    count, labels = cv2.connectedComponents(inner.astype(np.uint8))
    deepest = np.unravel_index(int(np.argmax(depth)), depth.shape)
    inner = labels == labels[deepest] if count > 1 else inner
    one_end = _farthest(inner, [(int(deepest[0]), int(deepest[1]))])
    other_end = _farthest(inner, [one_end])
    first = _way(inner, depth, one_end, other_end)
    aside = _farthest(inner, first)
    near = min(first, key=lambda at: (at[0] - aside[0]) ** 2 + (at[1] - aside[1]) ** 2)
    second = _way(inner, depth, aside, near)
    short = len(first) // 12
    painted = np.zeros(region.shape, np.uint8)
    for points in (first[short : len(first) - short] or first, second[: max(1, 2 * len(second) // 3)]):
        line = np.array([(x, y) for y, x in points], np.int32).reshape(-1, 1, 2)
        cv2.polylines(painted, [line], isClosed=False, color=1, thickness=STROKE)
    inside: Mask = (painted > 0) & inner
    return inside


def _farthest(mask: Mask, starts: list[Point]) -> Point:
    """The point of a mask that is farthest from some others, within it."""
    costs, _ = MCP_Geometric(np.where(mask, 1.0, -1.0)).find_costs(starts)
    row, column = np.unravel_index(int(np.argmax(np.where(np.isfinite(costs), costs, -1))), mask.shape)
    return int(row), int(column)


def _way(mask: Mask, depth: npt.NDArray[Any], start: Point, end: Point) -> list[Point]:
    """From one point to another through the middle of a mask."""
    middle = 1 + 30 * np.exp(-depth / max(depth.max() / 4, 1))
    search = MCP_Geometric(np.where(mask, middle, 1e5))
    search.find_costs([start], [end])
    return [(int(row), int(column)) for row, column in search.traceback(end)]


def touched(each: Case) -> Outcome:
    """Work the strokes in, and compare."""
    started = clock.cpu_ns()
    matte = solver.touch_up(each.matte, each.picture, each.marks)
    seconds = (clock.cpu_ns() - started) / clock.SECOND
    zone = cv2.dilate(each.region.astype(np.uint8), np.ones((AROUND, AROUND), np.uint8)) > 0
    counted = ~undecided(each.truth)
    before, after = ((np.abs(m.astype(np.int16) - each.truth) * counted) for m in (each.matte, matte))
    wrong = before[zone].sum()
    near = cv2.resize(solver.nearness(each.marks), matte.shape[::-1], interpolation=cv2.INTER_LINEAR)
    change = np.abs(matte.astype(np.int16) - each.matte)
    return Outcome(
        each,
        matte,
        float(1 - after[zone].sum() / wrong),
        float((after[~zone].sum() - before[~zone].sum()) / wrong),
        int(change[near >= 1].max(initial=0)),
        seconds,
    )


def worst_cases(folder: Path, pictures: int) -> list[Case]:
    """The pictures of a folder whose wrong regions are largest, the model's own mattes before them."""
    engine = engine_of("cv-unet")
    found = [each for pair in pairs_in(folder) if (each := _case_of(engine, pair))]
    return sorted(found, key=lambda each: -each.region.mean())[:pictures]


def _case_of(engine: Any, pair: Pair) -> Case | None:
    srgb = opened(pair.picture).srgb
    matte = np.rint(cut(engine, srgb)[0] * 255).astype(np.uint8)
    return case(f"{pair.group}/{pair.picture.stem}", srgb, matte, read_plane(pair.truth))


def sheet(outcomes: Iterable[Outcome], side: int = 300) -> UInt8:
    """Each in a row: the picture, the matte with the strokes, the matte after them, the truth."""
    rows = []
    for outcome in outcomes:
        each = outcome.case
        before = _on_magenta(each.picture, each.matte)
        before[each.marks == solver.KEEP] = (0, 255, 0)
        before[each.marks == solver.DROP] = (255, 90, 0)
        views = (each.picture, before, *(_on_magenta(each.picture, m) for m in (outcome.matte, each.truth)))
        rows.append(np.hstack([cv2.resize(view, (side, side)) for view in views]))
    return np.vstack(rows)


def _on_magenta(picture: UInt8, alpha: UInt8) -> UInt8:
    share = alpha[:, :, None] / 255
    mixed: UInt8 = (picture * share + np.array([255, 0, 255]) * (1 - share)).astype(np.uint8)
    return mixed


def table(outcomes: Iterable[Outcome]) -> Table:
    """Picture by picture, and the means."""
    shown = Table(title="two strokes for the largest wrong region", title_justify="left", show_edge=False)
    for name in ("picture", "stroke", "region", "error cut by", "elsewhere", "beyond the reach", "seconds"):
        shown.add_column(name, justify="left" if name in {"picture", "stroke"} else "right")
    outcomes = list(outcomes)
    for o in outcomes:
        kind = "keep" if (o.case.marks == solver.KEEP).any() else "drop"
        share, cut_by = f"{o.case.region.mean():.1%}", f"{o.cut:.0%}"
        shown.add_row(
            o.case.name, kind, share, cut_by, f"{o.elsewhere:+.2f}", str(o.beyond), f"{o.seconds:.2f}"
        )
    cuts = [o.cut for o in outcomes]
    mean, elsewhere = np.mean(cuts), np.mean([o.elsewhere for o in outcomes])
    shown.add_row("mean", "", "", f"{mean:.1%}", f"{elsewhere:+.2f}", "", "")
    shown.add_row("worst", "", "", f"{min(cuts):.1%}", "", str(max(o.beyond for o in outcomes)), "")
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what two strokes do for a wrong region.")
    parser.add_argument("folder", type=Path, help="pictures with masks beside them")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--sheet", type=Path, help="a PNG to write with all of them")
    wishes = parser.parse_args()
    cv2.setNumThreads(1)
    outcomes = [touched(each) for each in worst_cases(wishes.folder, wishes.pictures)]
    Console(highlight=False).print(table(outcomes))
    if wishes.sheet:
        wishes.sheet.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(wishes.sheet), sheet(outcomes)[:, :, ::-1])


if __name__ == "__main__":
    main()
