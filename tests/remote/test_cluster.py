"""Real workers behind Dask's scheduler on loopback, with certificates."""

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")

from mattingd.domain.commands import RemoteConfig, WorkerConfig
from mattingd.domain.jobs import Geometry, PictureLimits
from mattingd.remote.cluster import DaskCluster
from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import Site, wait_until
from tests.remote.cluster import Authority, LoopbackCluster, free_port

MakeSite = Callable[..., Site]
FULL = "MATTINGD_FAULTS" in os.environ
LIMITS = {"workers": 1, "picture_seconds": 12}


def remote(site: Site) -> dict[str, Any]:
    """What `status` says of the other machines."""
    told: dict[str, Any] = site.status().get("remote") or {"workers": [], "reached": False}
    return told


def states(site: Site) -> dict[str, str]:
    return {worker["name"]: worker["state"] for worker in remote(site)["workers"]}


def ready(site: Site, *names: str) -> Callable[[], bool]:
    return lambda: {name for name, state in states(site).items() if state == "ready"} == set(names)


def drop(site: Site, numbers: range) -> list[Path]:
    paths = [site.hot[0] / f"p{number:04}.png" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        path.write_bytes(pictures.encode(pictures.draw(Label(number))))
    return paths


def contents(site: Site) -> dict[str, str]:
    """SHA-256 of each cut-out, by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in site.results()}


def alone(make_site: MakeSite, numbers: range) -> dict[str, str]:
    """The same pictures made by one machine."""
    site = make_site()
    site.start()
    site.wait_ended(drop(site, numbers), 300)
    assert site.stop() == 0
    return contents(site)


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, str]:
    """Every engine takes a while for a picture."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"delay_ms": 150}))
    return {"MATTINGD_TEST_PLAN": str(file)}


@pytest.mark.timeout(200)
def test_workers_that_are_killed_or_frozen_and_a_killed_daemon_cost_repeated_work_only(
    cluster: LoopbackCluster, make_site: MakeSite, plan: dict[str, str]
) -> None:
    for name in ("a", "b", "c"):
        cluster.start_worker(name, environment=plan)
    site = make_site(workers=cluster.settings, limits=LIMITS)
    site.start(environment=plan)
    wait_until(ready(site, "a", "b", "c"), "all workers were ready")
    paths = drop(site, range(24))
    wait_until(lambda: min(done(site)) > 0, "all of them had made one")
    cluster.send("b", signal.SIGSTOP)
    cluster.kill("a")
    wait_until(lambda: len(site.results()) > 8, "some were published")
    site.kill()
    site.start(environment=plan, ready=False)
    site.wait_ended(paths, 90)
    assert [site.records(path)[0].state for path in paths] == ["done"] * len(paths)
    cluster.kill("scheduler")
    wait_until(lambda: not remote(site)["reached"], "the daemon knew that the scheduler was gone")
    site.wait_ended(drop(site, range(24, 26)))
    assert site.audit()["present"] == len(paths) + 2
    assert site.stop() == 0


def done(site: Site) -> list[int]:
    return [worker["done"] for worker in remote(site)["workers"]] or [0]


def test_a_stranger_without_a_certificate_of_ours_reaches_nobody(
    cluster: LoopbackCluster, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "elsewhere", "stranger").give("stranger")
    with pytest.raises(OSError, match=r"(?i)ssl|certificate|timed out|connect"):
        DaskCluster(order_for(cluster.address, stranger), lambda *_: None)
    wait_until(lambda: "TLS" in cluster.said("scheduler"), "the scheduler told of the refused handshake")
    ours = DaskCluster(order_for(cluster.address, cluster.files), lambda *_: None)
    assert ours.workers() == ()
    ours.close()


def test_a_scheduler_that_is_away_for_long_costs_no_threads_and_no_descriptors(tmp_path: Path) -> None:
    order = order_for(f"tls://127.0.0.1:{free_port()}", Authority(tmp_path).give("daemon"))

    def tried() -> tuple[int, int]:
        with pytest.raises(OSError, match=r"(?i)timed out|connect"):
            DaskCluster(order, lambda *_: None, seconds=0.05)
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    first = [tried() for _ in range(5)][-1]
    later = [tried() for _ in range(20)][-1]
    assert later[0] <= first[0]
    assert later[1] < first[1] + 20


def test_no_worker_runs_a_program_in_the_daemons_process(cluster: LoopbackCluster, tmp_path: Path) -> None:
    marks, answers = tmp_path / "marks", list[tuple[Any, ...]]()
    marks.mkdir()
    cluster.start_hostile_worker(marks)
    ours = DaskCluster(order_for(cluster.address, cluster.files), lambda *answer: answers.append(answer))
    wait_until(lambda: len(ours.workers()) == 1, "it joined")
    (worker,) = ours.workers()
    ours.ask_facts(worker)
    wait_until(lambda: len(answers) == 1, "it gave no facts")
    ours.make(worker, 1, b"picture")
    wait_until(lambda: len(answers) == 2, "it made no picture")
    read_by = {path.name for path in marks.iterdir()}
    assert read_by, "these programs do run, where they are read"
    assert str(os.getpid()) not in read_by
    assert [(where, block) for where, _, block, _ in answers] == [(worker, None)] * 2
    assert answers[1][-1] == "it raised an error: its log says which"
    ours.close()


@pytest.mark.skipif(not FULL, reason="takes long: `make faults`")
@pytest.mark.timeout(300)
def test_a_worker_with_other_weights_or_of_a_stranger_gets_nothing(
    cluster: LoopbackCluster, make_site: MakeSite, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "elsewhere", "stranger").give("stranger")
    cluster.start_worker("stranger", files=stranger)
    other = {"spec": {"id": "counting", "sha256": hashlib.sha256(b"other").hexdigest()}}
    models = tmp_path / "models"
    models.mkdir()
    file = models / f"{other['spec']['sha256']}.safetensors"
    file.write_bytes(b"other")
    about = {"name": "other", "origin": "here", "adopted_at": "2026-11-20"}
    file.with_suffix(".json").write_text(json.dumps(other | about))
    cluster.start_worker("other", "--model", "other", environment={"MATTINGD_MODELS": str(models)})
    site = make_site(workers=cluster.settings, limits=LIMITS)
    site.start()
    wait_until(lambda: states(site) == {"other": "refused"}, "the one was refused")
    (worker,) = remote(site)["workers"]
    assert "it has other weights" in worker["why"]
    site.wait_ended(drop(site, range(4)))
    (told,) = [line for line in site.events("remote worker") if line["worker"] == "other"]
    assert "refused: it has other weights" in told["why"]
    assert "refused: it has other weights" in " ".join(site.command("status").stdout.split())
    assert "TLS" in cluster.said("scheduler"), "the scheduler refused the stranger"
    assert site.audit()["present"] == 4
    assert site.stop() == 0


def order_for(address: str, files: dict[str, str]) -> RemoteConfig:
    bench = WorkerConfig(9, {}, "/", "x", PictureLimits(), Geometry(96, 32))
    return RemoteConfig(address, files["ca"], files["cert"], files["key"], 9, 4, "0" * 64, 12, bench)


@pytest.mark.skipif(not FULL, reason="takes long: `make faults`")
@pytest.mark.timeout(1800)
def test_300_pictures_while_everything_happens_to_the_cluster(
    cluster: LoopbackCluster, make_site: MakeSite, plan: dict[str, str]
) -> None:
    """A worker is killed, one frozen, one leaves and returns; scheduler and daemon are killed, too."""
    count = 300
    for name in ("a", "b", "c"):
        cluster.start_worker(name, environment=plan)
    site = make_site(workers=cluster.settings, limits=LIMITS)
    site.start(environment=plan)
    wait_until(ready(site, "a", "b", "c"), "all workers were ready")
    paths = drop(site, range(count))

    def reached(share: float) -> None:
        wait_until(lambda: len(site.results()) >= share * count, f"{share:.0%} were published", 300)

    reached(0.08)
    cluster.kill("a")
    reached(0.16)
    cluster.send("b", signal.SIGSTOP)
    reached(0.24)
    site.kill()
    site.start(environment=plan)
    reached(0.36)
    cluster.send("c", signal.SIGTERM)
    cluster.processes.pop("c").wait(timeout=60)
    reached(0.48)
    cluster.start_worker("c", environment=plan)
    cluster.send("b", signal.SIGCONT)
    wait_until(lambda: "ready" in (states(site).get("b"), states(site).get("c")), "somebody was back", 120)
    reached(0.6)
    cluster.kill("scheduler")
    wait_until(lambda: not remote(site)["reached"], "the daemon knew that the scheduler was gone")
    cluster.start_scheduler()
    reached(0.8)
    site.kill()
    site.start(environment=plan)
    site.wait_ended(paths, 600)
    assert [site.records(path)[0].state for path in paths] == ["done"] * count
    assert site.audit()["present"] == count
    assert site.temps() == []
    assert len(site.results()) == count
    assert site.stop() == 0
    assert contents(site) == alone(make_site, range(count))
