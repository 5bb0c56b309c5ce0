"""The daemon's answers to questions on the control socket, made on the scheduler's thread, so quickly.

These only report; requests for changes are in `actions`, lists of any length in `pages`.
"""

import os
from collections import Counter
from dataclasses import asdict

import msgspec

from mattingd import __version__
from mattingd.api.schemas import answers, fleet, requests
from mattingd.core.lifecycle import COUNTED_AS, State
from mattingd.core.settling import SourceId
from mattingd.core.snapshot import DeviceView, EngineView, FolderView, JobView, PendingView, SchedulerSnapshot
from mattingd.domain.reasons import Reason
from mattingd.domain.text import readable
from mattingd.journal import JournalReader, reading
from mattingd.observability.run_stats import RunStats
from mattingd.runtime.daemon import Daemon
from mattingd.system import clock
from mattingd.words import Language
from mattingd.workers.entrypoint import TEST_ENGINE

SHOWN = 20
"""Pictures named one by one in a status."""


def status(daemon: Daemon, tally: RunStats, request: requests.Status) -> answers.Status:
    """Return what the daemon is doing.

    The journal is counted on the client's thread, because that is slow.
    """
    with reading(daemon.journal.path) as ledger:
        counts = picture_counts(ledger)
        last_end = ledger.last_end()
    words = language_of(daemon, request)
    return daemon.between_turns(lambda: _status(daemon, tally, counts, last_end, words))


def language_of(daemon: Daemon, request: requests.Status | requests.Queue) -> Language:
    """Return the language that reasons are told in: the requested or the configured one."""
    return request.language or daemon.in_use.settings.words


def _status(
    daemon: Daemon,
    tally: RunStats,
    counts: dict[str, int],
    last_end: dict[str, object] | None,
    words: Language,
) -> answers.Status:
    now, status = daemon.scheduler.snapshot(), daemon.scheduler.status
    return answers.Status(
        version=__version__,
        pid=os.getpid(),
        uptime_seconds=round((clock.monotonic_ns() - daemon.started) / clock.SECOND),
        stopping=now.stopping,
        stops=_stops(now),
        config=answers.Config(daemon.parts.change.mistakes, daemon.parts.change.restart),
        last_end=last_end,
        test_engine=os.environ.get(TEST_ENGINE) == "1",
        engine=_engine(now.engine),
        counts={**counts, "waiting": counts["waiting"] + now.settling},
        waiting=answers.Waiting(**asdict(now.waits)),
        settling=now.settling,
        in_work=[picture(daemon, view, words) for view in status.in_work(SHOWN)],
        held=[picture(daemon, view, words) for view in status.held(SHOWN)],
        rate=round(tally.rate(), 3),
        eta_seconds=_rounded(now.eta_seconds),
        mean_batch=round(tally.batched / tally.batches, 2) if tally.batches else None,
        folders=[_folder(daemon, each, now.folders[each], tally, words) for each in daemon.in_use.folders],
        output_dir=str(daemon.in_use.settings.output_dir),
        space=_told(now.no_space, words) or None,
        retention=daemon.parts.cleaner.report.refused,
        others=tally.others,
        remote=None if tally.remote is None else msgspec.convert(asdict(tally.remote), fleet.Remote),
    )


def where(daemon: Daemon, request: requests.Where) -> answers.Where:
    """Return what the daemon knows of one file beyond the journal."""
    root, path = bytes.fromhex(request.root), bytes.fromhex(request.path)
    number = next((n for n, folder in daemon.in_use.folders.items() if os.fsencode(folder.path) == root), 0)
    known, words = daemon.scheduler.status.source(SourceId(number, path)), daemon.in_use.settings.words
    if (job := known.job) is not None:
        return answers.Where(
            state=str(job.state),
            why=_told(job.why, words),
            code=job.why.code,
            job=job.job,
            next_try_seconds=None if job.next_try is None else _seconds_until(job.next_try),
            before_it=job.before_it,
            eta_seconds=_rounded(job.eta_seconds),
        )
    if (file := known.pending) is not None:
        due = None if file.next_look is None else _seconds_until(file.next_look)
        return answers.Where(
            state="settling",
            why=_told(file.why, words),
            code=file.why.code,
            next_look_seconds=due,
            unchanged_seconds=None if file.since is None else _seconds_since(file.since),
        )
    return answers.Where()


def cleaned(daemon: Daemon, _: requests.Cleaned) -> answers.Cleaned:
    """Return the newest finished request for cleaning, and its result."""
    number = daemon.parts.cleaner.done
    report = msgspec.convert(asdict(daemon.parts.cleaner.report), answers.CleaningReport)
    return answers.Cleaned(number, report)


def model_outcome(daemon: Daemon, request: requests.ModelOutcome) -> answers.ModelOutcome:
    """Return whether a request for a model is settled, and why the model is refused if it is."""
    outcome = daemon.scheduler.snapshot().model_outcome
    if outcome is None or outcome.ticket != request.ticket:
        return answers.ModelOutcome(settled=False)
    return answers.ModelOutcome(settled=True, refused=outcome.refused)


def count(states: dict[str, int]) -> dict[str, int]:
    """Count jobs by users' words, from jobs by state."""
    words: Counter[str] = Counter(dict.fromkeys(COUNTED_AS.values(), 0))
    for state, number in states.items():
        words[COUNTED_AS[State(state)]] += number
    return dict(words)


def picture_counts(ledger: JournalReader) -> dict[str, int]:
    """Count the same from the journal, where a failed picture counts once, however often it was tried."""
    return {**count(ledger.states()), "failed": ledger.failed_pictures()}


def picture(daemon: Daemon, view: JobView | PendingView, words: Language) -> answers.Picture:
    """Return an unfinished picture, or a pending file; in this language why it waits."""
    folder, path = view.source
    job = view if isinstance(view, JobView) else None
    return answers.Picture(
        file=f"{daemon.in_use.names[folder]}/{readable(path)}",
        state="settling" if job is None else str(job.state),
        why=_told(view.why, words),
        code=view.why.code,
        job=None if job is None else job.job,
        alone=job is not None and job.isolated,
        folder=daemon.in_use.names[folder],
        root=daemon.in_use.roots[folder].hex(),
        path=path.hex(),
    )


def _stops(now: SchedulerSnapshot) -> answers.Stopping | None:
    """Return what the daemon waits for before it ends, and its time limit."""
    if not now.stopping:
        return None
    return answers.Stopping(now.finishing, _seconds_until(now.stop_deadline))


def _engine(engine: EngineView) -> answers.Engine:
    """Return the engine that gets the pictures, and what it is doing."""
    devices = tuple(map(_device, engine.devices))
    if (up := engine.up) is None:
        return answers.Engine(engine.state, engine.weights, engine.why, coming=engine.coming, devices=devices)
    return answers.Engine(
        state=engine.state,
        weights=engine.weights,
        why=engine.why,
        model=up.model,
        device=up.device,
        driver=up.driver,
        precision=up.precision,
        batch=engine.max_batch,
        sha256=up.model_sha256,
        batch_seconds=up.batch_seconds,
        load_seconds=round(up.load_seconds, 1),
        coming=engine.coming,
        devices=devices,
    )


def _device(view: DeviceView) -> fleet.Device:
    device, precision, batch = (
        (None, None, None) if view.up is None else (view.up.device, view.up.precision, view.up.max_batch)
    )
    return fleet.Device(
        view.name, view.state, device, precision, batch, view.why, view.in_work, view.pictures
    )


def _told(reason: Reason | None, words: Language) -> str:
    """Return a reason in a language; empty without one."""
    return "" if reason is None else reason.told(words)


def _seconds_until(deadline: int) -> float:
    return round(max(0, deadline - clock.monotonic_ns()) / clock.SECOND, 1)


def _seconds_since(time: int) -> float:
    return round((clock.monotonic_ns() - time) / clock.SECOND, 1)


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _folder_state(now: FolderView) -> str:
    if now.offline:
        return "offline"
    if now.paused:
        return "paused"
    return "closed" if now.opens else "online"


def _folder(daemon: Daemon, number: int, now: FolderView, tally: RunStats, words: Language) -> answers.Folder:
    folder = daemon.in_use.folders[number]
    return answers.Folder(
        name=folder.name,
        path=str(folder.path),
        preset=folder.preset_names,
        watched=daemon.parts.scanners.how.get(number, "scans"),
        trouble=_told(tally.troubles.get(number), words) or None,
        paused=now.paused,
        queued=now.queued,
        passed_over=tally.passed_over.get(number, 0),
        first_scan="done" if now.scanned else "running",
        root=bytes(folder.path).hex(),
        state=_folder_state(now),
        opens=now.opens,
        staying=tuple(
            answers.Staying(readable(each.name), tuple(map(readable, each.waits_for))) for each in now.staying
        ),
    )
