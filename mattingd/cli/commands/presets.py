"""`mattingd presets`: list presets, show one, and try its settings on a picture."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.format import console_for
from mattingd.config import load
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import PictureLimits
from mattingd.domain.presets import BUILT_IN, PURPOSE, Preset

OWN = "of this team"


def list_presets(config: Path | None, *, as_json: bool) -> ExitCode:
    """List every preset with its purpose: those of the package, and the team's own of the configuration."""
    presets = known(config)
    if as_json:
        print(json.dumps({name: asdict(preset) for name, preset in presets.items()}))  # noqa: T201
        return ExitCode.OK
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in presets:
        table.add_row(f"[bold]{escape(name)}[/]", PURPOSE.get(name, OWN))
    console_for().print(table)
    return ExitCode.OK


def show(name: str, config: Path | None, *, as_json: bool) -> ExitCode:
    """Show the settings of one preset in the form of a configuration file."""
    preset = find(name, known(config))
    if as_json:
        print(json.dumps(asdict(preset)))  # noqa: T201
        return ExitCode.OK
    console, plain = console_for(), asdict(Preset())
    console.print(f"[bold]{escape(name)}[/]: {PURPOSE.get(name, OWN)}", soft_wrap=True)
    for key, value in asdict(preset).items():
        line = f"  {key}: {json.dumps(value)}"
        console.print(line if value != plain[key] else f"[dim]{line}[/]", markup=value == plain[key])
    return ExitCode.OK


def try_out(name: str, picture: Path, target: Path, config: Path | None) -> ExitCode:
    """Cut out one picture and write a sheet: the preset, and its settings slightly changed, side by side."""
    preset = find(name, known(config))
    if target.exists():
        raise CommandError(f"{target} is there already; it was not changed. Name another one with --output")
    data = _read(picture)
    from mattingd.cli.commands import preset_trial  # noqa: PLC0415 - torch and cv2 only for who needs them
    from mattingd.imaging.formats.errors import PictureError  # noqa: PLC0415

    try:
        sheet = preset_trial.sheet(data, name, preset, PictureLimits())
    except PictureError as error:
        raise CommandError(f"{picture}: {error}", code=ExitCode.FAILED) from error
    try:
        target.write_bytes(sheet)
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}") from error
    console_for().print(f"Side by side: [bold]{escape(str(target))}[/]", soft_wrap=True)
    return ExitCode.OK


def known(config: Path | None) -> Mapping[str, Preset]:
    """Return all presets by name. Without a configuration in the usual places: those of the package."""
    if config is None:
        with suppress(CommandError):
            config = find_config(None)
    return BUILT_IN if config is None else load(config).presets


def find(name: str, presets: Mapping[str, Preset]) -> Preset:
    """Return the preset of this name.

    Raises:
        CommandError: there is none.
    """
    if name not in presets:
        raise CommandError(f"no preset is called {name!r}; known: {', '.join(sorted(presets))}")
    return presets[name]


def _read(picture: Path) -> bytes:
    try:
        return picture.read_bytes()
    except OSError as error:
        raise CommandError(f"{picture} cannot be read: {error.strerror}") from error
