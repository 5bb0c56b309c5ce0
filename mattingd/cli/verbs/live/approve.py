"""`mattingd approve`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json, Pictures


def approve(
    pictures: Pictures = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that needs a look.")] = False,
    drop: Annotated[
        str | None, typer.Option(metavar="DROP", help="What needs a look of a drop, such as 2026-11-20-1.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take approvals back.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where `mattingd process` put its cut-outs."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Tick off cut-outs that were looked at.

    `history --needs-look` lists them no longer.

    PICTURES are files in hot folders, their cut-outs, or folders and quoted patterns: of those, what needs a
    look. A newer version of a picture has to be looked at again.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    words = tuple(pictures or ())
    wanted = live_work.Wanted(words, drop=drop, everything=everything, approved=not undo)
    run_verb(lambda: live_work.approve(config, wanted, output=output, as_json=json))
