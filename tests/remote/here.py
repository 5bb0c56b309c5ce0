"""A cluster whose workers are threads of this process, and a bridge with a daemon that only listens."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mattingd_test_engine import CountingEngine

from mattingd.core.output_paths import place
from mattingd.domain.commands import Finish, Read, RemoteConfig, WorkerConfig
from mattingd.domain.events import Faulted, Finished, ReadOk, RemoteState
from mattingd.domain.jobs import Output, PictureLimits
from mattingd.domain.presets import Preset
from mattingd.inference import start_up
from mattingd.remote.bridge import Bridge
from mattingd.remote.whole_picture import WholePictures
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.workers.protocol import TASK_FACTS, Message, packed, unpacked
from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import wait_until

FIRST = 2
WEIGHTS = "0" * 64
Change = Callable[[Any], object]


class HereCluster:
    """Workers that are threads of this process; `change` may be done to what they answer."""

    def __init__(self, **workers: "Change | None") -> None:
        self.workers_there: dict[str, Change | None] = dict(workers)
        self.frozen: set[str] = set()
        self.sent: list[str] = []
        self.version: dict[str, str] = {}
        self.gone = ""
        self.unheard = 0
        self.cancelled: list[int] = []
        self.pictures_of = {name: engine(name) for name in workers}
        self._answered: Any = None

    def connect(self, _: RemoteConfig, answered: Any) -> "HereCluster":
        self._answered = answered
        return self

    def workers(self) -> tuple[str, ...]:
        if self.gone:
            raise OSError(self.gone)
        return tuple(self.workers_there)

    def make(self, address: str, task: int, block: bytes) -> None:
        self.sent.append(address)
        if address not in self.frozen:
            change = self.workers_there[address]
            answer = self.pictures_of[address].make(block)
            self._answered(address, task, change(answer) if change else answer, "")

    def ask_facts(self, address: str) -> None:
        facts, _ = unpacked(self.pictures_of[address].facts(), TASK_FACTS)
        facts = replace(facts, version=self.version.get(address, facts.version))
        if self.unheard:
            self.unheard -= 1
            self._answered(address, 0, None, "it timed out")
        elif address not in self.frozen:
            self._answered(address, 0, packed((facts, None)), "")

    def cancel(self, task: int) -> None:
        self.cancelled.append(task)

    def close(self) -> None:
        """Nothing is open."""


def engine(name: str, weights: dict[str, Any] | None = None, *, most: int = 1 << 30) -> WholePictures:
    counting = CountingEngine("cpu", weights)
    up = start_up.bring_up(counting, 0, clock.monotonic_ns())
    return WholePictures(name, counting, up, 1 << 30, 1, most)


class Side:
    """A bridge with a daemon that only listens."""

    def __init__(
        self, root: Path, cluster: HereCluster, *, seconds: float = 12.0, disk: Disk | None = None
    ) -> None:
        self.said: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.facts: list[Any] = []
        self.hot, self.out = root / "in", root / "out"
        for folder in (self.hot, self.out):
            folder.mkdir()
        self.bench = WorkerConfig(
            FIRST, {1: bytes(self.hot)}, str(self.out), "me", PictureLimits(), CountingEngine().spec.net
        )
        self.cluster = cluster
        self.bridge = Bridge(self.said.put, cluster.connect, disk)
        self.order = RemoteConfig("tcp://here:1", None, None, None, FIRST, 8, WEIGHTS, seconds, self.bench)
        self.bridge.hear(self.order)
        self.bridge.look()

    def hears(self, kind: type | tuple[type, ...], what: Callable[[Any], bool] = lambda _: True) -> Any:
        """Let time pass until such a fact is said."""

        def came() -> bool:
            self.bridge.look()
            while not self.said.empty():
                self.facts.append(self.said.get()[0])
            return any(isinstance(fact, kind) and what(fact) for fact in self.facts)

        wait_until(came, f"it said {kind}, not {self.facts}", 20)
        fact = next(fact for fact in self.facts if isinstance(fact, kind) and what(fact))
        self.facts.remove(fact)
        return fact

    def picture(self, number: int) -> tuple[Read, Finish]:
        path = self.hot / f"p{number}.png"
        path.write_bytes(pictures.encode(pictures.draw(Label(number))))
        stamp = Disk().stamp
        with Disk().source(bytes(self.hot), path.name.encode()) as file:
            read = Read(FIRST, number, 1, path.name.encode(), stamp(file), 1000, recall=False, model=WEIGHTS)
        output = Output(0, place(f"p{number}", 1, ".png"))
        return read, Finish(FIRST, number, (Preset(),), (output,), WEIGHTS)

    def begin(self, number: int) -> Read:
        """Have a picture sent away."""
        read, finish = self.picture(number)
        self.bridge.hear(read)
        said = self.hears(ReadOk)
        assert (said.recalled, said.sha256) == (WEIGHTS, hashlib.sha256(self.bytes_of(read)).digest())
        self.bridge.hear(finish)
        return read

    def make(self, number: int) -> Any:
        """Bring a picture through; returns what the bridge says of it in the end."""
        self.begin(number)
        return self.hears((Finished, Faulted))

    def bytes_of(self, read: Read) -> bytes:
        return (self.hot / read.path.decode()).read_bytes()

    def state_of(self, name: str, state: str) -> Any:
        def so(told: Any) -> bool:
            return any((each.name, each.state) == (name, state) for each in told.workers)

        told = self.hears(RemoteState, so)
        return next(each for each in told.workers if each.name == name)


class SlowDisk(Disk):
    """A disk that stops at a file, to read or to write, until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.go = threading.Event(), threading.Event()

    def write(self, path: Any, data: Any) -> None:
        self.at.set()
        assert self.go.wait(20)
        super().write(path, data)

    @contextmanager
    def source(self, root: Any, path: Any) -> Iterator[Any]:
        if path == b"slow.png":
            self.at.set()
            assert self.go.wait(20)
        with super().source(root, path) as file:
            yield file
