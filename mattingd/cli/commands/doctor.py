"""`mattingd doctor`."""

import json
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from mattingd.cli.errors import find_config
from mattingd.cli.format import console_for
from mattingd.config import ConfigError, load
from mattingd.doctor import Finding, Level, examine, worst
from mattingd.domain.exit_codes import ExitCode

STYLES = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}
CODES = {
    Level.OK: ExitCode.OK,
    Level.NOTE: ExitCode.OK,
    Level.WARNING: ExitCode.PARTIAL,
    Level.PROBLEM: ExitCode.FAILED,
}
"""How the worst finding ends the program."""


def doctor(config: Path | None, *, quick: bool, as_json: bool) -> ExitCode:
    """Examine the set-up and print the findings."""
    path = find_config(config)
    if as_json:
        return _as_json(path, quick=quick)
    settings = load(path)
    console = console_for()
    console.print(f"[dim]examining {escape(str(path))}[/]", soft_wrap=True)
    findings: list[Finding] = []
    # No spinner: its thread could hold a lock when an examination forks a separate process.
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for finding in examine(settings, quick=quick, busy=partial(_tell_busy, live)):
            findings.append(finding)
            _show(console, finding)
    _sum_up(console, findings)
    return CODES[worst(findings)]


def _as_json(path: Path, *, quick: bool) -> ExitCode:
    try:
        findings = list(examine(load(path), quick=quick))
        code = CODES[worst(findings)]
    except ConfigError as error:
        findings = [Finding("config", Level.PROBLEM, line) for line in error.lines]
        code = ExitCode.CONFIG
    print(json.dumps({"config": str(path), "findings": [asdict(finding) for finding in findings]}))  # noqa: T201
    return code


def _tell_busy(live: Live, what: str) -> None:
    live.update(Text(f"{what} ...", style="dim"), refresh=True)


def _show(console: Console, finding: Finding) -> None:
    head = f"[{STYLES[finding.level]}]{finding.level:<9}[/][bold]{escape(finding.about)}[/]"
    console.print(f"{head}: {escape(finding.what)}", soft_wrap=True)
    if finding.remedy:
        console.print(f"{'':9}[dim]what to do:[/] {escape(finding.remedy)}", soft_wrap=True)


def _sum_up(console: Console, findings: list[Finding]) -> None:
    counts = Counter(finding.level for finding in findings)
    told = [
        f"{counts[level]} {level}{'s' if counts[level] > 1 else ''}"
        for level in (Level.PROBLEM, Level.WARNING)
        if counts[level]
    ]
    console.print()
    if told:
        console.print(f"[{STYLES[worst(findings)]}]{', '.join(told)}[/]")
    else:
        console.print("[bold green]all is sound[/]")
