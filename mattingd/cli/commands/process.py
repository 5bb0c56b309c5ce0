"""`mattingd process`: run the daemon's pipeline once over given pictures, journal beside the output."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from mattingd.cli.commands.processing.sources import Sources, names_of, sources
from mattingd.cli.errors import CommandError
from mattingd.cli.format import console_for
from mattingd.cli.progress import Progress
from mattingd.config import Engine, HotFolder, Limits, Settings, Watch, kept_backgrounds, problems_on_disk
from mattingd.config.recipes import Recipes, recipes_of
from mattingd.config.schema import AlsoEntry, FolderEntry
from mattingd.config.yaml_source import read
from mattingd.core.lifecycle import RetryPolicy
from mattingd.domain.commands import Stop
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.domain.presets import BUILT_IN, DEFAULT, HASHED_MODEL, Preset
from mattingd.inference import kept_choices
from mattingd.journal import reading
from mattingd.observability.job_log import Names
from mattingd.runtime.composition import Mode, compose
from mattingd.runtime.daemon import Daemon
from mattingd.runtime.signals import on_signals
from mattingd.workers.supervisor import Programs

STATE = ".mattingd"
"""Where, in the output folder, a run keeps its journal: the same command again goes on with it."""
SHOWN = 20
"""Failures that the summary names one by one; each has its note as well."""


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command line."""

    paths: tuple[Path, ...]
    output: Path
    preset: str = DEFAULT
    background: str | None = None
    format: str | None = None
    quality: int | None = None
    settings: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    device: str = "auto"
    workers: int | None = None
    quiet: bool = False
    json: bool = False
    presets: Mapping[str, Preset] = field(default_factory=lambda: BUILT_IN)
    """Changed settings by name."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """A cut-out that needs checking: its picture's name, the confidence in it (0 to 1), and its remarks."""

    name: str
    confidence: float
    reason: str

    def line(self) -> str:
        """Return the line for the summary; a confidence of 0 does not come from the model and is left out."""
        sure = f", confidence {self.confidence:.2f}" if self.confidence > 0 else ""
        return f"{self.name}: needs a look{sure}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run."""

    progress: Progress
    stop: Stop
    unsure: list[Unsure]
    """The cut-outs that need checking."""
    interrupted: bool


def process(order: Order) -> ExitCode:
    """Cut out the pictures; the exit code says whether all, some or none could be processed."""
    outcome = run(order)
    report(order, outcome.progress, outcome.stop, outcome.unsure, interrupted=outcome.interrupted)
    return exit_code(outcome.progress, outcome.stop, interrupted=outcome.interrupted)


def run(order: Order) -> Outcome:
    """Cut out the pictures, printing only the progress.

    Raises:
        CommandError: it cannot be started.
    """
    wanted = sources(order.paths, order.output)
    settings = settings_for(order, wanted.roots)
    if problems := problems_on_disk(settings) or kept_backgrounds(settings):
        raise CommandError(problems[0])
    names = Names()
    progress = Progress(names, console_for(error=True), shown=not (order.quiet or order.json))
    programs = Programs(kept=kept_choices.of_user())
    daemon = compose(settings, mode=Mode(once=True, only=wanted.only, programs=programs))
    daemon.report_to(progress)
    names.folders = {number: folder.name for number, folder in daemon.in_use.folders.items()}
    for number, folder in daemon.in_use.folders.items():
        daemon.journal.ask_again(number, folder.recipe_hash)
    progress.watch(daemon, before=_done_before(daemon, wanted))
    on_signals(daemon.stop)
    with progress:
        stop = daemon.run()
    return Outcome(progress, stop, _doubtful(daemon, names, wanted), daemon.scheduler.snapshot().stopping)


def settings_for(order: Order, roots: tuple[Path, ...]) -> Settings:
    """Return the settings of a run that scans once, does not wait, and mirrors the input's folders.

    Raises:
        CommandError: an option is invalid.
    """
    recipes = _recipes(order)
    output = Path(os.path.realpath(order.output))
    return Settings(
        output_dir=output,
        state_dir=output / STATE,
        hot_folders=tuple(
            HotFolder(
                path=root,
                name=name,
                preset=order.preset,
                recipe=recipes.first,
                recipe_hash=recipes.hash(HASHED_MODEL),
                also=recipes.also,
                existing="process",
            )
            for root, name in names_of(roots)
        ),
        presets=order.presets,
        layout="{path}" if len(roots) == 1 else "{folder}/{path}",
        watch=Watch(settle_seconds=0, truncated_minutes=0, rescan_seconds=3600),
        engine=Engine(device=order.device),
        limits=Limits(workers=order.workers or "auto"),
        retry=RetryPolicy(first_seconds=0.5, cap_seconds=2, give_up_minutes=0),
    )


def _recipes(order: Order) -> Recipes:
    """Return the preset with the changes of the command line, and the presets of further outputs.

    Raises:
        CommandError: a change is invalid.
    """
    wishes = {"background": order.background, "format": order.format, "quality": order.quality}
    changes: dict[str, object] = dict(map(_setting, order.settings))
    changes |= {name: value for name, value in wishes.items() if value is not None}
    also = tuple(map(AlsoEntry, dict.fromkeys(order.also)))
    entry = FolderEntry(".", preset=order.preset, settings=changes, also=also)
    recipes, problems = recipes_of(entry, order.presets, (), Path())
    if problems:
        options = {name: f"--{name.replace('_', '-')}" for name in (*wishes, "preset", "also")}
        told = ((problem, "also" if "also" in problem.loc else str(problem.loc[-1])) for problem in problems)
        raise CommandError(*(f"{options.get(name, f'--set {name}')}: {each.text}" for each, name in told))
    return recipes


def _setting(text: str) -> tuple[str, object]:
    """Parse a setting as `NAME=VALUE`, with the value written as in a configuration file."""
    name, equals, value = text.partition("=")
    source = read(f"value: {value}" if not value.startswith("#") else f"value: '{value}'")
    if not equals or source.problems or not isinstance(source.value, dict):
        raise CommandError(f"--set takes NAME=VALUE, such as canvas=1:1, not {text!r}")
    return name.strip(), source.value["value"]


def _done_before(daemon: Daemon, wanted: Sources) -> int:
    """Return how many of the wanted files an earlier run of the same command has done."""
    with reading(daemon.journal.path) as ledger:
        return sum(
            state in {"done", "unchanged"} and wanted.covers(root, path)
            for root in wanted.roots
            for path, state in ledger.ends_of(os.fsencode(root)).items()
        )


def _doubtful(daemon: Daemon, names: Names, wanted: Sources) -> list[Unsure]:
    """Return the cut-outs that need checking, of this run and of earlier ones of the same pictures."""
    with reading(daemon.journal.path) as ledger:
        unsure, _ = ledger.endings(sys.maxsize, state="done", below=NEEDS_A_LOOK)
    numbers = {bytes(folder.path): number for number, folder in daemon.in_use.folders.items()}
    return [
        Unsure(names.at(numbers[each.root], each.path), each.confidence or 0.0, each.reason)
        for each in unsure
        if each.root in numbers and wanted.covers(Path(os.fsdecode(each.root)), each.path)
    ]


def exit_code(progress: Progress, stop: Stop, *, interrupted: bool) -> ExitCode:
    """Return whether all is well, some failed or were left, or none was done."""
    done = progress.done + progress.before
    if stop.code is not ExitCode.OK:
        return ExitCode.PARTIAL if done else stop.code
    if interrupted or progress.left():
        return ExitCode.PARTIAL
    if progress.failures:
        return ExitCode.PARTIAL if done else ExitCode.FAILED
    return ExitCode.OK


# --- the summary ---


def report(order: Order, progress: Progress, stop: Stop, unsure: list[Unsure], *, interrupted: bool) -> None:
    """Print the results."""
    trouble = stop.reason if stop.code is not ExitCode.OK else ""
    if order.json:
        _print_json(order, progress, unsure, trouble)
        return
    console = console_for()
    look = [each.line() for each in unsure]
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
    if interrupted or progress.left():
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
