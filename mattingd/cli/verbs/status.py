"""`mattingd status`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def status(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", hidden=True)] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what the daemon is doing, or where one picture is.

    FILE is a picture in a hot folder: waiting (why, until when), queued (its position), in work, done (where
    its cut-out is) or failed (why).
    """
    from mattingd.cli.commands import status as status_command  # noqa: PLC0415

    run_verb(lambda: status_command.status(config, file, as_json=json))
