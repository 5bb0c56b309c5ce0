"""`mattingd audit`."""

from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def audit(
    config: Config = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also compare every cut-out's content.")] = False,
    json: Json = False,
) -> None:
    """Prove that every dropped file is accounted for; list every gap."""
    from mattingd.cli.commands import audit as audit_command  # noqa: PLC0415

    run_verb(lambda: audit_command.audit(config, deep=deep, as_json=json))
