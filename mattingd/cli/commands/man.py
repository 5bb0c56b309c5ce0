"""`mattingd man`: the manual page in roff (man(7)), made from the declarations of the help texts."""

import ast
import inspect
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import typer

from mattingd import __version__
from mattingd.domain.exit_codes import ExitCode

FILES = {
    "./config.yaml, ~/.config/mattingd/config.yaml, /etc/mattingd/config.yaml": (
        "The configuration: the first of these that there is, unless --config names another."
        " `mattingd init` writes one; every setting is explained in config.example.yaml."
    ),
    "state_dir/checkpoint.db": (
        "The journal: the state of every picture. Copies of the last three days it ran are beside it."
    ),
    "state_dir/control.sock": "Where a running daemon answers every user who may write to it.",
    "output_dir/DATE/FOLDER/_failed/NAME.error.txt": "Why a picture failed, and what to do about it.",
}
ENVIRONMENT = {
    "MATTINGD_CONFIG": "The configuration, unless --config names one.",
    "NO_COLOR": "Set to anything: no colours on a terminal.",
}


def show() -> ExitCode:
    """Show the page like man(1) on a terminal; elsewhere print its source."""
    from mattingd.cli.app import app  # noqa: PLC0415 - it knows us, too

    text, man = page(app), shutil.which("man")
    if sys.stdout.isatty() and man:
        subprocess.run([man, "-l", "-"], input=text, text=True, check=False)
    else:
        print(text, end="")  # noqa: T201
    return ExitCode.OK


def page(app: typer.Typer) -> str:
    """Return the manual page of the whole program."""
    program = typer.main.get_command(app)
    with program.make_context("mattingd", [], resilient_parsing=True) as context:
        return "\n".join([*_page(program, context)]) + "\n"


def _page(program: Any, context: Any) -> Iterator[str]:
    summary = program.help.strip()
    yield f'.TH MATTINGD 1 "" "mattingd {__version__}" "User Commands"'
    yield from (".nh", ".ad l")
    yield from (".SH NAME", f"mattingd \\- {_text(summary[0].lower() + summary[1:].rstrip('.'))}")
    yield from (".SH SYNOPSIS", ".B mattingd", _text(" ".join(program.collect_usage_pieces(context))))
    yield from (".SH DESCRIPTION", _text(summary))
    yield from (".PP", _text(program.epilog))
    yield ".SH OPTIONS"
    yield from _options(program, context)
    yield ".SH COMMANDS"
    yield from _commands(program, context)
    yield ".SH EXIT STATUS"
    for code, meaning in exit_codes().items():
        yield from (".TP", f".B {code}", _text(meaning))
    for title, entries in (("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)):
        yield f".SH {title}"
        for name, meaning in entries.items():
            yield from (".TP", f".I {_text(name)}", _text(meaning))


def _commands(group: Any, context: Any) -> Iterator[str]:
    """Yield every command, those of groups in groups below theirs."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        with command.make_context(name, [], parent=context, resilient_parsing=True) as inner:
            usage = " ".join(command.collect_usage_pieces(inner))
            yield f'.SS "{_text(inner.command_path)} {_text(usage)}"'
            yield from _paragraphs(command.help or "")
            yield from _options(command, inner)
            if hasattr(command, "list_commands"):
                yield from _commands(command, inner)


def _options(command: Any, context: Any) -> Iterator[str]:
    """Yield a command's options; --help is described once, for the whole program."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and not (context.parent and "--help" in parameter.opts):
            yield from (".TP", f".B {_text(record[0])}", _text(record[1]))


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        if number:
            yield ".PP"
        yield _text(paragraph)


def _text(text: str) -> str:
    """Put words on one line, escaped for roff."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{line}" if line.startswith((".", "'")) else line


def exit_codes() -> dict[int, str]:
    """Return the meaning of each exit code, as declared."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(ExitCode))).body[0]
    meanings = {ExitCode.OK.value: "All done."}
    for above, below in pairwise(getattr(tree, "body", [])):
        match above, below:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(words))):
                meanings[ExitCode[name].value] = words
    return meanings
