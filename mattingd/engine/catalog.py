"""The models the package ships, as data (`weights/ID.json`), and loading one as an engine.

Knows files inside the package and hashes; torch is imported only when a model is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from mattingd.engine.contract import EngineFault, ModelSpec

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mattingd.engine.contract import Engine, Precision

DEFAULT = "cv-unet"

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model: its contract, its weights file inside the package, and what the self-test expects."""

    spec: ModelSpec
    title: str
    licence: str
    file: str
    golden: tuple[tuple[float, ...], ...]
    """Mean alpha in 8 x 8 cells of the self-test's picture."""


def weights_folder() -> Traversable:
    """Where the package keeps its models."""
    return resources.files("mattingd.engine") / "weights"


def models() -> tuple[str, ...]:
    """The ids of all shipped models."""
    names = (item.name for item in weights_folder().iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


@cache
def entry(model_id: str = DEFAULT) -> Entry:
    """The catalog entry of a model.

    Raises:
        KeyError: no such model; the message names those there are.
    """
    if model_id not in models():
        raise KeyError(f"no model {model_id!r}; there is {', '.join(models())}")
    return parse(json.loads((weights_folder() / f"{model_id}.json").read_text(encoding="utf-8")))


def parse(data: dict[str, Any]) -> Entry:
    """An entry from its JSON form."""
    spec = dict(data["spec"])
    spec["mean"], spec["std"] = tuple(spec["mean"]), tuple(spec["std"])
    golden = tuple(tuple(map(float, row)) for row in data["golden"])
    return Entry(ModelSpec(**spec), data["title"], data["licence"], data["file"], golden)


def weights(model: Entry) -> bytes:
    """The bytes of a model's weights, proved to be those the entry pins.

    Raises:
        EngineFault: the file is missing or another one.
    """
    try:
        content = (weights_folder() / model.file).read_bytes()
    except FileNotFoundError as missing:
        raise EngineFault(f"{model.file} is missing from the package: install mattingd again") from missing
    found = hashlib.sha256(content).hexdigest()
    if found != model.spec.sha256:
        raise EngineFault(
            f"{model.file} is damaged: SHA-256 {found[:12]}..., not {model.spec.sha256[:12]}..."
        )
    return content


def load(
    model_id: str = DEFAULT,
    device: Device = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threads: int | None = None,
) -> Engine:
    """A shipped model as a running engine.

    Args:
        model_id: one of `models()`.
        device: `auto` takes CUDA where it works, else the CPU.
        precision: `auto` is settled by measurement in `warm_up`; until then fp32.
        threads: how many threads the CPU arithmetic may use; None leaves torch's own choice.

    Raises:
        KeyError: no such model.
        EngineFault: damaged weights, or the device asked for is not there.
    """
    model = entry(model_id)
    from mattingd.engine.torch_engine import TorchEngine  # noqa: PLC0415  (torch is heavy: only when needed)

    return TorchEngine(model, weights(model), device, precision, threads)
