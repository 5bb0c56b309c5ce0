"""`mattingd doctor`."""

from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def doctor(
    config: Config = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not load and test the model.")] = False,
    json: Json = False,
) -> None:
    """Test the set-up; explain each finding, with its remedy.

    Uses real files and the real model; nothing is changed. As root, folders are tested as the owner of the
    state directory. Exit codes: 0 no problem, 1 a warning, 3 a problem that stops pictures from being done.
    """
    from mattingd.cli.commands import doctor as doctor_command  # noqa: PLC0415

    run_verb(lambda: doctor_command.doctor(config, quick=quick, as_json=json))
