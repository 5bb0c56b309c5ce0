"""`mattingd evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Json, Trimaps


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False, hidden=True)],
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="A model's name, or a file of weights.")
    ] = "cv-unet",
    trimaps: Trimaps = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the worst results to this PNG.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure the model on pictures with known mattes.

    FOLDER has pictures, each with its mask or matte beside it: shoe.png or shoe.mask.png for shoe.jpg.
    Every sub-folder is a separate set.
    """
    from mattingd.cli.commands import evaluate as evaluate_command  # noqa: PLC0415

    question = evaluate_command.Question(folder, model, tuple(trimaps or ()), sheet, json)
    run_verb(lambda: evaluate_command.evaluate(question))
