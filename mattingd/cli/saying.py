"""`mattingd say`: turn a sentence into settings, show them, ask, and use them on pictures."""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.console import Console

from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.format import console_for
from mattingd.config import Settings, load
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.presets import BUILT_IN, Preset
from mattingd.domain.text import readable
from mattingd.language import Understood, understand

_PIPE = Path("-")


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command line."""

    text: str
    paths: tuple[Path, ...]
    output: Path | None
    config: Path | None
    yes: bool
    json: bool


def say(order: Order) -> ExitCode:
    """Show what was understood; with pictures, also ask and cut them out.

    Raises:
        CommandError: nothing was understood, it was refused, or the pictures cannot be processed with it.
    """
    _check(order)
    settings = _settings(order.config)
    got = understand(order.text, settings)
    _show(order, got)
    if got.refused:
        raise CommandError(got.refused)
    if not got.usable:
        raise CommandError("nothing was understood: say a background, a preset, a size, a format ...")
    if not order.paths:
        return ExitCode.OK
    return _process(order, got, BUILT_IN if settings is None else settings.presets)


def _check(order: Order) -> None:
    if not order.paths:
        return
    if order.output is None:
        raise CommandError("say where cut-outs go: -o FOLDER")
    if _PIPE in {*order.paths, order.output}:
        raise CommandError("say works on files: for pipes, use process with the settings that it shows")
    if not order.yes and (order.json or not sys.stdin.isatty()):
        raise CommandError("there is no terminal to confirm on: check the settings first, then add --yes")


def _settings(config: Path | None) -> Settings | None:
    """Return the settings, for the team's presets and the language model; None without a configuration."""
    if config is None:
        with suppress(CommandError):
            config = find_config(None)
    return None if config is None else load(config)


def _show(order: Order, got: Understood) -> None:
    if order.json:
        print(json.dumps(asdict(got)))  # noqa: T201
        return
    console = console_for()
    for line in got.said:
        _print(console, "", line)
    for line in got.unclear:
        _print(console, "[yellow]unclear[/] ", line)
    if got.note:
        _print(console_for(error=True), "[dim]note[/] ", got.note)


def _print(console: Console, title: str, line: str) -> None:
    console.print(title, end="")
    console.print(readable(line.encode(errors="backslashreplace")), markup=False, soft_wrap=True)


def _agreed(order: Order, got: Understood) -> bool:
    """Ask the user to confirm.

    Raises:
        CommandError: `--yes` was given, but not everything was understood.
    """
    if not order.yes:
        number = len(order.paths)
        return typer.confirm(f"Process {number} path{'s' * (number > 1)} so?", default=False)
    if got.unclear:
        raise CommandError("not all was understood, so --yes does nothing: say it in other words")
    return True


def _process(order: Order, got: Understood, presets: Mapping[str, Preset]) -> ExitCode:
    """Process the pictures like `mattingd process`, once the user has agreed."""
    from mattingd.cli.commands import process  # noqa: PLC0415 - showing alone is quick
    from mattingd.cli.commands.processing import one  # noqa: PLC0415

    assert order.output is not None  # noqa: S101 - checked at first
    if not _agreed(order, got):
        return ExitCode.PARTIAL
    settings = dict(got.settings)
    asked = process.Order(
        paths=order.paths,
        output=order.output,
        preset=got.preset,
        background=None,
        format=settings.pop("format", None),
        quality=None,
        settings=tuple(f"{name}={json.dumps(value)}" for name, value in settings.items()),
        also=(),
        device="auto",
        workers=None,
        quiet=False,
        json=order.json,
        presets=presets,
    )
    return one.process(asked) if one.is_one(asked) else process.process(asked)
