"""`mattingd process`: the daemon's own pipeline, once over the given pictures, with a journal beside the output."""

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mattingd.cli.ending import CommandError
from mattingd.cli.progress import Progress
from mattingd.config import Engine, HotFolder, Limits, Settings, Watch
from mattingd.config.recipes import folder_recipe
from mattingd.config.shapes import FolderEntry
from mattingd.daemon import Daemon, Mode
from mattingd.facts import ExitCode, Preset
from mattingd.presets import BUILT_IN, recipe_hash
from mattingd.reports import Names
from mattingd.rules.lifecycle import RetryPolicy
from mattingd.service import on_signals

STATE = ".mattingd"
"""Where, in the output folder, a run keeps its journal: the same command again goes on with it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for."""

    paths: tuple[Path, ...]
    output: Path
    preset: str
    background: str | None
    format: str | None
    quality: int | None
    device: str
    workers: int | None
    quiet: bool
    json: bool


def process(order: Order) -> ExitCode:
    """Cut out what is asked for; the exit code says whether all, some or no pictures could be done."""
    roots, only = sources(order.paths, order.output)
    settings = settings_for(order, roots)
    names = Names()
    progress = Progress(names, Console(stderr=True), shown=not (order.quiet or order.json))
    daemon = Daemon(settings, [progress], mode=Mode(once=True, only=only))
    names.folders = {
        number: folder.name if len(roots) > 1 else "" for number, folder in daemon.folders.items()
    }
    for number, folder in daemon.folders.items():
        daemon.journal.ask_again(number, folder.recipe_hash)
    progress.watch(daemon)
    on_signals(daemon.stop)
    with progress:
        stop = daemon.run()
    return summarize(order, progress, stop.reason if stop.code else "", interrupted=daemon.conductor.stopping)


def sources(paths: tuple[Path, ...], output: Path) -> tuple[list[Path], dict[Path, frozenset[bytes]]]:
    """Folders to look through, and, where only some files of one are meant, their names.

    Raises:
        CommandError: a path is not there, or the output lies inside an input folder.
    """
    target = Path(os.path.realpath(output))
    folders: list[Path] = []
    files: dict[Path, set[bytes]] = {}
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path}: there is no such file or folder")
        if path.is_dir():
            folders.append(Path(os.path.realpath(path)))
        else:
            real = Path(os.path.realpath(path.parent))
            files.setdefault(real, set()).add(os.fsencode(path.name))
    folders = [f for f in dict.fromkeys(folders) if not any(f != o and f.is_relative_to(o) for o in folders)]
    for folder in folders:
        if target.is_relative_to(folder):
            raise CommandError(
                f"the output {output} lies inside the input {folder}: choose one outside of it"
            )
    only = {
        parent: frozenset(names)
        for parent, names in files.items()
        if not any(parent.is_relative_to(folder) for folder in folders)
    }
    return [*folders, *only], only


def settings_for(order: Order, roots: list[Path]) -> Settings:
    """Settings of a run that looks once, waits for nobody, and mirrors the input.

    Raises:
        CommandError: an option makes no sense.
    """
    recipe = _recipe(order)
    taken: Counter[str] = Counter()
    folders = []
    for root in roots:
        taken[root.name] += 1
        name = root.name if taken[root.name] == 1 else f"{root.name}-{taken[root.name]}"
        folders.append(
            HotFolder(
                path=root,
                name=name or "root",
                preset=order.preset,
                recipe=recipe,
                recipe_hash=recipe_hash(recipe, Engine().model),
                existing="process",
            )
        )
    output = Path(os.path.realpath(order.output))
    return Settings(
        output_dir=output,
        state_dir=output / STATE,
        hot_folders=tuple(folders),
        presets=BUILT_IN,
        layout="{path}" if len(roots) == 1 else "{folder}/{path}",
        watch=Watch(settle_seconds=0, truncated_minutes=0, rescan_seconds=3600),
        engine=Engine(device=order.device),
        limits=Limits(workers=order.workers or "auto"),
        retry=RetryPolicy(first_seconds=0.5, cap_seconds=2, give_up_minutes=0),
    )


def _recipe(order: Order) -> Preset:
    wishes = {"background": order.background, "format": order.format, "quality": order.quality}
    settings = {name: value for name, value in wishes.items() if value is not None}
    recipe, problems = folder_recipe(FolderEntry(".", preset=order.preset, settings=settings), BUILT_IN, ())
    if problems:
        raise CommandError(*(f"{problem.loc[-1]}: {problem.text}" for problem in problems))
    return recipe


def summarize(order: Order, progress: Progress, trouble: str, *, interrupted: bool) -> ExitCode:
    """Say what became of everything."""
    ends, left = progress.ends, progress.left()
    done, failed = ends["done"] + ends["unchanged"], ends["failed"]
    if order.json:
        report = {
            "done": done,
            "failed": [{"file": end.name, "reason": end.reason} for end in progress.failures],
            "ignored": [{"file": end.name, "reason": end.reason} for end in progress.ignored],
            "left": left,
            "before": progress.before,
            "output": str(order.output),
            "trouble": trouble,
        }
        print(json.dumps(report))  # noqa: T201
    else:
        _tell(order, progress, trouble, interrupted=interrupted)
    if trouble or interrupted or left:
        return ExitCode.PARTIAL
    if failed:
        return ExitCode.PARTIAL if done or progress.before else ExitCode.FAILED
    return ExitCode.OK


SHOWN = 20


def _tell(order: Order, progress: Progress, trouble: str, *, interrupted: bool) -> None:
    console = Console(file=sys.stdout, highlight=False)
    done, left = progress.ends["done"] + progress.ends["unchanged"], progress.left()
    for title, style, ends in (("failed", "red", progress.failures), ("ignored", "dim", progress.ignored)):
        for end in ends[:SHOWN]:
            console.print(f"{title}: {end.name}: {end.reason}", style=style, markup=False, soft_wrap=True)
        if len(ends) > SHOWN:
            console.print(f"... and {len(ends) - SHOWN} more {title}", style=style)
    if trouble:
        console.print(f"stopped: {trouble}", style="red", markup=False, soft_wrap=True)
    words = [f"{done} done"]
    words += [f"{progress.before} done before"] if progress.before else []
    words += [f"{len(progress.failures)} failed"] if progress.failures else []
    words += [f"{len(progress.ignored)} ignored"] if progress.ignored else []
    words += [f"{left} left"] if left else []
    speed = f" in {progress.seconds:.1f} s ({progress.rate:.2f} pictures/s)" if done else ""
    console.print(f"{', '.join(words)}{speed}. Cut-outs: {order.output}", markup=False, soft_wrap=True)
    if interrupted or left:
        console.print("The same command again goes on from here.")
