"""`mattingd process`: run the daemon's pipeline once over given pictures, journal beside the output."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mattingd.cli.commands.processing.sources import names_of, sources
from mattingd.cli.errors import CommandError
from mattingd.config import Engine, HotFolder, Limits, Settings, Watch, kept_backgrounds, problems_on_disk
from mattingd.config.recipes import Recipes, recipes_of
from mattingd.config.schema import AlsoEntry, FolderEntry
from mattingd.config.yaml_source import read
from mattingd.core.lifecycle import RetryPolicy
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.presets import BUILT_IN, DEFAULT, HASHED_MODEL, Preset
from mattingd.inference import kept_choices
from mattingd.runtime.launch import launched
from mattingd.system.loading import loading
from mattingd.workers.spawning import Programs

if TYPE_CHECKING:
    from mattingd.cli.commands.processing.carrying_out import Outcome

STATE = ".mattingd"
"""Where, in the output folder, a run keeps its journal: the same command again goes on with it."""


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


def process(order: Order) -> ExitCode:
    """Cut out the pictures; the exit code says whether all, some or none could be processed."""
    outcome = run(order)
    from mattingd.cli.commands.processing import summary  # noqa: PLC0415 - as in `run`

    summary.report(order, outcome)
    return outcome.code


def run(order: Order) -> "Outcome":
    """Cut out the pictures, printing only the progress.

    What is wrong with the command line is found before anything starts. Most of the program is loaded only
    then, beside the children.

    Raises:
        CommandError: it cannot be started.
    """
    wanted = sources(order.paths, order.output)
    settings = settings_for(order, wanted.roots)
    if problems := problems_on_disk(settings) or kept_backgrounds(settings):
        raise CommandError(problems[0])
    programs = Programs(kept=kept_choices.of_user())
    with launched(settings, programs) as launch:
        with loading():
            from mattingd.cli.commands.processing import carrying_out  # noqa: PLC0415
        shown = not (order.quiet or order.json)
        return carrying_out.run(settings, wanted, programs, launch, shown=shown)


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
