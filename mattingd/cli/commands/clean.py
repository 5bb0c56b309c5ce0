"""`mattingd clean`: prints or carries out the retention plan, with or without a daemon."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.schemas import requests
from mattingd.cli.errors import find_config
from mattingd.cli.format import files, weight
from mattingd.cli.offline_journal import journal_of
from mattingd.config import Settings, load
from mattingd.core import retention
from mattingd.domain.commands import RecordArtifacts
from mattingd.domain.events import Swept
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.text import readable
from mattingd.outputs.retention import Line, Report, Sweep
from mattingd.runtime.launch import JOURNAL
from mattingd.system import clock
from mattingd.touchup.matte_cache import FOLDER, Stored, stored, too_many

OFF = "nothing is ever removed: set `retention.days` in the configuration to change that"
NOT_READ = "the running daemon has settings that remove nothing; `mattingd reload` has it read the new ones"
MATTE = "a matte for touch-ups, not used for longer than `retention.matte_days`, or beyond `matte_gb`"
BEAT_SECONDS = 0.2
"""So often a running daemon is asked whether it is done."""


def clean(config: Path | None, *, dry_run: bool, yes_all: bool, as_json: bool) -> ExitCode:
    """Remove what is due, or only print it; returns `PARTIAL` when cut-outs may not be removed."""
    settings = load(find_config(config))
    if not retention.removes(settings.retention):
        return _nothing_to_do(OFF, as_json=as_json)
    if not (settings.state_dir / JOURNAL).exists():
        return _nothing_to_do("nothing was due: nothing was made yet", as_json=as_json)
    if dry_run:
        return _plan(settings, confirmed=yes_all, as_json=as_json)
    try:
        report = _by_the_daemon(settings, confirmed=yes_all)
    except NoDaemonError:
        report = _without_daemon(settings, confirmed=yes_all)
    if as_json:
        print(json.dumps(asdict(report)))  # noqa: T201
    else:
        _tell(report)
    return ExitCode.PARTIAL if report.refused else ExitCode.OK


def _nothing_to_do(why: str, *, as_json: bool) -> ExitCode:
    print(json.dumps({"lines": []} | asdict(Report())) if as_json else why)  # noqa: T201
    return ExitCode.OK


# --- carrying it out ---


def _by_the_daemon(settings: Settings, *, confirmed: bool) -> Report:
    begun = ask(settings.state_dir, requests.Clean(confirmed))
    if not begun.removes:
        return Report(refused=NOT_READ)
    while True:
        cleaned = ask(settings.state_dir, requests.Cleaned())
        if cleaned.number >= begun.number:
            return Report(**msgspec.structs.asdict(cleaned.report))
        clock.sleep(BEAT_SECONDS)


def _without_daemon(settings: Settings, *, confirmed: bool) -> Report:
    with journal_of(settings) as journal:

        def commit(swept: Swept) -> None:
            journal.apply([RecordArtifacts(swept.marks, swept.home)])

        return _sweep(settings, confirmed=confirmed).run(commit)


def _sweep(settings: Settings, *, confirmed: bool) -> Sweep:
    today = clock.wall(clock.zone(settings.timezone)).date().isoformat()
    return Sweep(settings, settings.state_dir / JOURNAL, today, confirmed=confirmed)


def _tell(report: Report) -> None:
    done = [f"{files(report.removed)} removed ({weight(report.freed)})"] if report.removed else []
    done += [f"{files(report.trashed)} put into the trash"] if report.trashed else []
    done += [f"{files(report.left)} left alone"] if report.left else []
    if done or not report.refused:
        print(", ".join(done) or "nothing was due")  # noqa: T201
    for place, why in report.shown:
        print(f"  left alone: {place}: {why}")  # noqa: T201
    if report.left > len(report.shown):
        print(f"  ... and {report.left - len(report.shown)} more")  # noqa: T201
    if report.refused:
        print(f"held back: {report.refused}")  # noqa: T201


# --- the plan ---


def _plan(settings: Settings, *, confirmed: bool, as_json: bool) -> ExitCode:
    sweep = _sweep(settings, confirmed=confirmed)
    mattes = _mattes(settings)
    if as_json:
        _print_json(sweep, mattes)
    else:
        _print_lines(sweep)
        _print_mattes(settings, mattes)
    return ExitCode.PARTIAL if sweep.report.refused else ExitCode.OK


def _mattes(settings: Settings) -> list[Stored]:
    """Return the stored mattes to remove: no journal has them, and the model can make them again."""
    policy, now = settings.retention, clock.wall(clock.zone(settings.timezone)).timestamp()
    return too_many(stored(settings.state_dir), now, policy.matte_days, policy.matte_gb)


def _print_mattes(settings: Settings, mattes: list[Stored]) -> None:
    for each in mattes:
        place = readable(bytes(settings.state_dir / FOLDER / each.name))
        print(f"remove  {place} ({weight(each.size)}): {MATTE}")  # noqa: T201
    if mattes:
        total = weight(sum(each.size for each in mattes))
        number = "1 stored matte" if len(mattes) == 1 else f"{len(mattes)} stored mattes"
        print(f"would remove {number} ({total}), too")  # noqa: T201


def _print_lines(sweep: Sweep) -> None:
    """Print lines as they come: of 100,000, none is kept."""
    for line in sweep.lines():
        place = readable(line.shown.encode("utf-8", "surrogateescape"))
        print(f"{line.verdict.action:<7} {place} ({weight(line.kept.size)}): {line.verdict.reason}")  # noqa: T201
    report = sweep.report
    sums = [f"remove {files(report.removed)} ({weight(report.freed)})"]
    sums = sums if report.removed or not report.trashed else []
    sums += [f"put {files(report.trashed)} into the trash"] if report.trashed else []
    sums += [f"leave {files(report.left)} alone"] if report.left else []
    print(f"would {', '.join(sums)}; nothing was touched")  # noqa: T201
    if report.refused:
        print(f"held back: {report.refused}")  # noqa: T201


def _print_json(sweep: Sweep, mattes: list[Stored]) -> None:
    """Print one document, although its lines are written as they come; nothing if they fail."""
    lines = sweep.lines()
    first = next(lines, None)
    print('{"lines": [', "" if first is None else json.dumps(_as_json(first)), sep="", end="")  # noqa: T201
    for line in lines:
        print(", ", json.dumps(_as_json(line)), sep="", end="")  # noqa: T201
    told = {"mattes": [{"name": each.name, "bytes": each.size} for each in mattes], **asdict(sweep.report)}
    print("],", json.dumps(told).removeprefix("{"))  # noqa: T201


def _as_json(line: Line) -> dict[str, Any]:
    return {
        "action": line.verdict.action,
        "path": line.shown,
        "thing": line.kept.thing,
        "day": line.kept.day,
        "bytes": line.kept.size,
        "reason": line.verdict.reason,
    }
