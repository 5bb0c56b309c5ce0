"""`mattingd train`: train the model further on a team's own pictures.

The result is offered only if it is better.
"""

import json
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from mattingd.cli.errors import CommandError
from mattingd.cli.format import console_for
from mattingd.domain.exit_codes import ExitCode
from mattingd.inference import registry
from mattingd.inference.backend import EngineError

if TYPE_CHECKING:
    from mattingd.training.tuning import Comparison

SHIPPED = "shipped"
NAME = "own"
"""The new weights are `OUT/own.safetensors`."""


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command line."""

    data: Path
    start: str
    out: Path
    minutes: float
    steps: int
    sides: tuple[int, ...]
    pixels: int | None
    json: bool


def train(order: Order) -> ExitCode:
    """Train, compare, and offer the result or say why not."""
    weights = _start(order.start)
    target = order.out / f"{NAME}.safetensors"
    if not order.data.is_dir():
        raise CommandError(f"{order.data}: no such folder")
    if target.exists():
        raise CommandError(f"{target} is there already: choose another --out, or move it away")
    from mattingd.training import tuning  # noqa: PLC0415 - torch is heavy
    from mattingd.training.export import publish  # noqa: PLC0415

    given = {"sides": order.sides or None, "pixels": order.pixels}
    wishes = {name: value for name, value in given.items() if value is not None}
    try:
        own = tuning.own_in(order.data)
        asked = tuning.Tuning(own, order.out, weights, order.steps, order.minutes, **wishes)  # type: ignore[arg-type]
        with redirect_stdout(sys.stderr):  # the training's own lines; the result comes at the end
            content, seen = tuning.tune(asked)
        reason = tuning.refusal(seen)
        if reason is None:
            publish(content, order.out, NAME)
    except (ValueError, ArithmeticError, EngineError) as error:
        raise CommandError(f"{order.data}: {error}") from error
    if order.json:
        told = {
            "offered": reason is None,
            "reason": reason,
            "weights": str(target) if reason is None else None,
        }
        print(json.dumps(told | {name: value._asdict() for name, value in seen._asdict().items()}))  # noqa: T201
    else:
        _tell(seen, reason, target)
    return ExitCode.OK if reason is None else ExitCode.FAILED


def _start(start: str) -> bytes:
    if start == SHIPPED:
        return registry.weights(registry.entry())
    try:
        return Path(start).read_bytes()
    except OSError as error:
        raise CommandError(
            f"--from {start}: {error.strerror}; name a file of weights, or say shipped"
        ) from error


def _tell(seen: "Comparison", reason: str | None, target: Path) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("", "IoU before", "after", "MAD before", "after"):
        table.add_column(head, justify="left" if not head else "right")
    rows = (
        ("pictures held out", seen.held_before, seen.held_after),
        ("fixed set", seen.fixed_before, seen.fixed_after),
    )
    for name, before, after in rows:
        table.add_row(name, *(f"{value:.4f}" for value in (before.iou, after.iou, before.mad, after.mad)))
    console = console_for()
    console.print(table)
    if reason is None:
        said = f"Better. To use it: mattingd models reload {target}"
    else:
        said = f"Not offered: {reason}. The model stays as it is."
    console.print(said, markup=False, soft_wrap=True)
