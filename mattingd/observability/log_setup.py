"""The format of log lines: for users on a terminal, fields for systemd, otherwise JSON.

The content of lines is in `job_log`.
"""

import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

from mattingd.observability import journald
from mattingd.observability.log_writer import Outlet, StreamWriter, Writer
from mattingd.observability.recent_lines import RecentLines

PLAIN, DIM = "\x1b[0m", "\x1b[2m"
COLOURS = {"done": "\x1b[32m", "failed": "\x1b[31m", "warning": "\x1b[33m", "error": "\x1b[31m"}
"""Of an event, or else of a level, on a terminal."""
NOT_SAID = ("timestamp", "level")
Line = MutableMapping[str, Any]
"""A log line on its way through structlog."""


def configure_log(
    style: str, level: str, stream: TextIO = sys.stderr, recent: RecentLines | None = None
) -> tuple[Any, Outlet]:
    """Set logging up.

    Args:
        style: `console` for users, `json` for programs, `journald` for systemd's journal with its fields;
            `auto` takes what fits the stream.
        level: the lowest level that is written.
        stream: the destination of lines, unless it is journald.
        recent: keeps the last lines as well.

    Returns:
        The log, and its writer, to be closed at the end.
    """
    style = _fitting(stream) if style == "auto" else style
    last, writer = _forms(style, stream)
    stamper = structlog.processors.TimeStamper(
        fmt="%H:%M:%S" if style == "console" else "iso", utc=style == "json"
    )
    processors: list[Any] = [
        structlog.processors.add_log_level,
        *([] if recent is None else [_kept_in(recent)]),
        *([] if style == "journald" else [stamper]),
        *last,
    ]

    def lost(count: int) -> Any:
        line: Any = {"event": "lost", "why": f"{count} log lines before this one could not be written"}
        for processor in processors:
            line = processor(None, "warning", line)
        return line[0][0] if isinstance(line, tuple) else line

    outlet = Outlet(writer, lost)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: outlet,
    )
    return structlog.get_logger(), outlet


def _kept_in(recent: RecentLines) -> Callable[[Any, str, Line], Line]:
    def keep(_log: Any, _method: str, line: Line) -> Line:
        recent.add(line, _said(line))
        return line

    return keep


def _fitting(stream: TextIO) -> str:
    if journald.reads(stream):
        return "journald"
    return "console" if stream.isatty() else "json"


def _forms(style: str, stream: TextIO) -> tuple[list[Any], Writer]:
    """Return the formatter of a line, and its writer."""
    if style == "journald":
        return [_for_journald], journald.JournaldWriter()
    if style == "console":
        colours = stream.isatty() and not os.environ.get("NO_COLOR")
        return [_for_people(colours=colours)], StreamWriter(stream)
    return [_in_order, structlog.processors.JSONRenderer(ensure_ascii=False)], StreamWriter(stream)


def _in_order(_log: Any, _method: str, line: Line) -> Line:
    """Put time, level and event first: users read JSON lines, too."""
    first = ("timestamp", "level", "event")
    return {key: line[key] for key in (*first, *line)}


def _for_people(*, colours: bool) -> Callable[[Any, str, Line], str]:
    """Format like `14:03:07 failed in/shoe.jpg: the file is empty #12`."""

    def render(_log: Any, _method: str, line: Line) -> str:
        time, level, event = (str(line[key]) for key in ("timestamp", "level", "event"))
        text = _said(line)
        job = f"  #{line['job']}" if "job" in line else ""
        if not colours:
            return f"{time}  {event:<11}{text}{job}"
        colour = COLOURS.get(event, COLOURS.get(level, ""))
        return f"{DIM}{time}{PLAIN}  {colour}{event:<11}{PLAIN}{text}{DIM}{job}{PLAIN}"

    return render


def _for_journald(_log: Any, _method: str, line: Line) -> tuple[tuple[journald.Fields], dict[str, Any]]:
    """Format like `failed in/shoe.jpg: the file is empty`, with all fields."""
    text = _said(line)
    return (journald.fields(f"{line['event']} {text}" if text else line["event"], line),), {}


def _said(line: Line) -> str:
    """Return the text of a line beside time, event and job. A file's name starts with its hot folder's."""
    more = {"more": f"{line['more']:,} more"} if "more" in line else {}
    rest = {key: line[key] for key in line if key not in {*NOT_SAID, "event", "job", "more"}} | more
    if "file" in rest:
        rest.pop("folder", None)
    said = ": ".join(str(rest.pop(key)) for key in ("more", "who", "file", "folder", "why") if key in rest)
    others = ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in rest.items())
    return ", ".join(part for part in (said, others) if part)


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
