"""Small things that the verbs say alike: durations, and a console that leaves paths alone."""

import sys

from rich.console import Console


def console_for(*, error: bool = False) -> Console:
    """Standard output (or error) without automatic colouring of numbers and paths."""
    return Console(file=sys.stderr if error else sys.stdout, highlight=False)


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h`, `2 days`."""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / divisor)} {unit}"
    return f"{round(seconds / 86400)} days"
