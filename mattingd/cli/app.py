"""The program: all verbs, in the order of the help. Options are in `verbs`, the work is in `commands`."""

import os
import sys
from typing import Annotated, TextIO

import typer

from mattingd import __version__
from mattingd.cli import sub_apps
from mattingd.cli.fleet import verb as fleet
from mattingd.cli.notices import notices
from mattingd.cli.utf8 import start_again_unless_names_are_safe
from mattingd.cli.verbs import (
    audit,
    check,
    clean,
    demo,
    doctor,
    evaluate,
    history,
    init,
    man,
    process,
    run,
    say,
    status,
    train,
)
from mattingd.cli.verbs.live import approve, forget, pause, reload, rescan, retry

STDERR = 2
"""The last of the standard streams' numbers."""

app = typer.Typer(
    name="mattingd",
    help="Drop pictures into a folder; their cut-outs appear in dated folders.",
    epilog="First steps: init, check, run. Without a daemon: process PICTURES -o OUT.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"mattingd {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for _verb in (
    init.init,
    check.check,
    run.run,
    process.process,
    say.say,
    status.status,
    history.history,
    audit.audit,
    retry.retry,
    forget.forget,
    approve.approve,
    rescan.rescan,
    pause.pause,
    pause.resume,
    reload.reload,
    clean.clean,
    doctor.doctor,
    demo.demo,
    evaluate.evaluate,
    train.train,
    man.man,
):
    app.command()(_verb)
app.command("dask-worker")(fleet.dask_worker)
for _name, _group in (
    ("service", sub_apps.service),
    ("presets", sub_apps.presets),
    ("models", sub_apps.models),
    ("web", sub_apps.web),
    ("share", sub_apps.share),
    ("notices", notices),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """The program `mattingd`."""
    start_again_unless_names_are_safe()
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        _cope_with_any_name(stream)
    app(prog_name="mattingd")


def _open_what_is_closed() -> None:
    """Open standard streams that our caller has closed: no other file may get their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - for our children as well
    os.close(descriptor)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for ever
    sys.stderr = sys.stderr or open(STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _cope_with_any_name(stream: TextIO) -> None:
    """Print file names that are not text escaped instead of ending the program."""
    getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
