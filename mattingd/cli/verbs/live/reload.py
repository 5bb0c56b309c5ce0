"""`mattingd reload`."""

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Json


def reload(config: Config = None, json: Json = False) -> None:
    """Make the daemon read its configuration again; print changes.

    Later files get the new settings; accepted pictures keep theirs. If there are mistakes, they are printed
    and the settings in use stay. SIGHUP does the same.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.reload(config, as_json=json))
