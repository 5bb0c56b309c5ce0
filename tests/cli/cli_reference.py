"""Writes docs/CLI.md: the help text of every verb, as `mattingd VERB --help` prints it.

python -m tests.cli.cli_reference > docs/CLI.md
"""

from collections.abc import Iterator
from typing import Any

import typer
from typer.testing import CliRunner

from mattingd.cli import app

HEAD = """\
# The command line

Every verb with its options, as `mattingd VERB --help` prints them. This page is generated (`make example`);
a test checks that it is current. `mattingd man` shows the same as a manual page, with exit codes and files.
"""


def verbs() -> list[str]:
    """Every verb in the order of the help, those of groups as `group verb`; the program itself is ``""``."""
    return ["", *_below(typer.main.get_command(app), "")]


def _below(group: Any, prefix: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if not command.hidden:
            yield f"{prefix}{name}"
            yield from _below(command, f"{prefix}{name} ") if hasattr(command, "commands") else ()


def help_text(verb: str) -> str:
    """What `mattingd VERB --help` prints on a terminal of 80 columns."""
    answer = CliRunner().invoke(app, [*verb.split(), "--help"], prog_name="mattingd")
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def document() -> str:
    """The whole page."""
    sections = (f"## mattingd {verb}".rstrip() + f"\n\n```text\n{help_text(verb)}```\n" for verb in verbs())
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
