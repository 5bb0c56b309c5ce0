"""Writes docs/LIFECYCLE.md from the table in `mattingd/core/lifecycle.py`.

python -m tests.core.lifecycle_drawing > docs/LIFECYCLE.md
"""

import ast
import inspect
from collections import defaultdict
from itertools import pairwise

from mattingd.core import lifecycle
from mattingd.core.lifecycle import COUNTED_AS, LIVE, TABLE, WORKING, State, Trigger

HEAD = """\
# The states of a job

Generated from the table in `mattingd/core/lifecycle.py` (`make example`); a test checks that it is current.
A trigger that the table does not list for a state raises an error and changes nothing.
"""

IN_FLIGHT = """\
A job that is *in flight* when the daemon or a worker crashes is run again in isolation, with nothing beside
it. It is quarantined (fails with a note) only after two crashes in isolation.
"""


def meanings(kind: type[State | Trigger]) -> dict[str, str]:
    """What is written under each member of an enum in its source."""
    tree = ast.parse(inspect.getsource(lifecycle))
    body = next(
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    found: dict[str, str] = {}
    for member, text in pairwise(body):
        if (
            isinstance(member, ast.Assign)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            name = member.targets[0]
            assert isinstance(name, ast.Name)
            found[kind[name.id]] = str(text.value.value)
    return found


def diagram() -> str:
    """The table as a Mermaid state diagram; edges between the same two states are one arrow."""
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for (before, trigger), after in TABLE.items():
        arrows[before, after].append(trigger)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> queued: admitted", "    [*] --> ignored: no file"]
    lines += [
        f"    {before} --> {after}: {', '.join(triggers)}" for (before, after), triggers in arrows.items()
    ]
    lines += [f"    {state} --> [*]" for state in State if state not in LIVE]
    return "\n".join([*lines, "```", ""])


def states() -> str:
    """Every state: what it means, whether a crash makes it a suspect, and under which word it is counted."""
    rows = ["| state | meaning | in flight | counted as |", "|---|---|---|---|"]
    for state, meaning in meanings(State).items():
        in_flight = "yes" if state in WORKING else ""
        rows.append(f"| {state} | {meaning} | {in_flight} | {COUNTED_AS[State(state)]} |")
    return "\n".join([*rows, ""])


def triggers() -> str:
    """Every trigger, and from where to where it leads."""
    rows = ["| trigger | meaning | from and to |", "|---|---|---|"]
    for trigger, meaning in meanings(Trigger).items():
        ways = [f"{before} → {after}" for (before, each), after in TABLE.items() if each == trigger]
        rows.append(f"| {trigger} | {meaning} | {', '.join(ways)} |")
    return "\n".join([*rows, ""])


def document() -> str:
    """The whole page."""
    return f"{HEAD}\n{diagram()}\n## States\n\n{states()}\n{IN_FLIGHT}\n## Triggers\n\n{triggers()}"


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
