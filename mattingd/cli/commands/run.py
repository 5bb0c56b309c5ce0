"""`mattingd run`."""

import faulthandler
import os
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from mattingd import __version__
from mattingd.api.queries import Answers
from mattingd.cli.errors import CommandError, find_config
from mattingd.config import Log, kept_backgrounds, load, problems_on_disk
from mattingd.domain.commands import Command
from mattingd.domain.events import Fact, Reloaded
from mattingd.domain.exit_codes import ExitCode
from mattingd.observability.job_log import LogReporter, Names, RunStats
from mattingd.observability.log_setup import configure_log
from mattingd.observability.metrics import LOOPBACK, Metrics, MetricsError
from mattingd.runtime.daemon import JOURNAL, Daemon
from mattingd.runtime.reload import Source
from mattingd.runtime.sd_notify import Notifier
from mattingd.runtime.signals import on_signals
from mattingd.workers.entrypoint import TEST_ENGINE


def run(config: Path | None) -> ExitCode:
    """Work until stopped; why it cannot go on is told to the service manager as well."""
    faulthandler.enable(2)  # SIGABRT is how systemd ends what hangs: where it hung goes to the journal
    try:
        return _run(config)
    except Exception as error:
        Notifier().tell(STATUS="cannot go on: " + (str(error) or repr(error)).splitlines()[0])
        raise


def _run(config: Path | None) -> ExitCode:
    path = find_config(config).absolute()
    settings = load(path)
    problems = problems_on_disk(settings) or kept_backgrounds(settings)
    if problems:
        raise CommandError(*problems, code=ExitCode.FOLDER)
    writing = Writing(settings.log, lambda: daemon.settings.log)
    log = structlog.get_logger()
    tally, names = RunStats(), Names()
    metrics = Metrics(
        __version__,
        settings.state_dir / JOURNAL,
        folders=lambda: names.folders,
        settling=lambda: daemon.scheduler.settling(),  # noqa: PLW0108 - the daemon is made below
    )
    port = settings.metrics.port
    reporters = (writing, LogReporter(names, log), tally, *((metrics,) if port else ()))
    daemon = Daemon(settings, reporters, answer=Answers(tally), source=Source(path))
    names.folders = daemon.names
    on_signals(daemon.stop, daemon.reload)
    log.info(
        "starting",
        version=__version__,
        hot_folders=[str(folder.path) for folder in settings.hot_folders],
        output_dir=str(settings.output_dir),
    )
    if os.environ.get(TEST_ENGINE) == "1":
        log.warning("test engine", why="mattes are no real mattes")
    if port:
        offer(metrics, port)
    try:
        return daemon.run().code
    finally:
        writing.close()


class Writing:
    """Has the log written as the settings want it; a reporter, so that it hears of other settings."""

    def __init__(self, wanted: Log, in_use: Callable[[], Log]) -> None:
        self._wanted = wanted
        self._in_use = in_use
        _, self._outlet = configure_log(wanted.format, wanted.level)

    def fact(self, fact: Fact) -> None:
        """Something happened."""
        if isinstance(fact, Reloaded) and self._in_use() != self._wanted:
            old, self._wanted = self._outlet, self._in_use()
            _, self._outlet = configure_log(self._wanted.format, self._wanted.level)
            threading.Thread(target=old.close, name="log", daemon=True).start()  # it may wait for a stream

    def command(self, command: Command) -> None:
        """Something is going to be done."""

    def close(self) -> None:
        """Write what waits, as far as that is possible soon."""
        self._outlet.close()


def offer(metrics: Metrics, port: int) -> None:
    """Cut-outs are what the daemon is for: it does without figures rather than without them."""
    log = structlog.get_logger()
    try:
        metrics.serve(port)
    except MetricsError as error:
        log.warning("no metrics", why=str(error))
    else:
        log.info("metrics", url=f"http://{LOOPBACK}:{port}/metrics")
