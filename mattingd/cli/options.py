"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.completion import hot_folders

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="MATTINGD_CONFIG",
        metavar="FILE",
        readable=False,  # an unreadable file gets a message of our own
        help="The configuration. Default: $MATTINGD_CONFIG, or the first that exists of ./config.yaml,"
        " ~/.config/mattingd/config.yaml and /etc/mattingd/config.yaml.",
        show_default=False,
        show_envvar=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

Trimaps = Annotated[
    list[str] | None,
    typer.Option(metavar="SET", help="A set whose masks have an undecided band of 128, which is left out."),
]

Pictures = Annotated[list[str] | None, typer.Argument(metavar="PICTURES", show_default=False, hidden=True)]

Folders = Annotated[
    list[str] | None,
    typer.Argument(metavar="FOLDERS", autocompletion=hot_folders, show_default=False, hidden=True),
]
