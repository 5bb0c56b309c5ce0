"""`mattingd status`: what the daemon is doing, or where one picture is; without a daemon, by its journal."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.queries import count
from mattingd.cli.commands.status_of_file import WORDS, story
from mattingd.cli.errors import find_config
from mattingd.cli.format import console_for, duration
from mattingd.config import Settings, load
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import model_name
from mattingd.journal import NoJournalError, reading
from mattingd.runtime.daemon import JOURNAL

STYLES = {"done": "green", "failed": "red", "waiting": "yellow"}
ALWAYS = ("done", "failed", "waiting")
"""Counts that are told even when they are zero."""


def status(config: Path | None, file: Path | None, *, as_json: bool) -> ExitCode:
    """What the daemon is doing, or where one file is."""
    settings = load(find_config(config))
    if file is not None:
        return story(settings, file, as_json=as_json)
    try:
        answer = ask(settings.state_dir, {"verb": "status"})
    except NoDaemonError:
        answer = _from_journal(settings)
    if as_json:
        print(json.dumps(answer))  # noqa: T201
    else:
        _show(console_for(), answer)
    return ExitCode.OK


def _from_journal(settings: Settings) -> dict[str, Any]:
    """What can be told without a daemon, and even before its first start."""
    held: set[bytes] = set()
    told: dict[str, Any] = {"counts": count({}), "clean": True, "last_end": None, "never": True}
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        told = {
            "counts": count(ledger.states()),
            "clean": ledger.clean(),
            "last_end": ledger.last_end(),
            "never": False,
        }
        held = ledger.held()
    return told | {
        "engine": {"state": "not running"},
        "output_dir": str(settings.output_dir),
        "folders": [
            {
                "name": folder.name,
                "path": str(folder.path),
                "preset": folder.preset_names,
                "paused": bytes(folder.path) in held,
            }
            for folder in settings.hot_folders
        ],
    }


# --- the whole ---


def _show(console: Console, answer: dict[str, Any]) -> None:
    if answer.get("test_engine"):
        console.print("THE TEST ENGINE IS IN USE: mattes are no real mattes", style="bold reverse red")
    for label, text in (
        ("state", _state(answer)),
        ("config", _config(answer)),
        ("last end", _last_end(answer)),
        ("engine", _engine(answer["engine"])),
        ("pictures", _counts(answer["counts"])),
        ("rate", _rate(answer)),
        ("output", escape(answer["output_dir"])),
        ("paused", f"[yellow]{escape(answer.get('space') or '')}[/]" if answer.get("space") else ""),
        ("retention", f"[yellow]{escape(answer['retention'])}[/]" if answer.get("retention") else ""),
    ):
        if text:
            console.print(f"[dim]{label:<10}[/]{text}", soft_wrap=True)
    _show_folders(console, answer["folders"])
    for name in ("in_work", "held"):
        _show_pictures(console, answer.get(name, []))


def _state(answer: dict[str, Any]) -> str:
    if "pid" in answer:
        for_long = duration(answer["uptime_seconds"])
        running = f"[bold green]running[/] for {for_long}"
        state = f"[yellow]stopping[/] after {for_long}" if answer["stopping"] else running
        if answer.get("stops"):
            left, seconds = answer["stops"]["pictures"], answer["stops"]["seconds"]
            pictures = "1 picture is" if left == 1 else f"{left} pictures are"
            state += f", {pictures} finished first (for {seconds:.0f} s at most)"
        return f"{state}, process {answer['pid']}, version {answer['version']}"
    if answer["never"]:
        return "[bold yellow]not running[/], and never did here: `mattingd run` starts it"
    if not answer["clean"]:
        how = "it did not end by itself, and takes up its work at the next start"
        return f"[bold yellow]not running[/]; {how}"
    since = f" since {answer['last_end']['at'].replace('T', ' ')}" if answer["last_end"] else ""
    return f"[bold yellow]not running[/]{since}"


def _config(answer: dict[str, Any]) -> str:
    """What is to be said of the configuration that was read last."""
    config = answer.get("config", {})
    if config.get("mistakes"):
        first, *more = config["mistakes"]
        others = f" (and {len(more)} more)" if more else ""
        return f"[red]cannot be used, the settings from before stay:[/] {escape(first)}{others}"
    if config.get("restart"):
        return f"[yellow]needs a restart for[/] {escape(', '.join(config['restart']))}"
    return ""


def _last_end(answer: dict[str, Any]) -> str:
    """How the run before ended, if that is worth a word and `state` does not say it."""
    end = answer.get("last_end")
    if not end or end["code"] == 0 or not answer.get("clean", True):
        return ""
    code = "" if end["code"] is None else f" (exit code {end['code']})"
    return f"[yellow]{escape(end['reason'])}[/]{code}"


def _engine(engine: dict[str, Any]) -> str:
    match engine["state"]:
        case "ready":
            return escape(_device(engine)) + _coming(engine)
        case "asleep":
            asleep = f"asleep; the next picture wakes it in about {engine['load_seconds']:g} s"
            return f"[dim]{asleep}[/] ({escape(_device(engine))}){_coming(engine)}"
        case "not running":
            return ""
        case state:
            return f"[yellow]{state}[/] {escape(engine.get('why', ''))}"


def _device(engine: dict[str, Any]) -> str:
    device = ", ".join((engine["device"], engine["driver"], engine["precision"]))
    weights = f" with {model_name(engine['weights'])}" if engine["weights"] else ""
    return f"{engine['model']}{weights} on {device}, batches of {engine['batch']}"


def _coming(engine: dict[str, Any]) -> str:
    return f"; [yellow]{model_name(engine['coming'])} come up beside it[/]" if "coming" in engine else ""


def _counts(counts: dict[str, int]) -> str:
    told = {word: number for word, number in counts.items() if number or word in ALWAYS}
    order = (*ALWAYS, *(word for word in told if word not in ALWAYS))
    return ", ".join(_counted(word, told[word]) for word in order)


def _counted(word: str, number: int) -> str:
    style = STYLES.get(word, "") if number else "dim"
    return f"[{style}]{number} {word}[/]" if style else f"{number} {word}"


def _rate(answer: dict[str, Any]) -> str:
    if not answer.get("rate") or not answer["counts"]["waiting"]:
        return ""
    left = f", {duration(answer['eta_seconds'])} left" if answer.get("eta_seconds") else ""
    return f"{answer['rate']:.2f} pictures/s{left}"


def _show_folders(console: Console, folders: list[dict[str, Any]]) -> None:
    """A table, without the columns that have nothing to say."""
    console.print()
    columns = {
        "hot folder": [folder["path"] for folder in folders],
        "preset": [folder["preset"] for folder in folders],
        "state": [_paused(folder) for folder in folders],
        "watched by": [folder.get("watched", "") for folder in folders],
        "passed over": [str(folder.get("passed_over") or "") for folder in folders],
        "trouble": [folder.get("trouble") or "" for folder in folders],
    }
    told = {heading: cells for heading, cells in columns.items() if any(cells)}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in told:
        table.add_column(heading, overflow="fold", style="red" if heading == "trouble" else "")
    for row in zip(*told.values(), strict=True):
        table.add_row(*map(escape, row))
    console.print(table)


def _paused(folder: dict[str, Any]) -> str:
    if not folder.get("paused"):
        return ""
    return f"paused, {folder['queued']} waiting" if folder.get("queued") else "paused"


def _show_pictures(console: Console, pictures: list[dict[str, Any]]) -> None:
    if pictures:
        console.print()
    for picture in pictures:
        why = f": {picture['why']}" if picture["why"] else ""
        line = f"[cyan]{WORDS[picture['state']]:<17}[/]{escape(picture['file'])}[yellow]{escape(why)}[/]"
        console.print(line, soft_wrap=True)
