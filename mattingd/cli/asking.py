"""`mattingd status` and `mattingd audit`: of the running daemon if there is one, else of its journal."""

import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mattingd import clock
from mattingd.answers import count
from mattingd.auditing import Audit
from mattingd.auditing import audit as compare
from mattingd.checkpoint import Ledger, Record, reading
from mattingd.cli.ending import CommandError, find_config
from mattingd.config import Settings, load
from mattingd.control import NoDaemonError, ask
from mattingd.daemon import JOURNAL
from mattingd.facts import ExitCode

WORDS = ("done", "failed", "waiting", "ignored", "superseded", "withdrawn")
BEATS = 50
BEAT_SECONDS = 0.1
"""How long an audit waits for a running daemon to take note of files that have just arrived."""


def status(config: Path | None, file: Path | None, *, as_json: bool) -> ExitCode:
    """What the daemon is doing, or where one file is."""
    settings = load(find_config(config))
    if file is not None:
        return _status_of(settings, file, as_json=as_json)
    try:
        answer = ask(settings.state_dir, {"verb": "status"})
    except NoDaemonError:
        answer = _status_without_daemon(settings)
    if as_json:
        print(json.dumps(answer))  # noqa: T201
    else:
        _show_status(answer)
    return ExitCode.OK


def _status_without_daemon(settings: Settings) -> dict[str, Any]:
    with reading(settings.state_dir / JOURNAL) as ledger:
        return {
            "engine": {"state": "not running"},
            "counts": count(ledger.states()),
            "clean": ledger.clean(),
            "output_dir": str(settings.output_dir),
            "folders": [
                {"name": folder.name, "path": str(folder.path), "preset": folder.preset}
                for folder in settings.hot_folders
            ],
        }


def _show_status(answer: dict[str, Any]) -> None:
    console = Console(highlight=False)
    engine, counts = answer["engine"], answer["counts"]
    if answer.get("test_engine"):
        console.print("THE TEST ENGINE IS IN USE: mattes are no real mattes", style="bold white on red")
    if "pid" in answer:
        since = _duration(answer["uptime_seconds"])
        state = "stopping" if answer["stopping"] else "running"
        console.print(
            f"[bold green]{state}[/] for {since} (process {answer['pid']}, version {answer['version']})"
        )
    else:
        console.print("[bold yellow]not running[/]; this is what its journal says")
    if engine["state"] == "ready":
        console.print(
            f"engine   {engine['model']} on {engine['device']} ({engine['driver']}, {engine['precision']},"
            f" batch {engine['batch']})"
        )
    elif "pid" in answer:
        console.print(f"engine   {engine['state']} {engine.get('why', '')}", style="yellow")
    console.print("pictures " + "  ".join(_counted(word, counts.get(word, 0)) for word in WORDS))
    if answer.get("rate"):
        eta = f", {_duration(answer['eta_seconds'])} left" if answer.get("eta_seconds") else ""
        console.print(f"rate     {answer['rate']:.2f} pictures/s{eta}")
    console.print(f"output   {answer['output_dir']}", soft_wrap=True, markup=False)
    _show_folders(console, answer["folders"])
    _show_pictures(console, answer)


def _counted(word: str, number: int) -> str:
    style = {"failed": "red", "waiting": "yellow", "done": "green"}.get(word, "dim") if number else "dim"
    return f"[{style}]{number} {word}[/]"


def _show_folders(console: Console, folders: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("hot folder", "preset", "watched by", ""):
        table.add_column(heading, overflow="fold")
    for folder in folders:
        trouble = f"[red]{folder['trouble']}[/]" if folder.get("trouble") else ""
        table.add_row(folder["path"], folder["preset"], folder.get("watched", ""), trouble)
    console.print(table)


def _show_pictures(console: Console, answer: dict[str, Any]) -> None:
    for title, style in (("in_work", "cyan"), ("held", "yellow")):
        for picture in answer.get(title, []):
            why = f": {picture['why']}" if picture["why"] else ""
            console.print(f"  {picture['state']:<10} {picture['file']}{why}", style=style, markup=False)


# --- one file ---


def _status_of(settings: Settings, file: Path, *, as_json: bool) -> ExitCode:
    root, path = _place_of(settings, file)
    try:
        live = ask(settings.state_dir, {"verb": "where", "root": root.hex(), "path": path.hex()})
        running = True
    except NoDaemonError:
        live, running = {}, False
    with reading(settings.state_dir / JOURNAL) as ledger:
        records = ledger.records_of(root, path)
    if as_json:
        rows = [_as_json(record) for record in records]
        print(json.dumps({"file": str(file), "running": running, "now": live, "history": rows}))  # noqa: T201
        return ExitCode.OK
    console = Console(highlight=False)
    for line in _explain(live, records, settings, running=running):
        console.print(line, markup=False, soft_wrap=True)
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


def _explain(live: dict[str, Any], records: list[Record], settings: Settings, *, running: bool) -> list[str]:
    """One file's story in plain words, newest first."""
    lines = []
    if live:
        before = f", {live['before_it']} pictures of its folder before it" if "before_it" in live else ""
        soon = f" (next look in {live['next_look_seconds']} s)" if "next_look_seconds" in live else ""
        why = f": {live['why']}" if live.get("why") else ""
        lines.append(f"{live['state']}{before}{why}{soon}")
    for record in records:
        if live and record is records[0]:
            continue
        lines += _told(record, settings)
    if not lines:
        lines.append("not seen yet" if running else "not seen yet, and the daemon is not running")
    return lines


def _told(record: Record, settings: Settings) -> list[str]:
    when = record.ended_at or record.admitted_at
    why = f": {record.reason}" if record.reason else ""
    lines = [f"{record.state} at {when}{why}"]
    lines += [f"  {settings.output_dir / output}" for output in record.outputs]
    if record.state == "failed":
        lines.append(f"  note: {settings.output_dir / record.note}")
    return lines


def _as_json(record: Record) -> dict[str, Any]:
    return {
        "job": record.job,
        "state": record.state,
        "reason": record.reason,
        "admitted_at": record.admitted_at,
        "ended_at": record.ended_at,
        "outputs": list(record.outputs),
    }


# --- audit ---


def audit(config: Path | None, *, deep: bool, as_json: bool) -> ExitCode:
    """Compare journal and folders; non-zero when there is a gap."""
    settings = load(find_config(config))
    with reading(settings.state_dir / JOURNAL) as ledger:
        result = _audit(ledger, settings, deep=deep)
    if as_json:
        names = ("seen", "unseen", "present", "taken_away", "changed", "gaps")
        report = {name: getattr(result, name) for name in names} | {"counts": result.counts}
        print(json.dumps(report))  # noqa: T201
    else:
        _show_audit(result)
    return ExitCode.OK if result.balanced else ExitCode.FAILED


def _audit(ledger: Ledger, settings: Settings, *, deep: bool) -> Audit:
    """With a daemon running, files that arrived this moment get a moment to be noticed."""
    result = compare(ledger, settings, _settling(settings), deep=deep)
    for beat in range(BEATS):
        if result.balanced:
            return result
        try:
            if beat == 0:
                ask(settings.state_dir, {"verb": "rescan"})
        except NoDaemonError:
            return result
        clock.sleep(BEAT_SECONDS)
        result = compare(ledger, settings, _settling(settings), deep=deep)
    return result


def _settling(settings: Settings) -> set[tuple[bytes, bytes]] | None:
    try:
        answer = ask(settings.state_dir, {"verb": "settling"})
    except NoDaemonError:
        return None
    roots = {int(number): os.fsencode(path) for number, path in answer["folders"].items()}
    return {(roots[folder], bytes.fromhex(path)) for folder, path, _ in answer["files"]}


def _show_audit(result: Audit) -> None:
    console = Console(highlight=False)
    total = " + ".join(f"{result.counts.get(word, 0)} {word}" for word in WORDS)
    console.print(f"{result.seen} seen = {total}")
    console.print(
        f"outputs: {result.present} present, {result.taken_away} taken away, {result.changed} changed since"
    )
    if result.unseen:
        console.print(f"{result.unseen} files are not seen yet: the daemon is not running", style="yellow")
    for gap in result.gaps:
        console.print(f"gap: {gap}", style="red", markup=False, soft_wrap=True)
    if result.balanced:
        console.print("[bold green]every file is accounted for[/]")


def _duration(seconds: float) -> str:
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / divisor)} {unit}"
    return f"{round(seconds / 86400)} days"
