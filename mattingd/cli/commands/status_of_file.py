"""`mattingd status FILE`: show the history of one picture, and what is being done with it now."""

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.schemas import answers, requests
from mattingd.cli.commands.history import doubtful, made_by, place_as_json, places
from mattingd.cli.errors import CommandError
from mattingd.cli.format import as_json_text, duration
from mattingd.config import Settings
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.reasons import as_json, told
from mattingd.domain.text import readable
from mattingd.ingest.ignore_rules import why_ignored_at
from mattingd.journal import NoJournalError, PublishedOutput, Record, reading
from mattingd.runtime.launch import JOURNAL
from mattingd.touchup.files import is_strokes

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
Outputs = tuple[PublishedOutput, ...]
LONG = 60
"""Seconds that a file must have waited before that is worth a word."""
_NO_SUCH_FILE = "there is no such file, and the journal does not know it"


def story(settings: Settings, file: Path, *, as_json: bool) -> ExitCode:
    """Describe a picture in a hot folder, or the source of a cut-out."""
    root, path = _source_of(settings, file)
    try:
        live = ask(settings.state_dir, requests.Where(root.hex(), path.hex()))
        running = True
    except NoDaemonError:
        live, running = answers.Where(), False
    records: list[tuple[Record, Outputs]] = []
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        records = [(record, ledger.standing(record.job)) for record in ledger.records_of(root, path)]
    source = Path(os.fsdecode(os.path.join(root, path)))  # noqa: PTH118 - bytes
    unknown = "" if live.state or records else _unknown(source, path, running=running)
    if unknown == _NO_SUCH_FILE:
        raise CommandError(f"{file}: {unknown}")
    if as_json:
        rows = [_as_json(record, outputs, settings) for record, outputs in records]
        told = {"file": str(file), "source": readable(bytes(source)), "running": running, "now": live}
        print(as_json_text(told | {"history": rows}))  # noqa: T201
        return ExitCode.OK
    lines = [unknown] if unknown else _lines(live, records, settings, running=running)
    if source != _real(file):
        lines.insert(0, f"made from {readable(bytes(source))}")
    for line in lines:
        print(line)  # noqa: T201
    return ExitCode.OK


def _source_of(settings: Settings, file: Path) -> tuple[bytes, bytes]:
    """Return hot folder and path in it.

    Raises:
        CommandError: the file is in no hot folder and is no cut-out of one that is.
    """
    real = _real(file)
    for folder in settings.hot_folders:
        if real.is_relative_to(folder.path):
            return os.fsencode(folder.path), os.fsencode(real.relative_to(folder.path))
    if not real.is_relative_to(settings.output_dir):
        raise CommandError(f"{file} is in no hot folder of this configuration")
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        source = ledger.source_of(str(real.relative_to(settings.output_dir)))
        if source is not None:
            return source
    raise CommandError(f"{file} is in the output folder, and is no cut-out that the journal knows")


def _real(file: Path) -> Path:
    """Return the absolute path without the links on the way to the file, which may itself be a link."""
    return Path(os.path.realpath(file.parent)) / file.name


def _unknown(file: Path, path: bytes, *, running: bool) -> str:
    """Explain why a file is unknown."""
    if file.is_dir():
        return "it is a folder: name a picture in it"
    if is_strokes(path) and os.path.lexists(file):
        return "strokes: what becomes of them, the status of their picture says"
    if reason := why_ignored_at(path, is_dir=False):
        return f"passed over: {reason}"
    if not os.path.lexists(file):
        return _NO_SUCH_FILE
    return "not seen yet" if running else "not seen yet, and the daemon is not running"


def _lines(
    live: answers.Where, records: list[tuple[Record, Outputs]], settings: Settings, *, running: bool
) -> list[str]:
    """Return one file's history in plain words, newest first."""
    lines = [_now(live)] if live.state else []
    for record, outputs in records:
        if record.job != live.job:
            lines += _told(record, outputs, settings, running=running)
    return lines


def _now(live: answers.Where) -> str:
    """Return what is being done with it, why it waits, and until when."""
    state = WORDS[live.state]
    if (number := live.before_it) is not None:
        pictures = "1 picture" if number == 1 else f"{number} pictures"
        state += f", {pictures} of its folder before it" if number else ", the next of its folder"
    if live.eta_seconds is not None:
        state += f", done in about {duration(live.eta_seconds)}"
    why = f": {live.why}" if live.why else ""
    if live.unchanged_seconds is not None and live.unchanged_seconds >= LONG:
        why += f", unchanged for {duration(live.unchanged_seconds)}"
    for seconds, what in ((live.next_look_seconds, "next look"), (live.next_try_seconds, "next try")):
        if seconds is not None:
            why += f" ({what} in {seconds} s)"
    return state + why + (f"  #{live.job}" if live.job is not None else "")


def _told(record: Record, outputs: Outputs, settings: Settings, *, running: bool) -> list[str]:
    """Return the journal's view of a job, and when an unfinished one is continued."""
    why = f": {told(record.reasons, settings.words)}" if record.reasons else ""
    since, ended = (when.replace("T", " ") for when in (record.admitted_at, record.ended_at or ""))
    if not ended:
        return [f"waiting since {since}{why}" + ("" if running else "; the daemon is not running")]
    lines = [f"{record.state} at {ended}{why}  #{record.job}"]
    lines += [f"  {line}" for line in places(outputs, settings)]
    lines += [f"  made by {made_by(output)}" for output in outputs[:1] if output.model]
    if record.original is not None and settings.archive_dir is not None:
        lines.append(f"  original: {settings.archive_dir / record.original}")
    if doubt := doubtful(record.state, record.confidence, record.approved_at):
        lines.append(f"  {doubt}")
    if record.state == "done" and (took := _took(record)):
        lines.append(f"  {took}")
    if record.state == "failed":
        lines.append(f"  note: {settings.output_dir / record.note}")
    return lines


def _took(record: Record) -> str:
    """Return what each stage took; empty for jobs from before that was recorded."""
    spent = [(stage, seconds) for stage, seconds in asdict(record.spent).items() if seconds is not None]
    return ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in spent)


def _as_json(record: Record, outputs: Outputs, settings: Settings) -> dict[str, Any]:
    return {
        "job": record.job,
        "state": record.state,
        "reason": told(record.reasons, settings.words),
        "reasons": as_json(record.reasons),
        "admitted_at": record.admitted_at,
        "ended_at": record.ended_at,
        "confidence": record.confidence,
        "approved_at": record.approved_at,
        "seconds": {stage: spent and round(spent, 3) for stage, spent in asdict(record.spent).items()},
        "outputs": [place_as_json(output, settings) for output in outputs],
        "original": record.original,
        "note": str(settings.output_dir / record.note) if record.state == "failed" else None,
    }
