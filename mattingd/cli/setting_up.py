"""`mattingd init` and `mattingd check`."""

import json
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mattingd.auditing import files_below
from mattingd.checkpoint import JournalError, reading
from mattingd.cli.ending import CommandError, find_config
from mattingd.config import HotFolder, Settings, init_text, load, problems_on_disk
from mattingd.daemon import JOURNAL
from mattingd.facts import ExitCode

SECONDS_A_PICTURE = 0.5
"""A guess for the estimate of the first run: a 12-megapixel photograph on two cores."""


def init(path: Path, hot_folder: Path, output_dir: Path, state_dir: Path) -> ExitCode:
    """Write a first configuration and make its folders; never over an existing file."""
    if path.is_dir():
        path /= "config.yaml"
    text = init_text(str(output_dir), str(hot_folder), str(state_dir))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CommandError(
            f"{path} is there already; it was not changed. Name another file, or edit that one"
        ) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    settings = load(path)
    for folder in (
        *(folder.path for folder in settings.hot_folders),
        settings.output_dir,
        settings.state_dir,
    ):
        folder.mkdir(parents=True, exist_ok=True)
    console = Console()
    console.print(f"Wrote [bold]{path}[/]. Drop pictures into   {settings.hot_folders[0].path}")
    console.print(f"       Their cut-outs will appear below   {settings.output_dir}", highlight=False)
    for hot, _, waiting, _ in _inventory(settings):
        if waiting:
            console.print(f"{waiting} files lie in {hot.path} already; they are done first.")
    console.print(f"Next: [bold]mattingd run --config {path}[/]")
    return ExitCode.OK


def check(config: Path | None, *, as_json: bool) -> ExitCode:
    """Say whether the configuration can be used, and what would be done."""
    path = find_config(config)
    settings = load(path)
    problems = problems_on_disk(settings)
    if as_json:
        folders = [
            {"path": str(folder.path), "files": total, "waiting": waiting, "preset": folder.preset}
            for folder, total, waiting, _ in _inventory(settings)
        ]
        print(json.dumps({"config": str(path), "problems": list(problems), "folders": folders}))  # noqa: T201
        return ExitCode.CONFIG if problems else ExitCode.OK
    if problems:
        raise CommandError(*problems, code=ExitCode.CONFIG)
    _show(path, settings)
    return ExitCode.OK


def _show(path: Path, settings: Settings) -> None:
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("hot folder", "preset", "format"):
        table.add_column(heading, overflow="fold")
    for heading in ("files", "to do", "about"):
        table.add_column(heading, justify="right")
    for folder, total, waiting, seconds in _inventory(settings):
        about = _duration(seconds) if waiting else ""
        todo = f"{waiting}" if folder.existing == "process" else f"{waiting} (ignored)"
        table.add_row(str(folder.path), folder.preset, folder.recipe.format, f"{total}", todo, about)
    console.print(f"[bold green]{path} is sound.[/]  Output: {settings.output_dir}", highlight=False)
    console.print(table)


def _inventory(settings: Settings) -> list[tuple[HotFolder, int, int, float]]:
    """For each hot folder: files, those without a job, and seconds they may take."""
    rows = []
    for folder in settings.hot_folders:
        root = os.fsencode(folder.path)
        try:
            with reading(settings.state_dir / JOURNAL) as ledger:
                known = ledger.current(root)
        except JournalError:
            known = {}
        files = {path: (size, mtime_ns) for path, size, mtime_ns in files_below(root)}
        waiting = sum(known.get(path) != stamp for path, stamp in files.items())
        rows.append((folder, len(files), waiting, waiting * SECONDS_A_PICTURE))
    return rows


def _duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min")):
        if seconds < limit:
            return f"{max(1, round(seconds / divisor))} {unit}"
    return f"{seconds / 3600:.1f} h"
