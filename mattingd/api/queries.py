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
from mattingd.core.lifecycle import COUNTED_AS, WORKING, Job, State
from mattingd.core.settling import STILL_SETTLING, SourceId
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
        work, settler = daemon.scheduler.work, daemon.scheduler.intake.settler
        with reading(daemon.journal.path) as ledger:
            counts = count(ledger.states())
            last_end = ledger.last_end()
        waiting = counts["waiting"] + len(settler)
        rate = self._tally.rate()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_seconds": round((clock.monotonic_ns() - daemon.started) / clock.SECOND),
            "stopping": daemon.scheduler.stopping,
            "stops": _stops(daemon),
            "config": {"mistakes": daemon.reloads.mistakes, "restart": daemon.reloads.restart},
            "last_end": last_end,
            "test_engine": os.environ.get(TEST_ENGINE) == "1",
            "engine": _engine(daemon),
            "counts": {**counts, "waiting": waiting},
            "settling": len(settler),
            "in_work": [_work(daemon, work.jobs[number]) for number in sorted(work.in_flight)][:SHOWN],
            "held": [*_held_jobs(daemon), *_held_files(daemon)][:SHOWN],
            "rate": round(rate, 3),
            "eta_seconds": round(waiting / rate) if rate and waiting else None,
            "mean_batch": round(self._tally.batched / self._tally.batches, 2)
            if self._tally.batches
            else None,
            "folders": [_folder(daemon, number, self._tally) for number in daemon.folders],
            "output_dir": str(daemon.settings.output_dir),
            "space": daemon.scheduler.dispatcher.no_space,
            "retention": daemon.cleaner.report.refused,
        }

    def _settling(self, daemon: "Daemon", _: dict[str, Any]) -> dict[str, Any]:
        """Files that are seen and not yet in the journal."""
        intake = daemon.scheduler.intake
        keys = [(key.folder, key.path.hex(), resting.why) for key, resting in intake.settler.waiting()]
        admitting = [(key.folder, key.path.hex(), "settled") for key in intake.admitting]
        return {
            "folders": {str(number): str(folder.path) for number, folder in daemon.folders.items()},
            "files": keys + admitting,
            "unscanned": sorted(daemon.scheduler.unscanned),
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
        outcome = daemon.scheduler.engines.outcome
        if outcome is None or outcome.asked.ticket != request.get("ticket"):
            return {"settled": False}
        return {"settled": True, "refused": outcome.refused}


def _stops(daemon: "Daemon") -> dict[str, Any] | None:
    """What is waited for before the daemon ends, and for how long at most."""
    if not daemon.scheduler.stopping:
        return None
    return {
        "pictures": len(daemon.scheduler.waited_for()),
        "seconds": _seconds_until(daemon.scheduler.stop_at),
    }


def _engine(daemon: "Daemon") -> dict[str, Any]:
    """The engine that gets the pictures, and what it is doing."""
    engines, queue = daemon.scheduler.engines, daemon.scheduler.engine
    told: dict[str, Any] = {"state": engines.state, "weights": engines.models.current}
    if engines.why:
        told["why"] = engines.why
    if engines.up is not None:
        more = {
            "sha256": engines.up.model_sha256,
            "batch_seconds": engines.up.batch_seconds,
            "load_seconds": round(engines.up.load_seconds, 1),
        }
        told |= {**told_of_engine(engines.up), **more, "batch": queue.max_pictures}
    if engines.candidate is not None:
        told["coming"] = engines.candidate.asked.model
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
    work, intake = daemon.scheduler.work, daemon.scheduler.intake
    job = work.by_path.get(key)
    if job is not None:
        due = {"next_try_seconds": _seconds_until(job.due)} if job.state is State.HELD else {}
        return {
            "job": job.id,
            "state": str(job.state),
            "why": _why(daemon, job),
            **due,
            **_place(daemon, job),
        }
    if key in intake.admitting:
        return {"state": "settling", "why": "it is being taken"}
    for other, resting in intake.settler.waiting():
        if other == key:
            due = {} if resting.confirming else {"next_look_seconds": _seconds_until(resting.deadline)}
            return {"state": "settling", "why": resting.why, **due}
    return {}


def _why(daemon: "Daemon", job: Job) -> str:
    """Why it is not further."""
    if job.state is State.QUEUED and daemon.scheduler.work.paused(job.folder):
        return "its hot folder is paused; `mattingd resume` lets it go on"
    no_space = daemon.scheduler.dispatcher.no_space
    if no_space and job.state in {State.QUEUED, State.MATTED}:
        return no_space
    if job.state is State.QUEUED and daemon.scheduler.dispatcher.output_failures:
        return "the output folder could not be written; it is tried again"
    if job.state is State.QUEUED and job.quarantine_candidate:
        return f"it is tried by itself when its turn comes, since {job.reason}"
    return job.reason


def _seconds_until(deadline: int) -> float:
    return round(max(0, deadline - clock.monotonic_ns()) / clock.SECOND, 1)


def _held_jobs(daemon: "Daemon") -> list[dict[str, Any]]:
    """Jobs that something is in the way of."""
    waits = {State.HELD, State.PREPARED}
    return [
        _work(daemon, job) for job in daemon.scheduler.work.jobs.values() if job.state in waits and job.reason
    ]


def _held_files(daemon: "Daemon") -> list[dict[str, Any]]:
    """Files that are quiet and yet not taken, for what a look at them showed."""
    resting = daemon.scheduler.intake.settler.waiting()
    return [
        {"file": _name(daemon, key), "state": "settling", "why": rest.why}
        for key, rest in resting
        if rest.why != STILL_SETTLING
    ]


def _name(daemon: "Daemon", key: SourceId) -> str:
    return f"{daemon.names[key.folder]}/{readable(key.path)}"


def _work(daemon: "Daemon", job: Job) -> dict[str, Any]:
    name = _name(daemon, SourceId(job.folder, job.path))
    return {
        "job": job.id,
        "file": name,
        "state": str(job.state),
        "why": _why(daemon, job),
        "alone": job.isolated,
    }


def _place(daemon: "Daemon", job: Job) -> dict[str, Any]:
    """Pictures of the same folder before this one in the queue."""
    if job.state in WORKING or job.quarantine_candidate:
        return {}
    try:
        return {"before_it": daemon.scheduler.work.lanes.place(job.folder, job.id)}
    except (KeyError, ValueError):
        return {}


def _folder(daemon: "Daemon", number: int, tally: RunStats) -> dict[str, Any]:
    folder = daemon.folders[number]
    return {
        "name": folder.name,
        "path": str(folder.path),
        "preset": folder.preset_names,
        "watched": daemon.lookouts.how.get(number, "scans"),
        "trouble": tally.troubles.get(number),
        "paused": daemon.scheduler.work.paused(number),
        "queued": daemon.scheduler.work.lanes.queued(number),
        "passed_over": tally.passed_over.get(number, 0),
        "first_scan": "running" if number in daemon.scheduler.unscanned else "done",
    }
