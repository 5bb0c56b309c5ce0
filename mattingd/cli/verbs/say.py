"""`mattingd say`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json

Sources = Annotated[list[Path] | None, typer.Argument(metavar="PATHS", show_default=False, hidden=True)]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Folder for cut-outs; for one picture also a file."
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask; only if the whole sentence is understood.")
]


def say(
    text: Annotated[str, typer.Argument(metavar="SENTENCE", show_default=False, hidden=True)],
    paths: Sources = None,
    output: Output = None,
    yes: Yes = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say in Chinese or English what cut-outs should look like.

    What is understood is shown as a preset and settings. With PATHS, pictures or folders of pictures, they
    are also processed, once you agree. say "white background, 1000 px square, under 200 KB"
    """
    from mattingd.cli import saying  # noqa: PLC0415

    order = saying.Order(text, tuple(paths or ()), output, config, yes, json)
    run_verb(lambda: saying.say(order))
