"""`mattingd run`."""

import os
from pathlib import Path

from mattingd import __version__
from mattingd.answers import Answers
from mattingd.child import TEST_ENGINE
from mattingd.cli.ending import CommandError, find_config
from mattingd.cli.log_lines import configure_log
from mattingd.config import load, problems_on_disk
from mattingd.daemon import Daemon
from mattingd.reports import LogReporter, Names, Tally
from mattingd.service import on_signals
from mattingd.values import ExitCode


def run(config: Path | None) -> ExitCode:
    """Work until stopped."""
    settings = load(find_config(config))
    problems = problems_on_disk(settings)
    if problems:
        raise CommandError(*problems, code=ExitCode.CONFIG)
    log, outlet = configure_log(settings.log.format, settings.log.level)
    tally = Tally()
    names = Names()
    daemon = Daemon(settings, [LogReporter(names, log), tally], answer=Answers(tally))
    names.folders = {number: folder.name for number, folder in daemon.folders.items()}
    on_signals(daemon.stop)
    log.info(
        "starting",
        version=__version__,
        hot_folders=[str(folder.path) for folder in settings.hot_folders],
        output_dir=str(settings.output_dir),
    )
    if os.environ.get(TEST_ENGINE) == "1":
        log.warning("test engine", why="mattes are no real mattes")
    try:
        return daemon.run().code
    finally:
        outlet.close()
