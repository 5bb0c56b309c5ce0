"""`mattingd demo`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", hidden=True)] = Path("mattingd-demo"),
) -> None:
    """Cut out three photographs through a daemon, step by step.

    FOLDER is mattingd-demo by default; an earlier demo there is replaced.
    """
    from mattingd.cli.commands import demo as demo_command  # noqa: PLC0415

    run_verb(lambda: demo_command.demo(folder))
