"""`mattingd status`: what the daemon is doing, or where one picture is; without a daemon, by its journal."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mattingd.answers import count
from mattingd.checkpoint import Ledger, Record, Standing, reading
from mattingd.cli.ending import CommandError, find_config
from mattingd.cli.remembering import place_as_json, places
from mattingd.cli.wording import console_for, duration
from mattingd.config import Settings, load
from mattingd.control import NoDaemonError, ask
from mattingd.daemon import JOURNAL
from mattingd.imaging.structure import junk
from mattingd.values import ExitCode, model_name

STYLES = {"done": "green", "failed": "red", "waiting": "yellow"}
WORDS = {
    "queued": "queued",
    "held": "waiting",
    "settling": "settling",
    "reading": "being read",
    "ready": "before the model",
    "inferring": "at the model",
    "matted": "before finishing",
    "finishing": "being finished",
    "prepared": "being published",
}
"""What people read for the states of a picture on its way."""
Outputs = tuple[Standing, ...]
ALWAYS = ("done", "failed", "waiting")
"""Counts that are told even when they are zero."""


def status(config: Path | None, file: Path | None, *, as_json: bool) -> ExitCode:
    """What the daemon is doing, or where one file is."""
    settings = load(find_config(config))
    if file is not None:
        return _status_of(settings, file, as_json=as_json)
    try:
        answer = ask(settings.state_dir, {"verb": "status"})
    except NoDaemonError:
        with reading(settings.state_dir / JOURNAL) as ledger:
            answer = _from_journal(settings, ledger)
    if as_json:
        print(json.dumps(answer))  # noqa: T201
    else:
        _show(console_for(), answer)
    return ExitCode.OK


def _from_journal(settings: Settings, ledger: Ledger) -> dict[str, Any]:
    return {
        "engine": {"state": "not running"},
        "counts": count(ledger.states()),
        "clean": ledger.clean(),
        "last_end": ledger.last_end(),
        "output_dir": str(settings.output_dir),
        "folders": [
            {"name": folder.name, "path": str(folder.path), "preset": folder.preset}
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
        state = "[yellow]stopping[/]" if answer["stopping"] else "[bold green]running[/]"
        if answer.get("stops"):
            left, seconds = answer["stops"]["pictures"], answer["stops"]["seconds"]
            pictures = "1 picture is" if left == 1 else f"{left} pictures are"
            state += f", {pictures} finished first (for {seconds:.0f} s at most)"
        for_long = duration(answer["uptime_seconds"])
        return f"{state} for {for_long}, process {answer['pid']}, version {answer['version']}"
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
            return f"[dim]asleep until the next picture[/] ({escape(_device(engine))}){_coming(engine)}"
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


# --- one file ---


def _status_of(settings: Settings, file: Path, *, as_json: bool) -> ExitCode:
    root, path = _place_of(settings, file)
    try:
        live = ask(settings.state_dir, {"verb": "where", "root": root.hex(), "path": path.hex()})
        running = True
    except NoDaemonError:
        live, running = {}, False
    with reading(settings.state_dir / JOURNAL) as ledger:
        records = [(record, ledger.standing(record.job)) for record in ledger.records_of(root, path)]
    if as_json:
        rows = [_as_json(record, outputs, settings) for record, outputs in records]
        print(json.dumps({"file": str(file), "running": running, "now": live, "history": rows}))  # noqa: T201
        return ExitCode.OK
    for line in _story(live, records, settings, running=running) or [_unknown(file, path, running=running)]:
        print(line)  # noqa: T201
    return ExitCode.OK


def _place_of(settings: Settings, file: Path) -> tuple[bytes, bytes]:
    """Hot folder and path in it.

    Raises:
        CommandError: the file lies in no hot folder.
    """
    real = Path(os.path.realpath(file.parent)) / file.name
    for folder in settings.hot_folders:
        if real.is_relative_to(folder.path):
            return os.fsencode(folder.path), os.fsencode(real.relative_to(folder.path))
    raise CommandError(f"{file} lies in no hot folder of this configuration")


def _unknown(file: Path, path: bytes, *, running: bool) -> str:
    """Why nobody knows of a file."""
    if file.is_dir():
        return "it is a folder: name a picture in it"
    *folders, name = path.split(b"/")
    if junk(name, is_dir=False) or any(junk(folder, is_dir=True) for folder in folders):
        return "never taken: hidden files, and what other programs leave about, are passed over"
    if not os.path.lexists(file):
        return "there is no such file, and the journal does not know it"
    return "not seen yet" if running else "not seen yet, and the daemon is not running"


def _story(
    live: dict[str, Any], records: list[tuple[Record, Outputs]], settings: Settings, *, running: bool
) -> list[str]:
    """One file's story in plain words, newest first."""
    lines = [_now(live)] if live else []
    for record, outputs in records:
        if record.job != live.get("job"):
            lines += _told(record, outputs, settings, running=running)
    return lines


def _now(live: dict[str, Any]) -> str:
    """What is being done with it, why not more, and until when."""
    state = WORDS[live["state"]]
    if "before_it" in live:
        state += f", {live['before_it']} pictures of its folder before it"
    why = f": {live['why']}" if live.get("why") else ""
    for name, what in (("next_look_seconds", "next look"), ("next_try_seconds", "next try")):
        if name in live:
            why += f" ({what} in {live[name]} s)"
    return state + why + (f"  #{live['job']}" if "job" in live else "")


def _told(record: Record, outputs: Outputs, settings: Settings, *, running: bool) -> list[str]:
    """A job as the journal has it: of one that has not ended, when it is taken up again."""
    why = f": {record.reason}" if record.reason else ""
    since, ended = (when.replace("T", " ") for when in (record.admitted_at, record.ended_at or ""))
    if not ended:
        return [f"waiting since {since}{why}" + ("" if running else "; the daemon is not running")]
    lines = [f"{record.state} at {ended}{why}  #{record.job}"]
    lines += [f"  {line}" for line in places(outputs, settings)]
    if record.state == "done" and (took := _took(record)):
        lines.append(f"  {took}")
    if record.state == "failed":
        lines.append(f"  note: {settings.output_dir / record.note}")
    return lines


def _took(record: Record) -> str:
    """What each stage took; nothing of jobs from before that was kept."""
    spent = [(stage, seconds) for stage, seconds in asdict(record.spent).items() if seconds is not None]
    return ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in spent)


def _as_json(record: Record, outputs: Outputs, settings: Settings) -> dict[str, Any]:
    return {
        "job": record.job,
        "state": record.state,
        "reason": record.reason,
        "admitted_at": record.admitted_at,
        "ended_at": record.ended_at,
        "seconds": {stage: spent and round(spent, 3) for stage, spent in asdict(record.spent).items()},
        "outputs": [place_as_json(output, settings) for output in outputs],
        "note": str(settings.output_dir / record.note) if record.state == "failed" else None,
    }
