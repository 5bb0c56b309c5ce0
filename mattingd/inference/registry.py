"""The models the package ships, as data (`weights/ID.json`), and loading one as an engine.

Other weights for such a model come as the same pair of files from elsewhere. Knows files and hashes; torch is
imported only when a model is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mattingd.inference.backend import EngineFault, ModelSpec

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mattingd.inference.backend import Engine, Precision

DEFAULT = "cv-unet"

Device = str
"""`auto` takes the first CUDA device where one works, else the CPU; `cpu`; `cuda` or `cuda:N`."""
PLAUSIBLE = 0.3
"""Other weights may see a cell of the self-test's picture so much differently, in mean alpha, and no more: a
model that does not tell the ball from its backdrop cuts out nothing."""

POSSIBLE: dict[str, tuple[object, ...]] = {
    "geometry": ("buckets",),
    "resampling": ("area",),
    "channel_order": ("rgb", "bgr"),
    "output_index": (0,),
    "activation": ("sigmoid", "none"),
    "normalisation": ("none",),
    "least_maximum": (0.6,),
    "least_coverage": (1 / 4096,),
}
"""What a contract may ask for, where that is a choice. A matte made otherwise would be quietly wrong."""


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
    return resources.files("mattingd.inference") / "weights"


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
    """An entry from its JSON form. What an older file does not state has its default.

    Raises:
        EngineFault: it states something that this version cannot do.
        KeyError, TypeError, ValueError: it describes no model.
    """
    spec = dict(data["spec"])
    spec["mean"], spec["std"] = tuple(spec["mean"]), tuple(spec["std"])
    golden = tuple(tuple(map(float, row)) for row in data["golden"])
    entry = Entry(ModelSpec(**spec), data["title"], data["licence"], data["file"], golden)
    _check_possible(entry.spec)
    return entry


def _check_possible(spec: ModelSpec) -> None:
    """Raise EngineFault if a model wants something that is done otherwise here."""
    for name, possible in POSSIBLE.items():
        wanted = getattr(spec, name)
        if wanted not in possible:
            can = " or ".join(map(repr, possible))
            raise EngineFault(
                f"the model {spec.id} wants {name} {wanted!r}, and this version of mattingd can only do {can}"
            )


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


def other_weights(model_id: str, file: Path) -> tuple[Entry, bytes]:
    """Other weights for a shipped model: their entry, which lies beside the file, and their bytes.

    Raises:
        KeyError: no such model.
        EngineFault: they cannot be read, are not those described, or belong to something else.
    """
    shipped = entry(model_id)
    try:
        content = file.read_bytes()
        model = parse(json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))
    except OSError as error:
        raise EngineFault(
            f"{error.filename} cannot be read: {error.strerror}; `mattingd models reload {model_id}` goes"
            " back to the weights that the package carries"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineFault(f"{file.with_suffix('.json')} does not describe a model") from error
    found = hashlib.sha256(content).hexdigest()
    if found != model.spec.sha256:
        raise EngineFault(f"{file} is damaged: SHA-256 {found[:12]}..., not {model.spec.sha256[:12]}...")
    if replace(model.spec, sha256="") != replace(shipped.spec, sha256=""):
        raise EngineFault(
            f"these are no weights for {model_id}: their input or output is described otherwise"
        )
    if not _plausible(model, shipped):
        raise EngineFault(f"these weights see the self-test's ball quite otherwise than {model_id} does")
    return model, content


def _plausible(model: Entry, shipped: Entry) -> bool:
    """Whether both expect about the same of the self-test's picture."""
    rows = [tuple(map(len, (one, other))) for one, other in zip(model.golden, shipped.golden, strict=False)]
    if len(model.golden) != len(shipped.golden) or any(one != other for one, other in rows):
        return False
    pairs = zip(model.golden, shipped.golden, strict=True)
    return all(abs(a - b) <= PLAUSIBLE for one, other in pairs for a, b in zip(one, other, strict=True))


def load(
    model_id: str = DEFAULT,
    device: Device = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threads: int | None = None,
    memory_gb: float | None = None,
    file: str | None = None,
) -> Engine:
    """A model as a running engine.

    Args:
        model_id: one of `models()`.
        device: see `Device`.
        precision: `auto` is settled by measurement in `warm_up`; until then fp32.
        threads: how many threads the CPU arithmetic may use; None leaves torch's own choice.
        memory_gb: how much of a GPU's memory may be used, in 10^9 bytes; None for all.
        file: other weights than the package's own, with their entry beside them.

    Raises:
        KeyError: no such model.
        EngineFault: damaged weights, or the device asked for is not there.
    """
    if file is None:
        model = entry(model_id)
        content = weights(model)
    else:
        model, content = other_weights(model_id, Path(file))
    from mattingd.inference.backends.torch_backend import TorchEngine  # noqa: PLC0415  (torch is heavy: only when needed)

    return TorchEngine(model, content, device, precision, threads, memory_gb)
