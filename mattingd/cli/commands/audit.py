"""`mattingd audit`: is every dropped file accounted for? Beside a running daemon or without one."""

import json
import os
from pathlib import Path

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.schemas import requests
from mattingd.audit import Audit
from mattingd.audit import audit as compare
from mattingd.cli.commands.status import ALWAYS
from mattingd.cli.errors import find_config
from mattingd.cli.format import console_for
from mattingd.config import Settings, load
from mattingd.domain.exit_codes import ExitCode
from mattingd.journal.drops import reading_drops
from mattingd.runtime.launch import JOURNAL
from mattingd.system import clock

BEATS = 50
BEAT_SECONDS = 0.1
"""How long an audit waits for a running daemon to take note of files that have just arrived."""


def audit(config: Path | None, *, deep: bool, as_json: bool) -> ExitCode:
    """Compare journal and folders; non-zero when there is a gap."""
    settings = load(find_config(config))
    result = _compare(settings, deep=deep)
    for beat in range(BEATS):
        if result.balanced or not _asked_to_look(settings, first=beat == 0):
            break
        clock.sleep(BEAT_SECONDS)
        again = _compare(settings, deep=deep)
        again.gaps = [gap for gap in again.gaps if gap in result.gaps]
        result = again
    if as_json:
        names = (
            "seen",
            "unseen",
            "settling",
            "passed_over",
            "present",
            "taken_away",
            "changed",
            "expired",
            "reports",
            "reports_gone",
            "gaps",
        )
        report = {name: getattr(result, name) for name in names} | {"counts": result.counts}
        print(json.dumps(report))  # noqa: T201
    else:
        _show(result)
    return ExitCode.OK if result.balanced else ExitCode.FAILED


def _compare(settings: Settings, *, deep: bool) -> Audit:
    settling = _settling(settings)
    with reading_drops(settings.state_dir / JOURNAL) as ledger:
        return compare(ledger, settings, settling, deep=deep)


def _asked_to_look(settings: Settings, *, first: bool) -> bool:
    """Whether a daemon runs that may still notice new files: only a lasting gap counts."""
    try:
        if first:
            ask(settings.state_dir, requests.Rescan())
    except NoDaemonError:
        return False
    return True


def _settling(settings: Settings) -> set[tuple[bytes, bytes]] | None:
    """Return (hot folder, path) of files that a running daemon has not admitted; None without one."""
    found: set[tuple[bytes, bytes]] = set()
    cursor: str | None = ""
    try:
        while cursor is not None:
            page = ask(settings.state_dir, requests.Settling(after=cursor))
            roots = {int(number): os.fsencode(path) for number, path in page.folders.items()}
            found |= {(roots[folder], bytes.fromhex(path)) for folder, path, _ in page.files}
            cursor = page.next
    except NoDaemonError:
        return None
    return found


def _show(result: Audit) -> None:
    console = console_for()
    words = (*ALWAYS, *(word for word in result.counts if word not in ALWAYS))
    total = " + ".join(f"{result.counts.get(word, 0)} {word}" for word in words)
    console.print(f"{result.seen} seen = {total}", soft_wrap=True)
    console.print(
        f"cut-outs: {result.present} are where they were published, {result.taken_away} taken away,"
        f" {result.changed} changed" + (f", {result.expired} expired" if result.expired else ""),
        soft_wrap=True,
    )
    if result.reports or result.reports_gone:
        gone = f", {result.reports_gone} taken away or changed" if result.reports_gone else ""
        console.print(f"files of reports: {result.reports} are where they were written{gone}", soft_wrap=True)
    if result.unseen:
        console.print(
            f"{result.unseen} files are not seen yet: the daemon is not running",
            style="yellow",
            soft_wrap=True,
        )
    if result.settling:
        console.print(f"{result.settling} more still settling: `mattingd status` says which", style="yellow")
    if result.passed_over:
        console.print(
            f"{result.passed_over} passed over: hidden, or other programs' own;"
            " `mattingd history --ignored` lists them",
            style="dim",
            soft_wrap=True,
        )
    for gap in result.gaps:
        console.print(f"gap: {gap}", style="red", markup=False, soft_wrap=True)
    if result.balanced:
        console.print("[bold green]every file is accounted for[/]")
