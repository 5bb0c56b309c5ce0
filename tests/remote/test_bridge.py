"""The daemon's side of remote workers, with a cluster in this process: results, and workers that leave."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("distributed")

from mattingd_test_engine import CountingEngine

from mattingd.domain.commands import Discard
from mattingd.domain.events import Faulted, Finished, ReadOk, RemoteState, WorkerLeft, WorkerUp
from mattingd.domain.jobs import Fault
from mattingd.remote.bridge import THREADS
from mattingd.system.filesystem import Disk
from mattingd.workers.picture_worker import Worker
from tests.daemon.harness.site import wait_until
from tests.remote.here import FIRST, HereCluster, Side, SlowDisk, engine


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
