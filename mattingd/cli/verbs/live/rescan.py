"""`mattingd rescan`."""

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Folders, Json


def rescan(folders: Folders = None, config: Config = None, json: Json = False) -> None:
    """Scan hot folders now.

    FOLDERS are hot folders by name or path. Default: all.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.rescan(config, folders or (), as_json=json))
