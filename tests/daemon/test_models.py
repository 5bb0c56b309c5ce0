"""Models exchanged while pictures stream in, and an engine that sleeps: it is always known who made what."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import weights

from mattingd.inference import registry
from mattingd.system import clock
from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import REPOSITORY, Site, surroundings, wait_until

SHIPPED = "0" * 64
"""The hash of the test engine's own weights."""
FAINT, FAINT_CARD = 0.8, 223
"""What the other weights multiply mattes by, and what finishing makes of that."""
ONE_PASS = {"second_pass": "never"}
"""A faint card is sure of nothing, and would not pass for a subject at a second look."""
STREAM = 110
MEGABYTE = 1_000_000


class Stream(threading.Thread):
    """Somebody who drops a picture every moment, until the end and so many at least."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.paths: list[Path] = []
        self._folder = site.hot[0]
        self._ending = threading.Event()

    def run(self) -> None:
        while len(self.paths) < STREAM or not self._ending.is_set():
            number = len(self.paths)
            path = self._folder / f"{number}.png"
            path.write_bytes(pictures.picture(number, half=True))
            self.paths.append(path)
            clock.sleep(0.05)

    def end(self) -> list[Path]:
        """Stop; what was dropped."""
        self._ending.set()
        self.join()
        return self.paths


def models(site: Site, *words: object, test_engine: bool = True) -> "subprocess.CompletedProcess[str]":
    """`mattingd models ...`, as a person would type it."""
    return subprocess.run(
        [sys.executable, "-m", "mattingd", "models", *map(str, words), "--config", str(site.config)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=surroundings(test_engine=test_engine),
        timeout=120,
    )


def used(site: Site, *words: object, **more: bool) -> dict[str, Any]:
    """The answer of a reload or rollback that must be granted."""
    done = models(site, *words, "--json", **more)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["used"]
    return told


def makers(site: Site) -> dict[str, str]:
    """By published output: the weights that made it, as the journal tells."""
    with closing(sqlite3.connect(f"file:{site.state}/checkpoint.db?mode=ro", uri=True)) as journal:
        return dict(journal.execute("SELECT path, model FROM outputs WHERE published"))


def check_makers(site: Site, cards: dict[str, int]) -> "Counter[str]":
    """Every cut-out is its own picture's, made by the weights that the journal names; how many of each."""
    made = makers(site)
    assert {site.out / path for path in made} == set(site.results())
    for path, model in made.items():
        label = pictures.read((site.out / path).read_bytes(), cards[model])
        assert label == Label(int(Path(path).stem)), path
    return Counter(made.values())


def test_models_are_exchanged_under_load(make_site: MakeSite, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"delay_ms": 30}')
    new = weights.counting(tmp_path / "faint.safetensors", FAINT)
    weights.counting(tmp_path / "wrong.safetensors", 0.2, wrong=True)
    weights.counting(tmp_path / "deadly.safetensors", 0.2, dies=True)
    site = make_site(hot_folders=[{"path": str(tmp_path / "site0" / "in"), "settings": ONE_PASS}])
    site.start(environment={"MATTINGD_TEST_PLAN": str(plan)})
    stream = Stream(site)
    stream.start()
    wait_until(lambda: site.status()["counts"]["done"] > 5, "some were done")
    assert used(site, "reload", tmp_path / "faint.safetensors")["running"]
    assert site.status()["engine"]["weights"] == new
    wait_until(lambda: Counter(makers(site).values())[new] > 5, "it made some")
    for name in ("wrong", "deadly"):
        refused = models(site, "reload", tmp_path / f"{name}.safetensors")
        assert refused.returncode == 3
        why = "this device calculates wrongly" if name == "wrong" else "it ended with code 66"
        assert f"is not used: {'the' if name == 'wrong' else ''}" in refused.stderr
        assert why in refused.stderr
        assert f"faint ({new[:12]}) stays in use" in refused.stderr
    assert len(json.loads(models(site, "list", "--json").stdout)) == 2, "what is refused is not kept"
    used(site, "rollback")
    assert site.status()["engine"]["weights"] == ""
    before = Counter(makers(site).values())[SHIPPED]
    wait_until(lambda: Counter(makers(site).values())[SHIPPED] > before + 5, "the first one made more")
    dropped = stream.end()
    site.wait_ended(dropped)
    made = check_makers(site, {SHIPPED: 255, new: FAINT_CARD})
    assert sum(made.values()) == len(dropped) >= STREAM
    assert site.events("restart") == [], "nobody had to be replaced"
    assert len(site.children()["engine"]) == 1
    assert site.audit()["gaps"] == []
    assert site.stop() == 0


def test_killed_in_the_middle_of_a_reload(make_site: MakeSite, tmp_path: Path) -> None:
    """Whichever model is in use after that, the journal tells of each cut-out who made it."""
    plan = tmp_path / "plan.json"
    environment = {"MATTINGD_TEST_PLAN": str(plan)}
    new = weights.counting(tmp_path / "faint.safetensors", FAINT)
    site = make_site(hot_folders=[{"path": str(tmp_path / "site0" / "in"), "settings": ONE_PASS}])
    plan.write_text('{"delay_ms": 10}')
    site.start(environment=environment)
    stream = Stream(site)
    stream.start()
    wait_until(lambda: site.status()["counts"]["done"] > 5, "some were done")
    plan.write_text('{"delay_ms": 10, "load_ms": 5000}')
    asked = threading.Thread(target=models, args=(site, "reload", tmp_path / "faint.safetensors"))
    asked.start()
    wait_until(lambda: site.status()["engine"]["coming"] is not None, "the model was coming up")
    site.kill()
    asked.join()
    plan.write_text('{"delay_ms": 10}')
    site.start(environment=environment)
    assert site.status()["engine"]["weights"] == "", "it had not proved itself"
    used(site, "reload", "faint")
    site.kill()
    site.start(environment=environment)
    assert site.status()["engine"]["weights"] == new, "kept over the crash"
    dropped = stream.end()
    (last := site.hot[0] / "9999.png").write_bytes(pictures.picture(9999))
    site.wait_ended([*dropped, last])
    made = check_makers(site, {SHIPPED: 255, new: FAINT_CARD})
    assert sum(made.values()) == len(dropped) + 1 > STREAM
    assert makers(site)[str(site.result_of(last).relative_to(site.out))] == new
    assert site.audit()["gaps"] == []
    assert site.stop() == 0


def test_without_a_daemon_it_is_for_the_next_start(make_site: MakeSite, tmp_path: Path) -> None:
    new = weights.counting(tmp_path / "faint.safetensors", FAINT)
    site = make_site(hot_folders=[{"path": str(tmp_path / "site0" / "in"), "settings": ONE_PASS}])
    assert models(site, "rollback").stderr == (
        "mattingd: there is nothing to go back to: no other model was ever in use\n"
    )
    done = models(site, "reload", tmp_path / "faint.safetensors")
    assert done.stdout == f"faint ({new[:12]}) makes the mattes from the next start on\n"
    path = site.hot[0] / "7.png"
    path.write_bytes(pictures.picture(7))
    site.start()
    site.wait_ended([path])
    assert check_makers(site, {new: FAINT_CARD}) == {new: 1}
    assert f"with weights {new[:12]} on" in site.command("status").stdout
    assert site.stop() == 0
    assert json.loads(models(site, "verify", "--json").stdout) == [
        {"model": "counting", "sha256": SHIPPED, "sound": True, "why": None},
        {"model": "faint", "sha256": new, "sound": True, "why": None},
    ]
    (site.state / "models" / f"{new}.safetensors").write_bytes(b"rotten")
    broken = models(site, "verify", "faint")
    assert broken.returncode == 3
    assert "cannot be used" in broken.stdout


def memory(site: Site) -> float:
    """Megabytes of the newest daemon with all its children, what is shared counted once."""
    main = psutil.Process(site.processes[-1].pid)
    total = 0.0
    for process in (main, *main.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it ended just now: it takes nothing any more
            total += process.memory_full_info().pss
    return total / MEGABYTE


def steady_memory(site: Site) -> float:
    """The same when it no longer changes: all children are up, and have given back what they were told to."""
    readings = [0.0]

    def steady() -> bool:
        readings.append(memory(site))
        return abs(readings[-1] - readings[-2]) < 1

    wait_until(steady, "the memory of the daemon no longer changed", pause=0.5)
    return readings[-1]


def asleep(site: Site) -> bool:
    return bool(site.status()["engine"]["state"] == "asleep") and not site.children()["engine"]


def photograph(path: Path) -> Path:
    """12 megapixels: what a worker keeps of such a picture for the next one is seen."""
    shade = np.linspace(90, 240, 4000, dtype=np.float32).astype(
        np.uint8
    )  # on a flat ground colours decide, not weights
    pixels = np.repeat(np.tile(shade, (3000, 1))[..., None], 3, axis=2)
    cv2.circle(pixels, (2000, 1500), 900, (40, 30, 160), -1)
    cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.model
def test_with_the_real_model(make_site: MakeSite, tmp_path: Path, tell: Tell) -> None:
    """Asleep it takes hardly more than a daemon that never loaded a model; awake, models can be exchanged."""
    never = make_site()
    never.start()
    card = never.hot[0] / "card.png"
    card.write_bytes(pictures.picture(1))
    never.wait_ended([card])  # workers load some parts with the first picture
    base = (
        steady_memory(never)
        - sum(each.memory_full_info().pss for each in never.children()["engine"]) / MEGABYTE
    )
    assert never.stop() == 0

    new = weights.cv_unet(tmp_path / "fuller.safetensors", 0.8)
    site = make_site(engine={"idle_unload_seconds": 2, "precision": "fp32"})  # mattes are compared
    site.start(test_engine=False)
    first = photograph(site.hot[0] / "first.jpg")
    site.wait_ended([first])
    awake = memory(site)
    wait_until(lambda: asleep(site), "the engine was asleep")
    rest = steady_memory(site)
    second = photograph(site.hot[0] / "second.jpg")
    site.wait_ended([second])
    tell(
        f"memory of all processes: {awake:.0f} MB awake, {rest:.0f} MB asleep,"
        f" {base:.0f} MB of a daemon that never loaded a model"
    )
    assert rest < base + 40
    assert awake > rest + 100

    assert used(site, "reload", tmp_path / "fuller.safetensors", test_engine=False)["running"]
    third = photograph(site.hot[0] / "third.jpg")
    site.wait_ended([third])
    used(site, "rollback", test_engine=False)
    fourth = photograph(site.hot[0] / "fourth.jpg")
    site.wait_ended([fourth])
    by = makers(site)
    outputs = [site.result_of(path) for path in (first, second, third, fourth)]
    shipped = registry.entry().spec.sha256
    assert [by[str(path.relative_to(site.out))] for path in outputs] == [shipped, shipped, new, shipped]
    alphas = [np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))[..., 3].astype(int) for path in outputs]
    assert np.array_equal(alphas[0], alphas[1])
    assert np.array_equal(alphas[0], alphas[3])
    assert (alphas[2] - alphas[0]).sum() > 0, "the other weights make fuller mattes"
    assert site.stop() == 0
