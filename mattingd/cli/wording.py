"""Small things that the verbs say alike: durations, and a console that leaves paths alone."""

import sys

from rich.console import Console

WIDE = 1000
"""Columns of what is no terminal: nothing is folded there."""


def console_for(*, error: bool = False) -> Console:
    """Standard output (or error) without automatic colouring of numbers and paths."""
    stream = sys.stderr if error else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else WIDE)


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h`, `2 days`."""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / divisor)} {unit}"
    return f"{round(seconds / 86400)} days"
