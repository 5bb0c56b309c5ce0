"""`mattingd clean`."""

from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def clean(
    config: Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be removed, and why.")
    ] = False,
    yes_all: Annotated[
        bool, typer.Option("--yes-all", help="Remove everything that is due, even if it is most of all.")
    ] = False,
    json: Json = False,
) -> None:
    """Remove expired cut-outs, as the daemon does.

    The section retention of the configuration says how long they are kept. Only files that the journal
    records as made here, unchanged since, are removed.
    """
    from mattingd.cli.commands import clean as clean_command  # noqa: PLC0415

    run_verb(lambda: clean_command.clean(config, dry_run=dry_run, yes_all=yes_all, as_json=json))
