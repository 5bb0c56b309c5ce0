"""The test engine obeys its markers and its plan: tests that rely on it must be able to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mattingd_test_engine import BLOCK, MARKERS, PLAN, SPEC, CountingEngine, marker

from mattingd.inference.backend import BadBatch, EngineFault, OutOfMemory

TESTKIT = Path(__file__).parents[1] / "testkit"


def marked(name: str | None, side: int = 96) -> np.ndarray:
    picture = np.full((side, side, 3), 120, np.uint8)
    picture[side // 3 : side // 2, side // 3 : side // 2] = (200, 30, 30)
    if name:
        picture[: side // 5, : side // 5] = MARKERS[name]
    return picture


@pytest.mark.parametrize("name", MARKERS)
def test_markers_survive_jpeg_and_resizing(name: str) -> None:
    large = cv2.resize(marked(name), (2000, 2000), interpolation=cv2.INTER_NEAREST)
    _, data = cv2.imencode(".jpg", large[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    small = cv2.resize(decoded[..., ::-1], (SPEC.side, SPEC.side), interpolation=cv2.INTER_AREA)
    assert marker(small.astype(np.uint8)) == name


def test_ordinary_pictures_carry_no_marker() -> None:
    assert marker(marked(None)) is None
    rng = np.random.default_rng(0)
    for _ in range(200):
        grey = rng.integers(0, 256)
        assert marker(np.full((BLOCK, BLOCK, 3), grey, np.uint8)) is None


@pytest.mark.parametrize("name", ["bad", "fault"])
def test_one_marked_picture_fails_the_whole_batch(name: str) -> None:
    engine = CountingEngine()
    batch = np.stack([marked(None), marked(name)])
    with pytest.raises(BadBatch if name == "bad" else EngineFault, match="marked"):
        engine.matte(batch)
    if name == "bad":
        assert engine.matte(batch[:1]).max() == 1
    else:
        with pytest.raises(EngineFault):
            engine.matte(batch[:1])


def test_poison_kills_the_process() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(TESTKIT)!r}); import numpy as np, mattingd_test_engine;"
        "p = np.zeros((1, 96, 96, 3), np.uint8); p[:, :20, :20] = (255, 0, 255);"
        "mattingd_test_engine.CountingEngine().matte(p)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 66


def test_hanging_hangs() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(TESTKIT)!r}); import numpy as np, mattingd_test_engine;"
        "p = np.zeros((1, 96, 96, 3), np.uint8); p[:, :20, :20] = (0, 255, 255); print('on', flush=True);"
        "mattingd_test_engine.CountingEngine().matte(p)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"on\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
        child.kill()


def test_the_plan_is_read_anew_for_every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, log = tmp_path / "plan.json", tmp_path / "log"
    monkeypatch.setenv(PLAN, str(plan))
    engine = CountingEngine()
    two = np.stack([marked(None)] * 2)
    plan.write_text(json.dumps({"oom_above": 1, "log": str(log)}))
    with pytest.raises(OutOfMemory):
        engine.matte(two)
    engine.matte(two[:1])
    plan.write_text(json.dumps({"log": str(log)}))
    engine.matte(two)
    assert log.read_text() == "1 96x96\n2 96x96\n"
    assert (engine.batches, engine.pictures) == (2, 3)


def test_the_matte_is_the_thing_on_the_plain_ground() -> None:
    matte = CountingEngine().matte(marked(None)[None])[0]
    assert matte[32:48, 32:48].min() == 1
    assert matte[60:, 60:].max() == 0
    assert CountingEngine().matte(np.full((1, 64, 64, 3), 77, np.uint8)).max() == 0
