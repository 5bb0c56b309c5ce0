"""`mattingd status FILE`: what became of one picture, and what is being done with it now."""

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mattingd.api.client import NoDaemonError, ask
from mattingd.cli.commands.history import doubtful, place_as_json, places
from mattingd.cli.errors import CommandError
from mattingd.config import Settings
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import model_name
from mattingd.domain.text import readable
from mattingd.ingest.ignore_rules import why_ignored_at
from mattingd.journal import NoJournalError, PublishedOutput, Record, reading
from mattingd.runtime.daemon import JOURNAL
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
_NO_SUCH_FILE = "there is no such file, and the journal does not know it"


def story(settings: Settings, file: Path, *, as_json: bool) -> ExitCode:
    """Tell of a picture in a hot folder, or of the one that a cut-out was made from."""
    root, path = _source_of(settings, file)
    try:
        live = ask(settings.state_dir, {"verb": "where", "root": root.hex(), "path": path.hex()})
        running = True
    except NoDaemonError:
        live, running = {}, False
    records: list[tuple[Record, Outputs]] = []
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        records = [(record, ledger.standing(record.job)) for record in ledger.records_of(root, path)]
    source = Path(os.fsdecode(os.path.join(root, path)))  # noqa: PTH118 - bytes
    unknown = "" if live or records else _unknown(source, path, running=running)
    if unknown == _NO_SUCH_FILE:
        raise CommandError(f"{file}: {unknown}")
    if as_json:
        rows = [_as_json(record, outputs, settings) for record, outputs in records]
        told = {"file": str(file), "source": readable(bytes(source)), "running": running, "now": live}
        print(json.dumps(told | {"history": rows}))  # noqa: T201
        return ExitCode.OK
    lines = [unknown] if unknown else _lines(live, records, settings, running=running)
    if source != _real(file):
        lines.insert(0, f"made from {readable(bytes(source))}")
    for line in lines:
        print(line)  # noqa: T201
    return ExitCode.OK


def _source_of(settings: Settings, file: Path) -> tuple[bytes, bytes]:
    """Hot folder and path in it.

    Raises:
        CommandError: the file lies in no hot folder, and was not made from one that does.
    """
    real = _real(file)
    for folder in settings.hot_folders:
        if real.is_relative_to(folder.path):
            return os.fsencode(folder.path), os.fsencode(real.relative_to(folder.path))
    if not real.is_relative_to(settings.output_dir):
        raise CommandError(f"{file} lies in no hot folder of this configuration")
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        source = ledger.source_of(str(real.relative_to(settings.output_dir)))
        if source is not None:
            return source
    raise CommandError(f"{file} lies in the output folder, and is no cut-out that the journal knows of")


def _real(file: Path) -> Path:
    """The absolute path, without the links on the way to the file; itself it may be one."""
    return Path(os.path.realpath(file.parent)) / file.name


def _unknown(file: Path, path: bytes, *, running: bool) -> str:
    """Why nobody knows of a file."""
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
        number = live["before_it"]
        pictures = "1 picture" if number == 1 else f"{number} pictures"
        state += f", {pictures} of its folder before it" if number else ", the next of its folder"
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
    lines += [f"  made by {model_name(output.model)}" for output in outputs[:1] if output.model]
    if record.original is not None and settings.archive_dir is not None:
        lines.append(f"  original: {settings.archive_dir / record.original}")
    if doubt := doubtful(record.state, record.confidence):
        lines.append(f"  {doubt}")
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
        "confidence": record.confidence,
        "seconds": {stage: spent and round(spent, 3) for stage, spent in asdict(record.spent).items()},
        "outputs": [place_as_json(output, settings) for output in outputs],
        "original": record.original,
        "note": str(settings.output_dir / record.note) if record.state == "failed" else None,
    }
