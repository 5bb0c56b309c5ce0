"""The daemon's side of remote workers, with a cluster in this process: who is refused, and what then."""

import hashlib
import math
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("distributed")

from mattingd_test_engine import CountingEngine

from mattingd import __version__
from mattingd.core.output_paths import place
from mattingd.domain.commands import Discard, Finish, Read, RemoteConfig, WorkerConfig
from mattingd.domain.events import Faulted, Finished, ReadOk, RemoteState, WorkerLeft, WorkerUp
from mattingd.domain.jobs import NO_SUBJECT, Fault, Output, PictureLimits
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason
from mattingd.domain.remote import RemoteFault, RemoteMade, RemoteSick
from mattingd.inference import server
from mattingd.remote.bridge import THREADS, Bridge
from mattingd.remote.whole_picture import WholePictures
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.workers.picture_worker import Worker
from mattingd.workers.protocol import TASK_ANSWER, TASK_FACTS, Message, packed, unpacked
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
    up = server.bring_up(counting, 0, clock.monotonic_ns())
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


def forged(**changes: Any) -> Change:
    """An answer in which something else stands."""

    def change(block: bytes) -> bytes:
        made, files = unpacked(block, TASK_ANSWER)
        assert isinstance(made, RemoteMade)
        first = {name: value for name, value in changes.items() if hasattr(made.files[0], name)}
        whole = {name: value for name, value in changes.items() if name not in first}
        return packed(
            (replace(made, files=(replace(made.files[0], **first), *made.files[1:]), **whole), files)
        )

    return change


def fault(fault: Fault, reason: Reason) -> Change:
    """There is no cut-out, it says."""

    def change(block: bytes) -> bytes:
        made, _ = unpacked(block, TASK_ANSWER)
        return packed((RemoteFault(made.task, made.job, fault, reason), None))

    return change


def test_a_result_from_elsewhere_is_byte_for_byte_that_of_a_picture_worker(tmp_path: Path) -> None:
    side = Side(tmp_path, HereCluster(a=None))
    side.hears(WorkerUp)
    finished = side.make(1)
    (elsewhere,) = (side.out / output.temp for output in finished.outputs if output.temp)
    read, finish = side.picture(1)
    worker = Worker(side.bench, Disk())
    said, net = worker.perform(replace(read, grant=1 << 30), None) or (None, None)
    assert isinstance(said, ReadOk)
    assert net is not None
    shape = said.fit.shape
    matte = CountingEngine().matte(np.frombuffer(net, np.uint8).reshape(1, *shape, 3))
    content = elsewhere.read_bytes()
    here, _ = worker.perform(finish, matte.tobytes()) or (None, None)
    assert isinstance(here, Finished)
    assert here.outputs == finished.outputs
    assert (side.out / str(here.outputs[0].temp)).read_bytes() == content
    assert (finished.device, finished.precision, here.device) == ("cpu", "fp32", "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (forged(path="../../etc/cron.d/x"), "its answer names another place: '../../etc/cron.d/x'"),
        (forged(sha256=b"another"), "of another picture"),
        (forged(weights="f" * 64), "by other weights"),
        (forged(job=99), "belongs to another picture"),
        (lambda block: block[:-3], "not as many bytes as it announces"),
        (lambda _: {"rm": "-rf"}, "a dict, not the bytes of a message"),
        (forged(width=7), "no such picture"),
        (forged(format="jpeg"), "a file of another format"),
        (forged(seconds=math.inf), "its seconds or its confidence"),
        (forged(seconds=0.0), "its seconds or its confidence"),
        (forged(confidence=7.0), "its seconds or its confidence"),
        (forged(notes=(Reason.of("no_such_code"),)), "a reason without words: 'no_such_code'"),
        (forged(remark=Reason.of("smaller_for_kb")), "a reason without words: 'smaller_for_kb'"),
        (fault(Fault.HERE, Reason.of("as_written", text="")), "a reason that says nothing"),
        (fault(Fault.BAD, Reason.of("all_transparent")), "what is judged here"),
        (fault(Fault.OUTPUT, NO_SUBJECT), "what is judged here"),
    ],
)
def test_a_forged_answer_is_refused_and_the_picture_is_done_elsewhere(
    tmp_path: Path, change: Change, why: str
) -> None:
    side = Side(tmp_path, HereCluster(evil=change))
    side.hears(WorkerUp)
    fault = side.make(1)
    assert (fault.fault, fault.job) == (Fault.HERE, 1)
    assert why in side.state_of("evil", "refused").why
    assert [path for path in tmp_path.rglob("*") if "cron" in path.name] == []
    side.hears(WorkerLeft)
    assert side.cluster.sent == ["evil"], "it gets nothing more"


def sick(block: bytes) -> bytes:
    made, _ = unpacked(block, TASK_ANSWER)
    return packed((RemoteSick(made.task, made.job, "its device is gone"), None))


@pytest.mark.parametrize("change", [sick, forged(seconds=0.0)])
def test_one_picture_takes_no_more_than_two_workers_with_it(tmp_path: Path, change: Change) -> None:
    side = Side(tmp_path, HereCluster(a=change, b=change, c=None))
    for _ in range(6):
        side.hears(WorkerUp)
    fault = side.make(1)
    assert (fault.fault, fault.reason.code) == (Fault.LOST, "remote_lost")
    assert sorted(side.cluster.sent) == ["a", "b"]


def test_a_result_that_is_too_large_to_send_costs_nobody_his_place(tmp_path: Path) -> None:
    side = Side(tmp_path, HereCluster(a=None))
    side.cluster.pictures_of["a"] = engine("a", most=100)
    side.hears(WorkerUp)
    fault = side.make(1)
    assert fault.fault is Fault.HERE
    assert "more than can be sent" in str(fault.reason)
    side.state_of("a", "ready")


def test_who_has_another_version_or_other_weights_gets_nothing(tmp_path: Path) -> None:
    cluster = HereCluster(old=None, other=None, ours=None)
    cluster.version["old"] = "0.0.1"
    cluster.pictures_of["other"] = engine("other", {"spec": {"sha256": "f" * 64}})
    side = Side(tmp_path, cluster)
    assert (
        "version 0.0.1 of mattingd, and the daemon is " + __version__ in side.state_of("old", "refused").why
    )
    side.hears(WorkerUp)
    assert isinstance(side.make(1), Finished)
    assert cluster.sent == ["ours"]
    side.bridge.hear(replace(side.order, sha256="f" * 64))
    assert "other weights" in side.state_of("ours", "refused").why, "another model came into use"


def test_a_frozen_worker_costs_a_second_try_and_its_late_answer_means_nothing(tmp_path: Path) -> None:
    cluster = HereCluster(a=None)
    side = Side(tmp_path, cluster, seconds=2.0)
    side.hears(WorkerUp)
    cluster.frozen.add("a")
    read, finish = side.picture(1)
    side.bridge.hear(read)
    side.hears(ReadOk)
    side.bridge.hear(finish)
    wait_until(lambda: cluster.sent == ["a"], "it was sent")
    cluster.pictures_of["b"], cluster.workers_there["b"] = engine("b"), None
    assert isinstance(side.hears(Finished), Finished)
    assert cluster.sent == ["a", "b"]
    side.state_of("a", "slow")
    cluster.frozen.clear()
    cluster.ask_facts("a")
    side.state_of("a", "ready")


def sent_so_often(cluster: HereCluster, times: int) -> None:
    wait_until(lambda: len(cluster.sent) == times, "it was sent")


def test_a_picture_that_loses_its_workers_is_done_here_by_itself(tmp_path: Path) -> None:
    cluster = HereCluster(a=None, b=None, c=None)
    cluster.frozen |= {"a", "b", "c"}
    side = Side(tmp_path, cluster)
    cluster.frozen.clear()
    for name in "abc":
        cluster.ask_facts(name)
    side.hears(WorkerUp)
    cluster.frozen |= {"a", "b", "c"}
    read, finish = side.picture(1)
    side.bridge.hear(read)
    side.hears(ReadOk)
    side.bridge.hear(finish)
    for number in (1, 2):
        sent_so_often(cluster, number)
        del cluster.workers_there[cluster.sent[-1]]
        side.bridge.look()
    fault = side.hears(Faulted)
    assert fault.fault is Fault.LOST
    assert fault.reason.code == "remote_lost"


def test_what_a_worker_had_that_left_is_called_off(tmp_path: Path) -> None:
    cluster = HereCluster(a=None)
    side = Side(tmp_path, cluster)
    side.hears(WorkerUp)
    cluster.frozen.add("a")
    side.begin(1)
    sent_so_often(cluster, 1)
    del cluster.workers_there["a"]
    side.hears(Faulted)
    wait_until(lambda: len(cluster.cancelled) == 1, "the scheduler need not keep it")


def test_a_worker_whose_facts_did_not_arrive_is_asked_again(tmp_path: Path) -> None:
    cluster = HereCluster(a=None)
    cluster.unheard = 1
    side = Side(tmp_path, cluster)
    told = side.hears(RemoteState, lambda told: bool(told.workers and told.workers[0].why))
    assert told.workers[0].state == "warming"
    assert "it timed out" in told.workers[0].why
    side.hears(WorkerUp)


def test_without_a_worker_all_places_go_and_come_again_once_the_daemon_knows(tmp_path: Path) -> None:
    cluster = HereCluster(a=None)
    side = Side(tmp_path, cluster)
    places = {side.hears(WorkerUp).worker for _ in range(2)}
    assert places == {FIRST, FIRST + 1}, "one that it makes, one ahead"
    del cluster.workers_there["a"]
    left = {side.hears(WorkerLeft).worker for _ in range(2)}
    assert left == places
    cluster.workers_there["a"] = None
    assert side.hears(WorkerUp).worker not in places, "what was sent to those may still be on its way"
    side.bridge.hear(Discard(FIRST, 0))


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


def test_a_file_that_is_read_too_late_is_nobodys(tmp_path: Path) -> None:
    cluster, disk = HereCluster(a=None), SlowDisk()
    side = Side(tmp_path, cluster, disk=disk)
    side.hears(WorkerUp)
    read, _ = side.picture(1)
    (side.hot / "p1.png").rename(side.hot / "slow.png")
    side.bridge.hear(replace(read, path=b"slow.png"))
    assert disk.at.wait(20)
    cluster.gone = "nobody listens"
    side.hears(WorkerLeft, lambda left: left.worker == FIRST)
    side.bridge.hear(Discard(FIRST, 0))
    cluster.gone = ""
    side.facts.clear()
    side.hears(WorkerUp, lambda up: up.worker == FIRST)
    disk.go.set()
    assert isinstance(side.make(2), Finished)
    assert not [fact for fact in side.facts if isinstance(fact, ReadOk | Faulted)]


def test_a_result_that_is_being_written_stays_this_places_when_the_scheduler_goes(tmp_path: Path) -> None:
    cluster, disk = HereCluster(a=None), SlowDisk()
    side = Side(tmp_path, cluster, disk=disk)
    side.hears(WorkerUp)
    side.begin(1)
    assert disk.at.wait(20)
    cluster.gone = "nobody listens"
    assert side.hears(WorkerLeft).worker != FIRST
    disk.go.set()
    assert isinstance(side.hears((Finished, WorkerLeft)), Finished)
    assert side.hears(WorkerLeft).worker == FIRST, "now that it has nothing"


def test_a_result_that_the_daemon_took_back_writes_nothing_into_the_temp_file_of_another(
    tmp_path: Path,
) -> None:
    go = threading.Event()

    def crowd(block: bytes) -> bytes:
        for _ in range(THREADS):  # what is written waits behind these
            side.bridge._run(go.wait)
        return block

    cluster = HereCluster(a=crowd)
    side = Side(tmp_path, cluster)
    side.hears(WorkerUp)
    side.begin(1)
    wait_until(lambda: any(item.back for item in side.bridge._items.values()), "its result came")
    side.bridge.hear(Discard(FIRST, 1))
    cluster.workers_there["a"] = None
    go.set()
    assert isinstance(side.make(2), Finished)
    assert [path.name for path in side.out.rglob("*.tmp")] == [".mattingd-me-2-0.tmp"]
