"""What `mattingd run` does once its children start: the daemon, its log, and the services beside it."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from mattingd import __version__
from mattingd.api.desk import Desk
from mattingd.api.feed import Feed
from mattingd.api.feed_events import Places
from mattingd.api.socket_server import ControlServer
from mattingd.cli.people import for_people
from mattingd.config import Log, Settings
from mattingd.domain.commands import Command
from mattingd.domain.events import Fact, Reloaded
from mattingd.domain.exit_codes import ExitCode
from mattingd.notices.secrets import Secrets
from mattingd.observability.job_log import LogReporter, Names
from mattingd.observability.log_setup import configure_log
from mattingd.observability.recent_lines import RecentLines
from mattingd.observability.run_stats import RunStats
from mattingd.runtime.composition import Mode, compose
from mattingd.runtime.daemon import Daemon, Service
from mattingd.runtime.in_use import InUse
from mattingd.runtime.launch import Launch
from mattingd.runtime.reload import Source
from mattingd.runtime.signals import on_signals
from mattingd.runtime.web_child import WebChild
from mattingd.workers.entrypoint import TEST_ENGINE
from mattingd.workers.spawning import Programs

if TYPE_CHECKING:
    from mattingd.observability.metrics import Metrics


def serve(settings: Settings, config: Path, secrets: Secrets, programs: Programs, launch: Launch) -> ExitCode:
    """Work until stopped."""
    writing = Writing(settings.log)
    try:
        daemon = compose(settings, mode=Mode(programs=programs, launch=launch), source=Source(config))
        services = [*_listen(daemon, writing, secrets), page_of(settings, config)]
        on_signals(daemon.stop, daemon.reload)
        return daemon.run(*(service for service in services if service is not None)).code
    finally:
        writing.close()


def _listen(daemon: Daemon, writing: "Writing", secrets: Secrets) -> list[Service]:
    """Connect log, metrics, feed and notifications to the daemon, and open the control socket."""
    settings, log = daemon.in_use.settings, structlog.get_logger()
    tally, names = RunStats(), Names()
    names.folders = daemon.in_use.names
    feed = Feed(Places(names, daemon.in_use), daemon.journal.path, writing.recent)
    daemon.report_to(LogChanges(writing, daemon.in_use), LogReporter(names, log), tally, feed)
    control = ControlServer(settings.state_dir, Desk(daemon, tally, feed).serve, feed.close)
    log.info(
        "starting",
        version=__version__,
        hot_folders=[str(folder.path) for folder in settings.hot_folders],
        output_dir=str(settings.output_dir),
    )
    if os.environ.get(TEST_ENGINE) == "1":
        log.warning("test engine", why="mattes are no real mattes")
    if settings.metrics.port:
        offer_metrics(daemon, names, settings.metrics.port)
    return [control, *for_people(daemon, secrets)]


class Writing:
    """The log, written by the settings."""

    def __init__(self, wanted: Log) -> None:
        self.recent = RecentLines()
        self._wanted = wanted
        _, self._outlet = configure_log(wanted.format, wanted.level, recent=self.recent)

    def change(self, wanted: Log) -> None:
        """Use the log settings of another configuration."""
        if wanted != self._wanted:
            old, self._wanted = self._outlet, wanted
            _, self._outlet = configure_log(wanted.format, wanted.level, recent=self.recent)
            threading.Thread(target=old.close, name="log", daemon=True).start()  # it may wait for a stream

    def close(self) -> None:
        """Write the waiting lines, as far as that is possible soon."""
        self._outlet.close()


def page_of(settings: Settings, config: Path) -> WebChild | None:
    """Return the page; None when it is not configured."""
    if settings.web.listen is None:
        return None
    log = structlog.get_logger()
    return WebChild(config, lambda how: log.warning("page ended", why=how))


class LogChanges:
    """A reporter that applies changed settings to the log."""

    def __init__(self, writing: Writing, in_use: InUse) -> None:
        self._writing = writing
        self._in_use = in_use

    def fact(self, fact: Fact) -> None:
        """Handle a fact."""
        if isinstance(fact, Reloaded):
            self._writing.change(self._in_use.settings.log)

    def command(self, command: Command) -> None:
        """Handle a command."""


def offer_metrics(daemon: Daemon, names: Names, port: int) -> None:
    """Count what happens, and serve the metrics."""
    from mattingd.observability.metrics import Metrics  # noqa: PLC0415 - few use them

    metrics = Metrics(__version__, daemon.journal.path, lambda: names.folders, daemon.settling)
    daemon.report_to(metrics)
    offer(metrics, port)


def offer(metrics: "Metrics", port: int) -> None:
    """Serve the metrics; without them the daemon still makes cut-outs."""
    from mattingd.observability.metrics import LOOPBACK, MetricsError  # noqa: PLC0415 - as above

    log = structlog.get_logger()
    try:
        metrics.serve(port)
    except MetricsError as error:
        log.warning("no metrics", why=str(error))
    else:
        log.info("metrics", url=f"http://{LOOPBACK}:{port}/metrics")
