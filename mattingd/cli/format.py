"""Helpers for the verbs' output: durations, and a console that does not colour paths."""

import json
import sys
from typing import Any

import msgspec
from rich.console import Console

from mattingd.system import clock

WIDE = 1000
"""Columns of what is no terminal: nothing is folded there."""
duration = clock.in_words


def console_for(*, error: bool = False) -> Console:
    """Return a console for standard output (or error) without automatic colouring of numbers and paths."""
    stream = sys.stderr if error else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else WIDE)


def as_json_text(told: Any) -> str:
    """Return a verb's output for programs: plain data, which may contain messages of the control socket."""
    return json.dumps(msgspec.to_builtins(told))


def weight(size: int) -> str:
    """Format a size: `812 bytes`, `34 kB`, `1.2 MB`, `5.0 GB`."""
    if size < 1000:  # noqa: PLR2004 - a kilobyte
        return f"{size} bytes"
    for power, unit in ((3, "kB"), (6, "MB"), (9, "GB"), (12, "TB")):
        shown = size / 10**power
        if shown < 999.5 or unit == "TB":  # noqa: PLR2004 - the next unit
            return f"{shown:.0f} {unit}" if unit == "kB" else f"{shown:.1f} {unit}"
    raise AssertionError(size)


def files(number: int) -> str:
    """Format a count: `1 file`, `12 files`."""
    return "1 file" if number == 1 else f"{number} files"
