"""What a running daemon answers on its control socket: on the scheduler's thread, so quick.

The answers here only tell; what somebody wants done stands in `orders`.
"""

import os
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mattingd import __version__
from mattingd.api import actions
from mattingd.core import retention
from mattingd.core.lifecycle import COUNTED_AS, State
from mattingd.core.settling import SourceId
from mattingd.core.snapshot import EngineView, FolderView, JobView, PendingView, SchedulerSnapshot
from mattingd.domain.text import readable
from mattingd.journal import reading
from mattingd.observability.job_log import RunStats, told_of_engine
from mattingd.system import clock
from mattingd.workers.entrypoint import TEST_ENGINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from mattingd.runtime.daemon import Daemon

SHOWN = 20
"""Pictures named one by one in a status."""


class Answers:
    """Answers requests; see the verbs below."""

    def __init__(self, tally: RunStats) -> None:
        self._tally = tally
        self._verbs: dict[str, Callable[[Daemon, dict[str, Any]], dict[str, Any]]] = {
            "status": self._status,
            "settling": self._settling,
            "where": self._where,
            "clean": _clean,
            "cleaned": _cleaned,
            "rescan": actions.rescan,
            "retry": actions.retry,
            "forget": actions.forget,
            "pause": actions.pause,
            "use model": self._use_model,
            "model outcome": self._model_outcome,
        }

    def __call__(self, daemon: "Daemon", request: Any) -> dict[str, Any]:
        """The answer to a request, whoever wrote it; `error` says why there is none."""
        verb = str(request.get("verb")) if isinstance(request, dict) else ""
        if verb not in self._verbs:
            return {"error": "it does not know that question"}
        return self._verbs[verb](daemon, request)

    def _status(self, daemon: "Daemon", _: dict[str, Any]) -> dict[str, Any]:
        now, status = daemon.scheduler.snapshot(), daemon.scheduler.status
        with reading(daemon.journal.path) as ledger:
            counts = count(ledger.states())
            last_end = ledger.last_end()
        waiting = counts["waiting"] + now.settling
        rate = self._tally.rate()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_seconds": round((clock.monotonic_ns() - daemon.started) / clock.SECOND),
            "stopping": now.stopping,
            "stops": _stops(now),
            "config": {"mistakes": daemon.reloads.mistakes, "restart": daemon.reloads.restart},
            "last_end": last_end,
            "test_engine": os.environ.get(TEST_ENGINE) == "1",
            "engine": _engine(now.engine),
            "counts": {**counts, "waiting": waiting},
            "settling": now.settling,
            "in_work": [_told_of(daemon, view) for view in status.in_work(SHOWN)],
            "held": [_told_of(daemon, view) for view in status.held(SHOWN)],
            "rate": round(rate, 3),
            "eta_seconds": round(waiting / rate) if rate and waiting else None,
            "mean_batch": round(self._tally.batched / self._tally.batches, 2)
            if self._tally.batches
            else None,
            "folders": [
                _folder(daemon, number, now.folders[number], self._tally) for number in daemon.folders
            ],
            "output_dir": str(daemon.settings.output_dir),
            "space": now.no_space,
            "retention": daemon.cleaner.report.refused,
        }

    def _settling(self, daemon: "Daemon", _: dict[str, Any]) -> dict[str, Any]:
        """Files that are seen and not yet in the journal."""
        scans = daemon.scheduler.snapshot().folders.items()
        return {
            "folders": {str(number): str(folder.path) for number, folder in daemon.folders.items()},
            "files": [
                (file.source.folder, file.source.path.hex(), "settled" if file.settled else file.why)
                for file in daemon.scheduler.status.pending()
            ],
            "unscanned": sorted(number for number, folder in scans if not folder.scanned),
        }

    def _where(self, daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
        """What the daemon knows of one file, beyond the journal."""
        try:
            root, path = bytes.fromhex(request["root"]), bytes.fromhex(request["path"])
        except (KeyError, TypeError, ValueError):
            return {"error": "it was not told which file"}
        number = next((n for n, folder in daemon.folders.items() if os.fsencode(folder.path) == root), 0)
        return _where_is(daemon, SourceId(number, path))

    def _use_model(self, daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
        model = request.get("model")
        if not isinstance(model, str):
            return {"error": "it was not told which model"}
        return {"ticket": daemon.use_model(model, anew=request.get("anew") is True)}

    def _model_outcome(self, daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
        """Whether that request is settled, and why its model is not used if it is not."""
        outcome = daemon.scheduler.snapshot().model_outcome
        if outcome is None or outcome.ticket != request.get("ticket"):
            return {"settled": False}
        return {"settled": True, "refused": outcome.refused}


def _stops(now: SchedulerSnapshot) -> dict[str, Any] | None:
    """What is waited for before the daemon ends, and for how long at most."""
    if not now.stopping:
        return None
    return {"pictures": now.finishing, "seconds": _seconds_until(now.stop_deadline)}


def _engine(engine: EngineView) -> dict[str, Any]:
    """The engine that gets the pictures, and what it is doing."""
    told: dict[str, Any] = {"state": engine.state, "weights": engine.weights}
    if engine.why:
        told["why"] = engine.why
    if engine.up is not None:
        more = {
            "sha256": engine.up.model_sha256,
            "batch_seconds": engine.up.batch_seconds,
            "load_seconds": round(engine.up.load_seconds, 1),
        }
        told |= {**told_of_engine(engine.up), **more, "batch": engine.max_batch}
    if engine.coming is not None:
        told["coming"] = engine.coming
    return told


def _clean(daemon: "Daemon", request: dict[str, Any]) -> dict[str, Any]:
    removes = retention.removes(daemon.settings.retention)
    return {"number": daemon.cleaner.sweep(confirmed=request.get("confirmed") is True), "removes": removes}


def _cleaned(daemon: "Daemon", _: dict[str, Any]) -> dict[str, Any]:
    """The newest request for cleaning that was dealt with, and what came of it."""
    number = daemon.cleaner.done
    return {"number": number, "report": asdict(daemon.cleaner.report)}


def count(states: dict[str, int]) -> dict[str, int]:
    """Jobs by the words people read, from jobs by state."""
    words: Counter[str] = Counter(dict.fromkeys(COUNTED_AS.values(), 0))
    for state, number in states.items():
        words[COUNTED_AS[State(state)]] += number
    return dict(words)


def _where_is(daemon: "Daemon", key: SourceId) -> dict[str, Any]:
    known = daemon.scheduler.status.source(key)
    if (job := known.job) is not None:
        due = {} if job.next_try is None else {"next_try_seconds": _seconds_until(job.next_try)}
        place = {} if job.before_it is None else {"before_it": job.before_it}
        return {"job": job.job, "state": str(job.state), "why": job.why, **due, **place}
    if (file := known.pending) is not None:
        due = {} if file.next_look is None else {"next_look_seconds": _seconds_until(file.next_look)}
        return {"state": "settling", "why": file.why, **due}
    return {}


def _seconds_until(deadline: int) -> float:
    return round(max(0, deadline - clock.monotonic_ns()) / clock.SECOND, 1)


def _told_of(daemon: "Daemon", view: JobView | PendingView) -> dict[str, Any]:
    """One line of `status`."""
    name = f"{daemon.names[view.source.folder]}/{readable(view.source.path)}"
    if isinstance(view, PendingView):
        return {"file": name, "state": "settling", "why": view.why}
    return {
        "job": view.job,
        "file": name,
        "state": str(view.state),
        "why": view.why,
        "alone": view.isolated,
    }


def _folder(daemon: "Daemon", number: int, now: FolderView, tally: RunStats) -> dict[str, Any]:
    folder = daemon.folders[number]
    return {
        "name": folder.name,
        "path": str(folder.path),
        "preset": folder.preset_names,
        "watched": daemon.lookouts.how.get(number, "scans"),
        "trouble": tally.troubles.get(number),
        "paused": now.paused,
        "queued": now.queued,
        "passed_over": tally.passed_over.get(number, 0),
        "first_scan": "done" if now.scanned else "running",
    }
