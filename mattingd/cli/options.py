"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="MATTINGD_CONFIG",
        metavar="FILE",
        readable=False,  # whether it can be read is told in our own words
        help="The configuration. Default: $MATTINGD_CONFIG, or the first there is of ./config.yaml,"
        " ~/.config/mattingd/config.yaml and /etc/mattingd/config.yaml.",
        show_default=False,
        show_envvar=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]

Trimaps = Annotated[
    list[str] | None,
    typer.Option(metavar="SET", help="A set whose masks have an undecided band of 128; left out."),
]
