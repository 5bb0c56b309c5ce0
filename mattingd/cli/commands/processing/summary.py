"""What `mattingd process` prints when it has ended: for people, or as JSON."""

import json
import os
from pathlib import Path

from rich.console import Console

from mattingd.cli.commands.process import STATE, Order
from mattingd.cli.commands.processing.carrying_out import Outcome, Unsure
from mattingd.cli.format import console_for
from mattingd.cli.progress import Progress
from mattingd.domain.exit_codes import ExitCode

SHOWN = 20
"""Failures that the summary names one by one; each has its note as well."""


def report(order: Order, outcome: Outcome) -> None:
    """Print the results."""
    progress, stop = outcome.progress, outcome.stop
    trouble = stop.reason if stop.code is not ExitCode.OK else ""
    if order.json:
        _print_json(order, progress, outcome.unsure, trouble)
        return
    console = console_for()
    look = [each.line() for each in outcome.unsure]
    for title, style, lines in (
        ("look", "yellow", look),
        ("failed", "red", [f"{end.name}: {end.reason}" for end in progress.failures]),
        ("ignored", "dim", [f"{end.name}: {end.reason}" for end in progress.ignored]),
    ):
        for line in lines[:SHOWN]:
            console.print(f"[{style}]{title:<8}[/]", end="")
            console.print(line, markup=False, soft_wrap=True)
        if len(lines) > SHOWN:
            console.print(f"[{style}]... and {len(lines) - SHOWN} more: {title}[/]")
    if trouble:
        console.print("[red]stopped [/]", end="")
        console.print(trouble, markup=False, soft_wrap=True)
    _summarize(console, order, progress)
    journal = f"Journal and mattes: {order.output / STATE}, a hidden folder"
    console.print(journal, style="dim", markup=False, soft_wrap=True)
    if outcome.interrupted or progress.left():
        console.print("The same command continues from here.")


def _summarize(console: Console, order: Order, progress: Progress) -> None:
    numbers = {
        "done": progress.done,
        "done before": progress.before,
        "failed": len(progress.failures),
        "ignored": len(progress.ignored),
        "left": progress.left(),
    }
    told = [f"{number} {word}" for word, number in numbers.items() if number]
    if progress.passed_over:
        console.print(f"{progress.passed_over} passed over: hidden, or other programs' own", style="dim")
    speed = f" in {progress.seconds:.1f} s ({progress.rate:.2f} pictures/s)" if progress.done else ""
    if not told:
        console.print("There is no picture to process.")
        return
    console.print(f"{', '.join(told)}{speed}. Cut-outs: {order.output}", markup=False, soft_wrap=True)
    if progress.failures:
        notes = os.path.commonpath([Path(end.note).parent for end in progress.failures])
        console.print(
            f"Why each one failed, and what to do: {order.output / notes}", markup=False, soft_wrap=True
        )


def _print_json(order: Order, progress: Progress, unsure: list[Unsure], trouble: str) -> None:
    told = {
        "done": progress.done,
        "before": progress.before,
        "failed": [
            {"file": end.name, "reason": end.reason, "note": str(order.output / end.note)}
            for end in progress.failures
        ],
        "needs_look": [
            {"file": each.name, "confidence": each.confidence, "reason": each.reason} for each in unsure
        ],
        "ignored": [{"file": end.name, "reason": end.reason} for end in progress.ignored],
        "left": progress.left(),
        "passed_over": progress.passed_over,
        "output": str(order.output),
        "state": str(order.output / STATE),
        "trouble": trouble,
    }
    print(json.dumps(told))  # noqa: T201
