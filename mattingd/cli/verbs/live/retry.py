"""`mattingd retry`."""

from typing import Annotated

import typer

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json, Pictures


def retry(
    pictures: Pictures = None,
    done_too: Annotated[
        bool, typer.Option("--all", help="In folders and patterns retry everything, not only what failed.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--publish-anyway", help="Publish even without a subject, or from a damaged file."),
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Retry what failed, or any picture by its name.

    PICTURES are files in hot folders in any state: a waiting one is tried now, a finished one gets its next
    version. Of folders and quoted patterns ('in/shoes/*.jpg') only what failed is retried. Default:
    everything that failed.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.retry(config, pictures or (), done_too=done_too, anyway=anyway, as_json=json))
