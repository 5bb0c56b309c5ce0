"""How log lines look: calm on a terminal, JSON elsewhere. What is told stands in `reports`."""

import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

PLAIN, DIM = "\x1b[0m", "\x1b[2m"
COLOURS = {"done": "\x1b[32m", "failed": "\x1b[31m", "warning": "\x1b[33m", "error": "\x1b[31m"}
"""Of an event, or else of a level, on a terminal."""
Line = MutableMapping[str, Any]
"""A log line on its way through structlog."""


def configure_log(style: str, level: str, stream: TextIO = sys.stderr) -> Any:
    """Set logging up: calm lines for people on a terminal, JSON lines elsewhere.

    Args:
        style: `auto`, `console` or `json`.
        level: the least level that is written.
        stream: where lines go.
    """
    console = style == "console" or (style == "auto" and stream.isatty())
    colours = stream.isatty() and not os.environ.get("NO_COLOR")
    stamper = structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console)
    last: list[Any] = (
        [_for_people(colours=colours)] if console else [_in_order, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[structlog.processors.add_log_level, stamper, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    return structlog.get_logger()


def _in_order(_log: Any, _method: str, line: Line) -> Line:
    """When, how important and what first: JSON lines are read by people as well."""
    first = ("timestamp", "level", "event")
    return {key: line[key] for key in (*first, *line)}


def _for_people(*, colours: bool) -> Callable[[Any, str, Line], str]:
    """`14:03:07  failed    in/shoe.jpg: the file is empty  #12`."""

    def render(_log: Any, _method: str, line: Line) -> str:
        time, level, event = (str(line.pop(key)) for key in ("timestamp", "level", "event"))
        job = f"  #{line.pop('job')}" if "job" in line else ""
        said = ": ".join(str(line.pop(key)) for key in ("file", "folder", "who", "why") if key in line)
        rest = ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in line.items())
        text = ", ".join(part for part in (said, rest) if part)
        if not colours:
            return f"{time}  {event:<11}{text}{job}"
        colour = COLOURS.get(event, COLOURS.get(level, ""))
        return f"{DIM}{time}{PLAIN}  {colour}{event:<11}{PLAIN}{text}{DIM}{job}{PLAIN}"

    return render


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
