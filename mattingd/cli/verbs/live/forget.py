"""`mattingd forget`."""

from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def forget(
    pictures: Annotated[list[str], typer.Argument(metavar="PICTURES", show_default=False, hidden=True)],
    config: Config = None,
    json: Json = False,
) -> None:
    """Forget finished pictures: they count as new.

    PICTURES are files in hot folders, folders or quoted patterns. Their cut-outs stay, and retention does not
    remove them any more. Pictures that are still in a hot folder are processed again, under their plain name
    if that is free.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.forget(config, pictures, as_json=json))
