"""`mattingd pause` and `mattingd resume`."""

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config, Folders, Json


def pause(folders: Folders = None, config: Config = None, json: Json = False) -> None:
    """Pause hot folders: pictures are accepted, but none is started.

    FOLDERS are hot folders by name or path. Default: all. Pictures in work are finished. The pause survives
    restarts, until `mattingd resume`.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.pause(config, folders or (), paused=True, as_json=json))


def resume(folders: Folders = None, config: Config = None, json: Json = False) -> None:
    """Resume paused hot folders.

    FOLDERS are hot folders by name or path. Default: all.
    """
    from mattingd.cli.commands import live_work  # noqa: PLC0415

    run_verb(lambda: live_work.pause(config, folders or (), paused=False, as_json=json))
