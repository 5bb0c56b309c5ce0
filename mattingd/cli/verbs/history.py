"""`mattingd history`."""

from typing import Annotated

import typer

from mattingd.cli.completion import hot_folders
from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def history(  # noqa: PLR0913, PLR0917 - one argument an option, as typer wants it
    config: Config = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only since: 30m, 2h, 7d, today, 2026-11-20."),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", autocompletion=hot_folders, help="Only this hot folder, by name or path."
        ),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed pictures, with the reason.")] = False,
    ignored: Annotated[bool, typer.Option("--ignored", help="Only ignored files, with the reason.")] = False,
    look: Annotated[bool, typer.Option("--needs-look", help="Only cut-outs that need checking.")] = False,
    weeks: Annotated[
        bool, typer.Option("--weeks", help="By week: how many cut-outs were kept, touched up and redone.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most this many, the newest.")] = 20,
    json: Json = False,
) -> None:
    """List finished pictures, when and where; the newest last."""
    from mattingd.cli.commands import history as history_command  # noqa: PLC0415

    if weeks:
        run_verb(lambda: history_command.weeks(config, folder=folder, limit=limit, as_json=json))
    only = [state for state, wanted in (("failed", failed), ("ignored", ignored), ("done", look)) if wanted]
    run_verb(
        lambda: history_command.history(
            config, since=since, folder=folder, only=only, look=look, limit=limit, as_json=json
        )
    )
