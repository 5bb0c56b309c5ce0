"""`mattingd run`."""

from mattingd.cli.errors import run_verb
from mattingd.cli.options import Config


def run(config: Config = None) -> None:
    """Watch the hot folders and work, until stopped.

    Ctrl-C or SIGTERM stops it when the pictures in work are done; a second one stops it at once.
    """
    from mattingd.cli.commands import run as run_command  # noqa: PLC0415

    run_verb(lambda: run_command.run(config))
