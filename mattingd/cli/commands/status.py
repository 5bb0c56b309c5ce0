"""`mattingd status`: show what the daemon is doing, or where one picture is.

Without a daemon, by its journal.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.queries import count, picture_counts
from mattingd.api.schemas import requests
from mattingd.cli.commands.status_of_file import WORDS, story
from mattingd.cli.errors import find_config
from mattingd.cli.fleet import show as fleet
from mattingd.cli.format import console_for, duration
from mattingd.config import Settings, load
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import model_name
from mattingd.journal import NoJournalError, reading
from mattingd.runtime.launch import JOURNAL

STYLES = {"done": "green", "failed": "red", "waiting": "yellow"}
WAITS = {
    "settling": "still being copied",
    "queued": "queued",
    "in_work": "in work",
    "held": "held back and tried again",
    "paused": "in paused folders",
    "share": "for a folder that does not answer",
    "hours": "for the hours of their folder",
}
"""What pictures wait for, as `status --json` names it and as people read it."""
ALWAYS = ("done", "failed", "waiting")
"""Counts that are told even when they are zero."""


def status(config: Path | None, file: Path | None, *, as_json: bool) -> ExitCode:
    """Show what the daemon is doing, or where one file is."""
    settings = load(find_config(config))
    if file is not None:
        return story(settings, file, as_json=as_json)
    try:
        answer = msgspec.to_builtins(ask(settings.state_dir, requests.Status()))
    except NoDaemonError:
        answer = _from_journal(settings)
    if as_json:
        print(json.dumps(answer))  # noqa: T201
    else:
        _show(console_for(), answer)
    return ExitCode.OK


def _from_journal(settings: Settings) -> dict[str, Any]:
    """Show what is known without a daemon, even before its first start."""
    held: set[bytes] = set()
    told: dict[str, Any] = {"counts": count({}), "clean": True, "last_end": None, "never": True}
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        told = {
            "counts": picture_counts(ledger),
            "clean": ledger.clean(),
            "last_end": ledger.last_end(),
            "never": False,
        }
        held = ledger.paused_folders()
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
        *(("", line) for line in _devices(answer["engine"])),
        ("remote", fleet.line(answer.get("remote"))),
        ("pictures", _counts(answer["counts"])),
        ("waiting", _waiting(answer.get("waiting", {}))),
        ("rate", _rate(answer)),
        ("output", escape(answer["output_dir"])),
        ("paused", f"[yellow]{escape(answer.get('space') or '')}[/]" if answer.get("space") else ""),
        ("others", f"[yellow]{escape(answer['others'])}[/]" if answer.get("others") else ""),
        ("retention", f"[yellow]{escape(answer['retention'])}[/]" if answer.get("retention") else ""),
    ):
        if text:
            console.print(f"[dim]{label:<10}[/]{text}", soft_wrap=True)
    if (answer.get("remote") or {}).get("workers"):
        console.print()
        console.print(fleet.table(answer["remote"]))
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
    """Show the result of the last reading of the configuration."""
    config = answer.get("config", {})
    if config.get("mistakes"):
        first, *more = config["mistakes"]
        others = f" (and {len(more)} more)" if more else ""
        return f"[red]cannot be used, the settings from before stay:[/] {escape(first)}{others}"
    if config.get("restart"):
        return f"[yellow]needs a restart for[/] {escape(', '.join(config['restart']))}"
    return ""


def _last_end(answer: dict[str, Any]) -> str:
    """Return how the previous run ended, if that matters and `state` does not say it."""
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


def _devices(engine: dict[str, Any]) -> list[str]:
    """Show a line for each device, if there are several."""
    devices = engine.get("devices", ())
    return [_one_device(device) for device in devices] if len(devices) > 1 else []


def _one_device(device: dict[str, Any]) -> str:
    name, why = escape(device["name"]), f": {escape(device['why'])}" if device["why"] else ""
    if device["state"] != "ready":
        style = "red" if device["state"] == "taken out" else "yellow"
        return f"{name} [{style}]{device['state']}[/]{why}"
    told = ", ".join(map(str, (device["device"], device["precision"], f"batches of {device['batch']}")))
    return f"{name} {escape(told)}, {device['pictures']} mattes made, {device['in_work']} in work"


def _device(engine: dict[str, Any]) -> str:
    device = ", ".join((engine["device"], engine["driver"], engine["precision"]))
    weights = f" with {model_name(engine['weights'])}" if engine["weights"] else ""
    return f"{engine['model']}{weights} on {device}, batches of {engine['batch']}"


def _coming(engine: dict[str, Any]) -> str:
    coming = engine["coming"]
    return "" if coming is None else f"; [yellow]{model_name(coming)} come up beside it[/]"


def _counts(counts: dict[str, int]) -> str:
    told = {word: number for word, number in counts.items() if number or word in ALWAYS}
    order = (*ALWAYS, *(word for word in told if word not in ALWAYS))
    return ", ".join(_counted(word, told[word]) for word in order)


def _counted(word: str, number: int) -> str:
    style = STYLES.get(word, "") if number else "dim"
    return f"[{style}]{number} {word}[/]" if style else f"{number} {word}"


def _waiting(waiting: dict[str, int]) -> str:
    """Show what the pictures wait for, if that is not only their turn."""
    told = [f"{number} {WAITS[name]}" for name, number in waiting.items() if number]
    return ", ".join(told) if sum(waiting.values()) > waiting.get("in_work", 0) else ""


def _rate(answer: dict[str, Any]) -> str:
    """How fast it goes at present, and how long what can run takes, which earlier runs tell, too."""
    if not answer["counts"]["waiting"]:
        return ""
    rate = f"{answer['rate']:.2f} pictures/s" if answer.get("rate") else ""
    left = f"{duration(answer['eta_seconds'])} left" if answer.get("eta_seconds") else ""
    return ", ".join(part for part in (rate, left) if part)


def _show_folders(console: Console, folders: list[dict[str, Any]]) -> None:
    """Show a table without its empty columns."""
    console.print()
    columns = {
        "hot folder": [folder["path"] for folder in folders],
        "preset": [folder["preset"] for folder in folders],
        "state": [_paused(folder) for folder in folders],
        "watched by": [folder.get("watched", "") for folder in folders],
        "passed over": [str(folder.get("passed_over") or "") for folder in folders],
        "stays": ["; ".join(map(_stays, folder.get("staying") or ())) for folder in folders],
        "trouble": [folder.get("trouble") or "" for folder in folders],
    }
    told = {heading: cells for heading, cells in columns.items() if any(cells)}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in told:
        table.add_column(heading, overflow="fold", style="red" if heading == "trouble" else "")
    for row in zip(*told.values(), strict=True):
        table.add_row(*map(escape, row))
    console.print(table)


def _stays(folder: dict[str, Any]) -> str:
    return f"{folder['name']} waits for {', '.join(folder['waits_for'])}"


def _paused(folder: dict[str, Any]) -> str:
    state = "paused" if folder.get("paused") else f"from {folder['opens']}" if folder.get("opens") else ""
    return f"{state}, {folder['queued']} waiting" if state and folder.get("queued") else state


def _show_pictures(console: Console, pictures: list[dict[str, Any]]) -> None:
    if pictures:
        console.print()
    for picture in pictures:
        why = f": {picture['why']}" if picture["why"] else ""
        line = f"[cyan]{WORDS[picture['state']]:<17}[/]{escape(picture['file'])}[yellow]{escape(why)}[/]"
        console.print(line, soft_wrap=True)
