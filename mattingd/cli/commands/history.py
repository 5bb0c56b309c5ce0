"""`mattingd history`: list what was done when, and where it is, from the journal."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.markup import escape

from mattingd.audit import files_below
from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.format import console_for
from mattingd.cli.selectors import folders_named
from mattingd.config import Settings, load
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import NEEDS_A_LOOK, model_name
from mattingd.domain.text import readable
from mattingd.journal import Ending, NoJournalError, PublishedOutput, reading, reading_jobs
from mattingd.runtime.launch import JOURNAL
from mattingd.system import clock

AGO = re.compile(r"(\d+)\s*(m|min|h|d|w)")
UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
WHEN = "write it like 30m, 2h, 7d, today, yesterday, 2026-11-20 or '2026-11-20 14:00'"
REMAINS = {"trashed": "in the trash", "expired": "expired", "taken": "taken away"}
"""What became of a cut-out, in words, by what the journal stores."""
STYLES = {"done": "green", "failed": "red"}


def history(
    config: Path | None,
    *,
    since: str | None,
    folder: str | None,
    only: Sequence[str],
    look: bool,
    limit: int,
    as_json: bool,
) -> ExitCode:
    """Print the jobs that ended last, the newest last.

    Raises:
        CommandError: several ends are requested at once, or the time is invalid.
    """
    if len(only) > 1:
        raise CommandError("--failed, --ignored and --needs-look exclude one another: ask for one of them")
    settings = load(find_config(config))
    zone = clock.zone(settings.timezone)
    after = None if since is None else moment(since, clock.wall(zone)).timestamp()
    root = None if folder is None else bytes(folders_named(settings, [folder])[0].path)
    endings: list[Ending] = []
    number = 0
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        state = only[0] if only else None
        below = NEEDS_A_LOOK if look else None
        endings, number = ledger.endings(limit, since=after, root=root, state=state, below=below)
    ignored = list(passed_over(settings, root)) if list(only) == ["ignored"] else []
    if as_json:
        told = [_as_json(ending, settings) for ending in endings]
        print(json.dumps([*told, *map(_passed_over_as_json, ignored)]))  # noqa: T201
    else:
        _show(endings, number, settings, zone)
        _show_passed_over(ignored[:limit], len(ignored), settings)
    return ExitCode.OK


def weeks(config: Path | None, *, folder: str | None, limit: int, as_json: bool) -> ExitCode:
    """Print what users did with cut-outs, by week, the newest week last."""
    settings = load(find_config(config))
    root = None if folder is None else bytes(folders_named(settings, [folder])[0].path)
    found = []
    with suppress(NoJournalError), reading_jobs(settings.state_dir / JOURNAL) as ledger:
        found = ledger.weeks(limit, root)[::-1]
    if as_json:
        print(json.dumps([asdict(week) for week in found]))  # noqa: T201
        return ExitCode.OK
    console = console_for()
    for week in found:
        console.print(
            f"week of {week.monday}: {week.done} cut-outs, of them {week.kept} kept,"
            f" {week.touched_up} touched up, {week.redone} redone; {week.failed} pictures failed",
            soft_wrap=True,
            highlight=False,
        )
    if not found:
        console.print("nothing was done yet")
    return ExitCode.OK


def moment(text: str, now: datetime) -> datetime:
    """Parse a time: a duration ago, a day, or a date.

    Raises:
        CommandError: the text cannot be understood.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    word = text.strip().lower()
    if word in {"today", "yesterday"}:
        return midnight - timedelta(days=word == "yesterday")
    if ago := AGO.fullmatch(word):
        try:
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        except OverflowError:
            return datetime.min.replace(tzinfo=now.tzinfo, year=1970)
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CommandError(f"--since {text!r} is no time: {WHEN}") from None
    return given if given.tzinfo else given.replace(tzinfo=now.tzinfo)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An entry of a hot folder that no user dropped."""

    root: bytes
    path: bytes
    reason: str


def passed_over(settings: Settings, root: bytes | None) -> Iterator[PassedOver]:
    """Return what is in the hot folders (or in one of them) now and is skipped by its name."""
    for folder in settings.hot_folders:
        top = bytes(folder.path)
        if root in {None, top}:
            yield from (PassedOver(top, path, reason) for path, reason in sorted(_ignored_below(top)))


def _ignored_below(root: bytes) -> list[tuple[bytes, str]]:
    found: list[tuple[bytes, str]] = []
    deque(files_below(root, passed_over=lambda *each: found.append(each)), maxlen=0)
    return found


def whereabouts(output: PublishedOutput, settings: Settings) -> str:
    """Return what happened to a published cut-out; empty while it is where it was published."""
    if output.remains in REMAINS:
        return f"{REMAINS[output.remains]} since {output.remains_on}"
    try:
        size = (settings.output_dir / output.path).lstat().st_size
    except FileNotFoundError:
        return "taken away"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    return "" if size == output.size else "changed since"


def doubtful(state: str, confidence: float | None, approved_at: str | None = None) -> str:
    """What to say of a cut-out that should be looked at; empty for others.

    A confidence of 0 is none of the model's: the frame needs checking, and the reason says why.
    """
    if state != "done" or confidence is None or confidence >= NEEDS_A_LOOK:
        return ""
    if approved_at is not None:
        return f"approved on {approved_at[:10]}"
    return f"needs a look: confidence {confidence:.2f}" if confidence > 0 else "needs a look"


def places(outputs: Iterable[PublishedOutput], settings: Settings) -> Iterable[str]:
    """Return where cut-outs are, or what happened to them; a line for each."""
    for output in outputs:
        gone = whereabouts(output, settings)
        yield f"{settings.output_dir / output.path}" + (f" ({gone})" if gone else "")


def made_by(output: PublishedOutput) -> str:
    """Return weights, device and number format that made a cut-out, as far as the journal knows."""
    return ", ".join(filter(None, (model_name(output.model or ""), output.device, output.precision)))


def place_as_json(output: PublishedOutput, settings: Settings) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "path": str(settings.output_dir / output.path),
        "size": output.size,
        "sha256": output.sha256.hex(),
        "model": output.model,
        "device": output.device,
        "precision": output.precision,
        "whereabouts": whereabouts(output, settings) or "there",
    }


def _show(endings: list[Ending], number: int, settings: Settings, zone: tzinfo | None) -> None:
    console = console_for()
    names = {bytes(hot.path): hot.name for hot in settings.hot_folders}

    def day(ending: Ending) -> str:
        return datetime.fromisoformat(ending.ended_at).astimezone(zone).strftime("%Y-%m-%d")

    for date, of_day in groupby(endings, day):
        console.print(f"[bold]{date}[/]")
        for ending in of_day:
            time = datetime.fromisoformat(ending.ended_at).astimezone(zone).strftime("%H:%M:%S")
            name = f"{names.get(ending.root, readable(ending.root))}/{readable(ending.path)}"
            why = f": {ending.reason}" if ending.reason else ""
            why += (
                f" ({doubt})"
                if (doubt := doubtful(ending.state, ending.confidence, ending.approved_at))
                else ""
            )
            style = STYLES.get(ending.state, "dim")
            head = f"[dim]{time}[/]  [{style}]{ending.state:<11}[/]"
            console.print(f"{head}{escape(name + why)}  [dim]#{ending.job}[/]", soft_wrap=True)
            for line, output in zip(places(ending.outputs, settings), ending.outputs, strict=True):
                made = f"  [dim]{escape(made_by(output))}[/]" if output.model else ""
                console.print(f"{'':21}{escape(line)}{made}", soft_wrap=True)
            if ending.state == "failed":
                console.print(
                    f"{'':21}note: {escape(str(settings.output_dir / ending.note))}", soft_wrap=True
                )
    if not endings:
        console.print("nothing of the kind has ended" if number == 0 else "")
    elif len(endings) < number:
        console.print(
            f"[dim]the last {len(endings)} of {number:,}: --limit N and --since TIME show others[/]"
        )


def _show_passed_over(ignored: list[PassedOver], number: int, settings: Settings) -> None:
    """Show files that are in no journal, because no user dropped them."""
    console = console_for()
    names = {bytes(hot.path): hot.name for hot in settings.hot_folders}
    for each in ignored:
        name = f"{names.get(each.root, readable(each.root))}/{readable(each.path)}"
        console.print(f"[dim]passed over[/]  {escape(f'{name}: {each.reason}')}", soft_wrap=True)
    if len(ignored) < number:
        console.print(f"[dim]{len(ignored)} of {number:,} that are passed over: --limit N shows more[/]")


def _passed_over_as_json(each: PassedOver) -> dict[str, Any]:
    return {
        "folder": readable(each.root),
        "file": readable(each.path),
        "state": "passed over",
        "reason": each.reason,
    }


def _as_json(ending: Ending, settings: Settings) -> dict[str, Any]:
    return {
        "job": ending.job,
        "folder": readable(ending.root),
        "file": readable(ending.path),
        "state": ending.state,
        "reason": ending.reason,
        "confidence": ending.confidence,
        "approved_at": ending.approved_at,
        "admitted_at": ending.admitted_at,
        "ended_at": ending.ended_at,
        "attempts": ending.attempts,
        "size": ending.size,
        "sha256": ending.sha256 and ending.sha256.hex(),
        "outputs": [place_as_json(output, settings) for output in ending.outputs],
        "note": str(settings.output_dir / ending.note) if ending.state == "failed" else None,
    }
