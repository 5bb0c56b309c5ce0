"""`CountingEngine`: an engine without torch or cv2 that counts its batches and misbehaves when told to.

Its matte is simple and the same everywhere: how far a pixel's colour lies from the mean colour of the
picture's bottom right corner block (64 levels and more are alpha 1). So a one-coloured picture has an empty
matte, and anything drawn on a plain ground is cut out.

**Markers.** A picture carries an order for the engine in its top left corner: the mean colour of the network
input's 8 x 8 block there. It is recognised within 40 levels per channel, so JPEG and resizing do not hide it;
paint at least the top left fifth of the picture. The colours, as RGB:

=========  ===============  =========================================================
`poison`   (255, 0, 255)    the process dies at once (`os._exit(66)`)
`hang`     (0, 255, 255)    never answers
`bad`      (255, 255, 0)    `BadBatch`, whatever else the batch holds
`fault`    (0, 0, 255)      `EngineFault`, and from then on for every batch
=========  ===============  =========================================================

**Plan.** The environment variable `MATTINGD_TEST_PLAN` may name a JSON file, read anew for every batch:

- `delay_ms`: per picture (default 0)
- `oom_above`: `OutOfMemory` for batches of more pictures than this
- `die_after`: the process dies when asked for the batch after this many
- `log`: a file that gets one line `COUNT HEIGHTxWIDTH` per batch that succeeded
- `refused`: a file that gets one line `COUNT` per batch that ran out of memory
- `device`: `cuda` for an engine that says it runs on a GPU, unless the processor is asked for; only there
  is `oom_above` true then
- `self_test`: `fail` for a GPU that calculates wrongly; a number for one that does so the first so many times
- `tests`: a file that gets a line per self-test
- `load_ms`: how long loading takes
- `markers`: false for pictures whose colours are chance
- `entry`: `hang` for a main process that freezes as soon as it starts another picture worker

**Weights.** A file `NAME.safetensors` with any content and, beside it, `NAME.json` like
`{"spec": {"id": "counting", "sha256": ...}, "strength": 0.5}`: mattes are multiplied by `strength`, so that
they tell which weights made them. `"wrong": true` fails the self-test, `"dies": true` ends the process when
it is loaded, `"hangs": true` never ends loading.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mattingd.inference.backend import (
    BadBatch,
    DeviceInfo,
    EngineFault,
    ModelSpec,
    OutOfMemory,
    SelfTestFailed,
    Timing,
    Warmup,
    check_batch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mattingd.inference.backend import Engine, Mattes, Pictures, Shape

PLAN = "MATTINGD_TEST_PLAN"
BLOCK = 8
NEAR = 40
MARKERS = {
    "poison": (255, 0, 255),
    "hang": (0, 255, 255),
    "bad": (255, 255, 0),
    "fault": (0, 0, 255),
}
SPEC = ModelSpec(
    id="counting",
    sha256="0" * 64,
    side=96,
    multiple=32,
    scale=1.0,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    activation="none",
)


def plan() -> dict[str, Any]:
    """What the plan file says now; nothing without one."""
    path = os.environ.get(PLAN)
    orders: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    return orders


def marker(picture: Pictures) -> str | None:
    """The order in a picture's [H,W,3] top left block, if there is one."""
    colour = picture[:BLOCK, :BLOCK].reshape(-1, 3).mean(0)
    for name, wanted in MARKERS.items():
        if np.abs(colour - wanted).max() <= NEAR:
            return name
    return None


def distance_matte(batch: Pictures) -> Mattes:
    """Alpha [N,H,W]: the largest channel's distance from the bottom right block's mean colour."""
    ground = batch[:, -BLOCK:, -BLOCK:].mean((1, 2), keepdims=True, dtype=np.float32)
    away = np.abs(batch.astype(np.float32) - ground).max(3)
    mattes: Mattes = np.clip((away - 8) / 56, 0, 1).astype(np.float32)
    return mattes


class CountingEngine:
    """See the module's docstring; passes the same contract suite as the real engines."""

    def __init__(self, kind: Literal["cpu", "cuda"] = "cpu", weights: dict[str, Any] | None = None) -> None:
        self.kind = kind
        self._weights: dict[str, Any] = weights or {}
        self.batches = 0
        self.pictures = 0
        self._broken: str | None = None

    @property
    def spec(self) -> ModelSpec:
        """A small network size, so that tests are fast."""
        return replace(SPEC, sha256=self._weights["spec"]["sha256"]) if self._weights else SPEC

    @property
    def device(self) -> DeviceInfo:
        """It says what it is wherever a device is shown."""
        if self.kind == "cuda":
            return DeviceInfo("cuda", "Test GPU", "CUDA 13.0", "fp16")
        return DeviceInfo("cpu", "TEST ENGINE (no model)", "numpy", "fp32")

    def warm_up(self, shapes: Sequence[Shape], batch_sizes: Sequence[int] | None = None) -> Warmup:
        """Nothing to warm; batches of 4 unless told otherwise."""
        sizes = tuple(batch_sizes or (4,))
        timings = (Timing(shape, size, 0.001 * size) for shape in shapes for size in sizes)
        return Warmup(sizes[-1] if shapes else sizes[0], tuple(timings))

    def matte(self, batch: Pictures) -> Mattes:
        """Obey plan and markers, then `distance_matte`."""
        check_batch(batch, self.spec)
        if self._broken:
            raise EngineFault(self._broken)
        orders = plan()
        self._obey_plan(orders, len(batch))
        for picture in batch if orders.get("markers", True) else ():
            self._obey_marker(marker(picture))
        time.sleep(orders.get("delay_ms", 0) * len(batch) / 1000)  # noqa: TID251  (slow on purpose)
        self.batches, self.pictures = self.batches + 1, self.pictures + len(batch)
        self._note(orders.get("log"), f"{len(batch)} {batch.shape[1]}x{batch.shape[2]}")
        return distance_matte(batch) * np.float32(self._weights.get("strength", 1.0))

    def _obey_plan(self, orders: dict[str, Any], count: int) -> None:
        if self.batches >= orders.get("die_after", self.batches + 1):
            os._exit(66)
        if self.kind == orders.get("device", "cpu") and count > orders.get("oom_above", count):
            self._note(orders.get("refused"), f"{count}")
            raise OutOfMemory(f"{count} pictures, told to hold {orders['oom_above']}")

    @staticmethod
    def _note(path: str | None, line: str) -> None:
        if path:
            with Path(path).open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")

    def _obey_marker(self, order: str | None) -> None:
        if order == "poison":
            os._exit(66)
        while order == "hang":
            time.sleep(60)  # noqa: TID251  (hanging on purpose)
        if order == "bad":
            raise BadBatch("a picture marked as bad")
        if order == "fault":
            self._broken = "a picture marked as fault broke the engine"
            raise EngineFault(self._broken)

    def self_test(self) -> None:
        """A white square on black comes out as itself."""
        orders = plan()
        self._note(orders.get("tests"), "tested")
        fails = orders.get("self_test", 0)
        tests = len(Path(orders["tests"]).read_text().splitlines()) if "tests" in orders else 0
        if fails == "fail" or (isinstance(fails, int) and 0 < tests <= fails) or self._weights.get("wrong"):
            raise SelfTestFailed("the self-test's matte is off by 0.5: this device calculates wrongly")
        picture = np.zeros((1, 32, 32, 3), np.uint8)
        picture[:, 12:20, 12:20] = 255
        if distance_matte(picture).sum() != 64:
            raise EngineFault("the test engine's own self-test failed")

    def close(self) -> None:
        """Refuse from now on."""
        self._broken = "the engine was closed"


@dataclass(frozen=True, slots=True)
class Entry:
    """As in the catalog, so far as anybody asks."""

    spec: ModelSpec


def entry(model_id: str = "counting") -> Entry:
    """The same door as `mattingd.inference.registry.entry`: there is only one model here."""
    hangs = plan().get("entry") == "hang"
    while hangs:
        time.sleep(60)  # noqa: TID251  (hanging on purpose)
    return Entry(SPEC)


def load_library() -> None:
    """There is none to load."""


def load(
    model_id: str = "counting",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    memory_gb: float | None = None,
    file: str | None = None,
    **_more: object,
) -> Engine:
    """The same door as `mattingd.inference.registry.load`; only the device and the weights count."""
    time.sleep(plan().get("load_ms", 0) / 1000)  # noqa: TID251  (slow on purpose)
    on_gpu = plan().get("device") == "cuda" and device != "cpu"
    return CountingEngine("cuda" if on_gpu else "cpu", other_weights(Path(file)) if file else None)


def other_weights(file: Path) -> dict[str, Any]:
    """The description of a file of weights, which must be the file described."""
    data: dict[str, Any] = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    if hashlib.sha256(file.read_bytes()).hexdigest() != data["spec"]["sha256"]:
        raise EngineFault(f"{file} is damaged")
    if data.get("dies"):
        os._exit(66)
    while data.get("hangs"):
        time.sleep(60)  # noqa: TID251  (hanging on purpose)
    return data
