"""Log lines about the workers on other machines: joined, refused, slow or left, each once."""

from typing import Any

from mattingd.domain import events


class RemoteLog:
    """See the module. Gets every fact that the log gets; logs little."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._reached: bool | None = None
        self._known: dict[str, tuple[str, str]] = {}

    def fact(self, fact: events.Fact) -> None:
        """Log a change."""
        if isinstance(fact, events.RemoteEnded):
            why = f"the process that talks to them ended: {fact.how}; what they had is done here"
            self._log.warning("remote workers", why=why)
        elif isinstance(fact, events.RemoteState):
            self._scheduler(fact)
            for worker in fact.workers:
                self._worker(worker)
            for name in self._known.keys() - {worker.name for worker in fact.workers}:
                del self._known[name]
                self._log.info("remote worker", worker=name, why="it left, or was lost")

    def _scheduler(self, state: events.RemoteState) -> None:
        if state.reached == self._reached:
            return
        self._reached = state.reached
        if state.reached:
            self._log.info("remote workers", why=f"the scheduler {state.scheduler} is reached")
        else:
            why = f"{state.scheduler} cannot be reached, this machine works alone: {state.why}"
            self._log.warning("remote workers", why=why)

    def _worker(self, worker: events.RemoteWorker) -> None:
        if worker.state == "warming" or self._known.get(worker.name) == (worker.state, worker.why):
            return
        self._known[worker.name] = worker.state, worker.why
        if worker.state == "ready":
            told = f"it is ready: {worker.device}, {worker.precision}, version {worker.version}"
            self._log.info("remote worker", worker=worker.name, why=told)
        else:
            self._log.warning("remote worker", worker=worker.name, why=f"{worker.state}: {worker.why}")
