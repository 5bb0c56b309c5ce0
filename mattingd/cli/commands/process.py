"""`mattingd process`: the daemon's own pipeline, once over given pictures, its journal beside the output."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mattingd.cli.commands.process_sources import Sources, names_of, sources
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
from mattingd.domain.presets import BUILT_IN
from mattingd.journal import reading
from mattingd.observability.job_log import Names
from mattingd.runtime.daemon import Daemon, Mode
from mattingd.runtime.signals import on_signals
from mattingd.system import clock

STATE = ".mattingd"
"""Where, in the output folder, a run keeps its journal: the same command again goes on with it."""
SHOWN = 20
"""Failures that the summary names one by one; each has its note as well."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for."""

    paths: tuple[Path, ...]
    output: Path
    preset: str
    background: str | None
    format: str | None
    quality: int | None
    settings: tuple[str, ...]
    also: tuple[str, ...]
    device: str
    workers: int | None
    quiet: bool
    json: bool


@dataclass(frozen=True, slots=True)
class Unsure:
    """A cut-out that needs checking: its picture's name, the confidence in it (0 to 1), and what is known."""

    name: str
    confidence: float
    reason: str

    def line(self) -> str:
        """Return the line for the summary; a confidence of 0 is none of the model's and is left out."""
        sure = f", confidence {self.confidence:.2f}" if self.confidence > 0 else ""
        return f"{self.name}: needs a look{sure}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    progress: Progress
    stop: Stop
    unsure: list[Unsure]
    """The cut-outs that need checking."""
    interrupted: bool


def process(order: Order) -> ExitCode:
    """Cut out what is asked for; the exit code says whether all, some or no pictures could be done."""
    outcome = run(order)
    report(order, outcome.progress, outcome.stop, outcome.unsure, interrupted=outcome.interrupted)
    return exit_code(outcome.progress, outcome.stop, interrupted=outcome.interrupted)


def run(order: Order) -> Outcome:
    """Cut out what is asked for, and say nothing but the progress.

    Raises:
        CommandError: it cannot be begun.
    """
    wanted = sources(order.paths, order.output)
    settings = settings_for(order, wanted.roots)
    if problems := problems_on_disk(settings) or kept_backgrounds(settings):
        raise CommandError(problems[0])
    names = Names()
    progress = Progress(names, console_for(error=True), shown=not (order.quiet or order.json))
    daemon = Daemon(settings, [progress], mode=Mode(once=True, only=wanted.only))
    names.folders = {number: folder.name for number, folder in daemon.folders.items()}
    for number, folder in daemon.folders.items():
        daemon.journal.ask_again(number, folder.recipe_hash)
    progress.watch(daemon, before=_done_before(daemon, wanted))
    on_signals(daemon.stop)
    started = clock.wall().timestamp()
    with progress:
        stop = daemon.run()
    return Outcome(progress, stop, _doubtful(daemon, names, int(started)), daemon.scheduler.stopping)


def settings_for(order: Order, roots: tuple[Path, ...]) -> Settings:
    """Settings of a run that looks once, waits for nobody, and mirrors the input.

    Raises:
        CommandError: an option makes no sense.
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
                recipe_hash=recipes.hash(Engine().model),
                also=recipes.also,
                existing="process",
            )
            for root, name in names_of(roots)
        ),
        presets=BUILT_IN,
        layout="{path}" if len(roots) == 1 else "{folder}/{path}",
        watch=Watch(settle_seconds=0, truncated_minutes=0, rescan_seconds=3600),
        engine=Engine(device=order.device),
        limits=Limits(workers=order.workers or "auto"),
        retry=RetryPolicy(first_seconds=0.5, cap_seconds=2, give_up_minutes=0),
    )


def _recipes(order: Order) -> Recipes:
    """The preset with everything that the command line changes in it, and what is made besides.

    Raises:
        CommandError: a change makes no sense.
    """
    wishes = {"background": order.background, "format": order.format, "quality": order.quality}
    changes: dict[str, object] = dict(map(_setting, order.settings))
    changes |= {name: value for name, value in wishes.items() if value is not None}
    also = tuple(map(AlsoEntry, dict.fromkeys(order.also)))
    entry = FolderEntry(".", preset=order.preset, settings=changes, also=also)
    recipes, problems = recipes_of(entry, BUILT_IN, (), Path())
    if problems:
        options = {name: f"--{name}" for name in (*wishes, "preset", "also")}
        told = ((problem, "also" if "also" in problem.loc else str(problem.loc[-1])) for problem in problems)
        raise CommandError(*(f"{options.get(name, f'--set {name}')}: {each.text}" for each, name in told))
    return recipes


def _setting(text: str) -> tuple[str, object]:
    """A setting as `NAME=VALUE`, the value written as in a configuration file."""
    name, equals, value = text.partition("=")
    source = read(f"value: {value}" if not value.startswith("#") else f"value: '{value}'")
    if not equals or source.problems or not isinstance(source.value, dict):
        raise CommandError(f"--set takes NAME=VALUE, such as canvas=1:1, not {text!r}")
    return name.strip(), source.value["value"]


def _done_before(daemon: Daemon, wanted: Sources) -> int:
    """How many of the wanted files an earlier run of the same command has done."""
    with reading(daemon.journal.path) as ledger:
        return sum(
            state in {"done", "unchanged"} and wanted.include(root, path)
            for root in wanted.roots
            for path, state in ledger.ends_of(os.fsencode(root)).items()
        )


def _doubtful(daemon: Daemon, names: Names, since: float) -> list[Unsure]:
    """Return the cut-outs of this run that need checking."""
    with reading(daemon.journal.path) as ledger:
        unsure, _ = ledger.endings(sys.maxsize, since=since, state="done", below=NEEDS_A_LOOK)
    numbers = {bytes(folder.path): number for number, folder in daemon.folders.items()}
    return [
        Unsure(names.at(numbers[each.root], each.path), each.confidence or 0.0, each.reason)
        for each in unsure
        if each.root in numbers  # a run over other folders may have ended in the very second this one began
    ]


def exit_code(progress: Progress, stop: Stop, *, interrupted: bool) -> ExitCode:
    """All well, some failed or left, or none done."""
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
    """Say what became of everything."""
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
    if interrupted or progress.left():
        console.print("The same command again goes on from here.")


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
        "trouble": trouble,
    }
    print(json.dumps(told))  # noqa: T201
