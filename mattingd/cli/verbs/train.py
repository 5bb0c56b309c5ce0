"""`mattingd train`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Json


def train(
    data: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Your cut-outs, or pictures with masks.", show_default=False),
    ],
    start: Annotated[
        str, typer.Option("--from", metavar="MODEL", help="shipped, or a file of weights.")
    ] = "shipped",
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the new weights.")] = Path("tuned"),
    minutes: Annotated[
        float, typer.Option(min=0.1, metavar="NUMBER", help="Longest training in minutes.")
    ] = 30.0,
    steps: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="Largest number of steps.")] = 400,
    side: Annotated[list[int] | None, typer.Option(hidden=True)] = None,
    pixels: Annotated[int | None, typer.Option(hidden=True)] = None,
    json: Json = False,
) -> None:
    """Train the model further on your own pictures.

    A quarter of them is held out. The new weights are offered only if they are better there and not worse on
    a fixed set of other pictures.
    """
    from mattingd.cli.commands import train as train_command  # noqa: PLC0415

    order = train_command.Order(data, start, out, minutes, steps, tuple(side or ()), pixels, json)
    run_verb(lambda: train_command.train(order))
