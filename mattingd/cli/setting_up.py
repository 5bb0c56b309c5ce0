"""`mattingd init` and `mattingd check`."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.format import console_for, duration
from mattingd.config import ConfigError, Settings, init_text, load, parse, problems_on_disk
from mattingd.doctor.backlog import Stock, stock_of
from mattingd.domain.exit_codes import ExitCode
from mattingd.runtime.launch import JOURNAL
from mattingd.workers.installed import missing_models


def init(path: Path, hot_folder: Path, output_dir: Path, state_dir: Path) -> ExitCode:
    """Write a first configuration and make its folders; never overwrite an existing file."""
    if path.is_dir():
        path /= "config.yaml"
    text = init_text(str(output_dir), str(hot_folder), str(state_dir))
    settings = parse(text, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        for folder in (*(hot.path for hot in settings.hot_folders), settings.output_dir, settings.state_dir):
            folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise CommandError(
            f"{error.filename} is there already; it was not changed. Name another one"
        ) from None
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be written: {error.strerror}") from error
    console = console_for()
    console.print(f"Wrote {escape(str(path))}.", soft_wrap=True)
    for hot in settings.hot_folders:
        console.print(f"[dim]{'drop pictures into':<22}[/]{escape(str(hot.path))}", soft_wrap=True)
    console.print(f"[dim]{'cut-outs appear below':<22}[/]{escape(str(settings.output_dir))}", soft_wrap=True)
    for stock in _inventory(settings):
        if stock.waiting:
            console.print(f"{stock.waiting} files are there already; they are processed first.")
    console.print(f"Next: [bold]mattingd run --config {escape(str(path))}[/]", soft_wrap=True)
    return ExitCode.OK


def check(config: Path | None, *, as_json: bool) -> ExitCode:
    """Report whether the configuration is usable, and what would be done."""
    path = find_config(config)
    if as_json:
        return _check_as_json(path)
    settings = load(path)
    if problems := problems_on_disk(settings) or missing_models(settings):
        raise CommandError(*problems, *_whose_rights(settings), code=ExitCode.FOLDER)
    _show(console_for(), path, settings)
    return ExitCode.OK


def _whose_rights(settings: Settings) -> Iterator[str]:
    """Return a note for a user other than the daemon's."""
    with suppress(OSError, KeyError):
        if settings.state_dir.stat().st_uid != os.geteuid():
            owner = settings.state_dir.owner()
            sudo = "sudo" if owner == "root" else f"sudo -u {owner}"
            yield f"these are your permissions; for the daemon's, run: {sudo} mattingd check"


def _check_as_json(path: Path) -> ExitCode:
    try:
        settings = load(path)
        problems = problems_on_disk(settings) or missing_models(settings)
        stocks, code = _inventory(settings), ExitCode.FOLDER
    except ConfigError as error:
        problems, stocks, code = error.lines, [], ExitCode.CONFIG
    folders = [
        {"path": str(stock.folder.path), "files": stock.files, "waiting": stock.waiting}
        | {"preset": stock.folder.preset_names, "format": stock.folder.formats}
        for stock in stocks
    ]
    print(json.dumps({"config": str(path), "problems": list(problems), "folders": folders}))  # noqa: T201
    return code if problems else ExitCode.OK


def _show(console: Console, path: Path, settings: Settings) -> None:
    output = escape(str(settings.output_dir))
    console.print(f"[bold green]{escape(str(path))} is sound[/]; cut-outs go below {output}", soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("hot folder", "preset", "format"):
        table.add_column(heading, overflow="fold")
    for heading in ("files", "to do"):
        table.add_column(heading, justify="right")
    table.add_column()
    for stock in _inventory(settings):
        folder = stock.folder
        takes = f"about {duration(stock.seconds)}" if stock.waiting else ""
        todo = takes if folder.existing == "process" else "those are ignored"
        cells = (str(folder.path), folder.preset_names, folder.formats, f"{stock.files}", f"{stock.waiting}")
        table.add_row(*map(escape, cells), todo if stock.waiting else "")
    console.print(table)


def _inventory(settings: Settings) -> list[Stock]:
    """Print what each hot folder contains."""
    return [stock_of(folder, settings.state_dir / JOURNAL) for folder in settings.hot_folders]
