"""Figures for Prometheus and its kin, on a port of this machine alone. Off unless `metrics: port:` is set.

A reporter counts what happens; what lies in the queue is asked of the journal when somebody scrapes, on the
scraper's thread: the scheduler does nothing for it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from mattingd.domain import commands, events
from mattingd.journal import JournalError, reading
from mattingd.system import clock

LOOPBACK = "127.0.0.1"
"""Whoever wants the figures elsewhere puts a proxy before it that asks for a password."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)
"""Bounds of the histogram of batch sizes."""
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Of the histograms of times."""
WAITING = ("queued", "reading", "ready", "inferring", "matted", "finishing", "prepared", "held")
"""States in the order of the way; each is told even when nothing is in it."""

Folders = Callable[[], Mapping[int, str]]


class MetricsError(Exception):
    """The metrics cannot be served; the message says why, and what to do."""


class Metrics:
    """A reporter that counts. Fed on the scheduler's thread, read by scrapers on theirs."""

    def __init__(self, version: str, journal: Path, folders: Folders, settling: Callable[[], int]) -> None:
        """Start with zeros.

        Args:
            version: the program's version.
            journal: path of the journal.
            folders: returns the hot folders' names by number; called on other threads, too.
            settling: returns how many files were seen and are not in the journal yet; called on other
                threads.
        """
        self.registry = registry = CollectorRegistry()
        self._folders = folders
        self._publishing: dict[int, int] = {}
        """When the publishing of a job began."""
        self.offline = Offline(folders)
        registry.register(self.offline)
        registry.register(Queue(journal, settling))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        Info("mattingd", "The program.", registry=registry).info({"version": version})

        def make(kind: Any, name: str, help_text: str, labels: tuple[str, ...] = (), **more: Any) -> Any:
            return kind(f"mattingd_{name}", help_text, labels, registry=registry, **more)

        self._pictures = make(Counter, "pictures", "Files that came to an end.", ("folder", "result"))
        self._drops = make(Counter, "drops", "Drops that came to an end.", ("folder",))
        self._faults = make(
            Counter, "faults", "Attempts that did not succeed, whatever came of it.", ("kind",)
        )
        self._batches = make(Counter, "batches", "Batches sent to the model.", ("reason",))
        self._batch_pictures = make(
            Histogram, "batch_pictures", "Pictures in a batch sent to the model.", buckets=BATCHES
        )
        self._stages = make(
            Histogram, "stage_seconds", "Time that one operation took.", ("stage",), buckets=SECONDS
        )
        self._scans = make(Counter, "scans", "Complete scans of a hot folder.", ("folder",))
        self._scan_seconds = make(Gauge, "scan_seconds", "Duration of the last complete scan.", ("folder",))
        self._scan_files = make(Gauge, "scan_files", "Files met by the last complete scan.", ("folder",))
        self._overflows = make(Counter, "overflows", "Times the kernel dropped notifications.", ("folder",))
        self._engine_up = make(Gauge, "engine_up", "1 when the model is ready.")
        self._engine = make(Info, "engine", "The model and its device.")
        self._came_up: events.EngineUp | None = None
        self._used = self._beside = 0
        """The engine that gets the pictures, and the one that comes up beside it with another model."""
        self._starts = make(Counter, "starts", "Starts of a child process.", ("child",))
        for kind in (*events.InferFault, "worker died", "engine died"):
            self._faults.labels(kind)
        for sent in commands.Sent:
            self._batches.labels(sent)

    def serve(self, port: int) -> Callable[[], None]:
        """Serve the metrics on a local port; returns a function that ends that.

        Raises:
            MetricsError: the port cannot be used.
        """
        try:
            server, thread = start_http_server(port, LOOPBACK, self.registry)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MetricsError(
                f"port {port} of {LOOPBACK} cannot be used: {reason}; free it, or set another in metrics.port"
            ) from None

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return close

    # --- reporter ---

    def fact(self, fact: events.Fact) -> None:  # noqa: C901, PLR0912 - one line for each kind of fact
        """Count a fact."""
        match fact:
            case events.JobEnded(job=job, folder=folder, state=state):
                self._publishing.pop(job, None)
                self._pictures.labels(self._name(folder), state).inc()
            case events.DropEnded(folder=folder):
                self._drops.labels(self._name(folder)).inc()
            case events.ReadOk(seconds=seconds):
                self._stages.labels("read").observe(seconds)
            case events.Inferred(seconds=seconds):
                self._stages.labels("infer").observe(seconds)
            case events.Finished(seconds=seconds):
                self._stages.labels("finish").observe(seconds)
            case events.Published(job=job):
                began = self._publishing.pop(job, None)
                if began is not None:
                    self._stages.labels("publish").observe((clock.monotonic_ns() - began) / clock.SECOND)
            case events.Faulted(fault=fault):
                self._faults.labels(fault).inc()
            case events.InferFailed(fault=fault):
                self._faults.labels(fault).inc()
            case events.WorkerUp():
                self._starts.labels("worker").inc()
            case events.WorkerDied():
                self._faults.labels("worker died").inc()
            case events.EngineUp():
                self._starts.labels("engine").inc()
                self._came_up = fact
                if fact.engine != self._beside:
                    self._tell_of_engine()
            case events.EngineDied(engine=engine):
                self._faults.labels("engine died").inc()
                if engine != self._beside:
                    self._engine_up.set(0)
            case events.Scanned(folder=folder, files=files, seconds=seconds):
                name = self._name(folder)
                self._scans.labels(name).inc()
                self._scan_seconds.labels(name).set(seconds)
                self._scan_files.labels(name).set(files)
            case events.Overflowed(folder=folder):
                self._overflows.labels(self._name(folder)).inc()
            case events.FolderTrouble(folder=folder, reason=reason):
                self.offline.tell(folder, offline=reason is not None)
            case _:
                pass

    def command(self, command: commands.Command) -> None:
        """Count a command."""
        match command:
            case commands.Infer(jobs=jobs, sent=sent):
                self._batches.labels(sent).inc()
                self._batch_pictures.observe(len(jobs))
            case commands.StartEngine(engine=engine, beside=True):
                self._beside = engine
            case commands.UseModel():
                self._tell_of_engine()
            case commands.EndEngine(engine=engine) if engine == self._used:
                self._engine_up.set(0)
            case commands.Publish(job=job):
                self._publishing[job] = clock.monotonic_ns()
            case _:
                pass

    def _tell_of_engine(self) -> None:
        """Report the engine that came up last: it is the one in use."""
        if (fact := self._came_up) is not None:
            self._used, self._beside = fact.engine, 0
            self._engine_up.set(1)
            told = ("model", "model_sha256", "device", "driver", "precision", "max_batch")
            self._engine.info({name: str(getattr(fact, name)) for name in told})

    def _name(self, folder: int) -> str:
        return self._folders().get(folder, "?")


class Offline:
    """Seconds that each hot folder could not be read, up to the moment of the scrape."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._before: dict[int, int] = {}
        """Nanoseconds in outages that are over."""
        self._since: dict[int, int] = {}
        """When the present outage began."""

    def tell(self, folder: int, *, offline: bool) -> None:
        """Record that a folder went offline, or came back."""
        now = clock.monotonic_ns()
        if offline:
            self._since.setdefault(folder, now)
        elif (since := self._since.pop(folder, None)) is not None:
            self._before[folder] = self._before.get(folder, 0) + now - since

    def collect(self) -> Iterator[Any]:
        """Collect for a scrape."""
        now = clock.monotonic_ns()
        seconds = CounterMetricFamily(
            "mattingd_offline_seconds", "Time in which a hot folder could not be read.", labels=("folder",)
        )
        online = GaugeMetricFamily(
            "mattingd_folder_up", "1 when a hot folder can be read.", labels=("folder",)
        )
        for folder, name in dict(self._folders()).items():
            since = self._since.get(folder)
            outage = 0 if since is None else now - since
            seconds.add_metric((name,), (self._before.get(folder, 0) + outage) / clock.SECOND)
            online.add_metric((name,), float(since is None))
        yield seconds
        yield online


class Queue:
    """The waiting pictures, by the journal."""

    def __init__(self, journal: Path, settling: Callable[[], int]) -> None:
        self._journal = journal
        self._settling = settling

    def collect(self) -> Iterator[Any]:
        """Collect for a scrape; empty while the journal cannot be read."""
        try:
            with reading(self._journal) as ledger:
                states, since = ledger.waiting()
        except JournalError:
            return
        files = GaugeMetricFamily("mattingd_waiting_files", "Files on their way.", labels=("state",))
        files.add_metric(("settling",), self._settling())
        for state in WAITING:
            files.add_metric((state,), states.get(state, 0))
        yield files
        oldest = 0.0 if since is None else (clock.wall() - datetime.fromisoformat(since)).total_seconds()
        yield GaugeMetricFamily(
            "mattingd_oldest_wait_seconds",
            "Since when the file waits that was taken first.",
            max(0.0, oldest),
        )
