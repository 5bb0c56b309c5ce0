"""`mattingd init`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb


def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", hidden=True)] = Path("config.yaml"),
    hot_folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The folder to drop pictures into.")
    ] = Path("in"),
    output_dir: Annotated[Path, typer.Option(metavar="FOLDER", help="Where cut-outs appear.")] = Path("out"),
    state_dir: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Journal, lock and socket; on a local disk.")
    ] = Path("state"),
) -> None:
    """Write a first configuration file and create its folders.

    FILE is config.yaml by default. Relative folders start at its folder.
    """
    from mattingd.cli import setting_up  # noqa: PLC0415

    run_verb(lambda: setting_up.init(path, hot_folder, output_dir, state_dir))
