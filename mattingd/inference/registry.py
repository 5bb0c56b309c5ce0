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
from mattingd.inference.kept_choices import KeptChoices

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
    "runtime": ("torch", "onnx"),
    "scaling": ("constant",),
    "enlarge": ("guided",),
}
"""What the contract of weights for `cv-unet` may ask for, where that is a choice. A matte made otherwise
would be quietly wrong."""
POSSIBLE_ONNX: dict[str, tuple[object, ...]] = {
    "geometry": ("buckets", "stretch", "letterbox", "corner", "short-side"),
    "resampling": ("area", "bilinear", "lanczos"),
    "channel_order": ("rgb", "bgr"),
    "activation": ("sigmoid", "none"),
    "normalisation": ("none", "min-max"),
    "least_maximum": (0.6,),
    "least_coverage": (1 / 4096,),
    "scaling": ("constant", "maximum"),
    "enlarge": ("guided", "lanczos"),
}
"""The same for models that ONNX Runtime runs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model: its contract, its weights file in the package, and the expected result of the self-test."""

    spec: ModelSpec
    title: str
    licence: str
    file: str
    golden: tuple[tuple[float, ...], ...]
    """Mean alpha in 8 x 8 cells of the self-test's picture; empty if not recorded yet."""


def weights_folder() -> Traversable:
    """Return the folder of the bundled models."""
    return resources.files("mattingd.inference") / "weights"


def models() -> tuple[str, ...]:
    """Return the ids of all bundled models."""
    names = (item.name for item in weights_folder().iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


@cache
def entry(model_id: str = DEFAULT) -> Entry:
    """Return the entry of a bundled model.

    Raises:
        KeyError: no such model; the message lists the known ones.
    """
    if model_id not in models():
        raise KeyError(f"no model {model_id!r}; there is {', '.join(models())}")
    return parse(json.loads((weights_folder() / f"{model_id}.json").read_text(encoding="utf-8")))


def parse(data: dict[str, Any]) -> Entry:
    """Parse an entry from JSON. Fields that an older file lacks have their defaults.

    Raises:
        EngineFault: this version cannot do what it states.
        KeyError, TypeError, ValueError: it describes no model.
    """
    spec = dict(data["spec"])
    spec["mean"], spec["std"] = tuple(spec["mean"]), tuple(spec["std"])
    golden = tuple(tuple(map(float, row)) for row in data["golden"])
    entry = Entry(ModelSpec(**spec), data["title"], data["licence"], data["file"], golden)
    check_possible(entry.spec)
    return entry


def check_possible(spec: ModelSpec) -> None:
    """Raise EngineFault if a model needs something that this program does differently."""
    for name, possible in (POSSIBLE_ONNX if spec.runtime == "onnx" else POSSIBLE).items():
        wanted = getattr(spec, name)
        if wanted not in possible:
            can = " or ".join(map(repr, possible))
            raise EngineFault(
                f"the model {spec.id} wants {name} {wanted!r}, and this version of mattingd can only do {can}"
            )


def weights(model: Entry) -> bytes:
    """Return the bytes of a model's weights, verified by the hash in its entry.

    Raises:
        EngineFault: the file is missing or has another hash.
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
    """Return other weights for a bundled model: the entry beside the file, and their bytes.

    Raises:
        KeyError: no such model.
        EngineFault: they cannot be read, do not match their entry, or belong to another model.
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
    found, pinned = hashlib.sha256(content).hexdigest(), model.spec.file_sha256 or model.spec.sha256
    if found != pinned:
        raise EngineFault(f"{file} is damaged: SHA-256 {found[:12]}..., not {pinned[:12]}...")
    if model.spec.runtime == "onnx":
        return model, content
    if replace(model.spec, sha256="") != replace(shipped.spec, sha256=""):
        raise EngineFault(
            f"these are no weights for {model_id}: their input or output is described otherwise"
        )
    if not _plausible(model, shipped):
        raise EngineFault(f"these weights see the self-test's ball quite otherwise than {model_id} does")
    return model, content


def _plausible(model: Entry, shipped: Entry) -> bool:
    """Whether both expect about the same matte of the self-test's picture."""
    rows = [tuple(map(len, (one, other))) for one, other in zip(model.golden, shipped.golden, strict=False)]
    if len(model.golden) != len(shipped.golden) or any(one != other for one, other in rows):
        return False
    pairs = zip(model.golden, shipped.golden, strict=True)
    return all(abs(a - b) <= PLAUSIBLE for one, other in pairs for a, b in zip(one, other, strict=True))


def load_library() -> None:
    """Import what runs the bundled models: most of the time that `load` takes."""
    import mattingd.inference.backends.torch_backend  # noqa: F401, PLC0415 - heavy: only when needed


def load(  # noqa: PLR0913 - the one door to every engine
    model_id: str = DEFAULT,
    device: Device = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threads: int | None = None,
    memory_gb: float | None = None,
    file: str | None = None,
    *,
    provider: str = "auto",
    cache: str | None = None,
    kept: str | None = None,
) -> Engine:
    """Load a model as a running engine.

    Args:
        model_id: one of `models()`.
        device: see `Device`.
        precision: `auto` is chosen by measuring in `warm_up`; until then fp32.
        threads: number of CPU threads; None leaves the choice to torch.
        memory_gb: maximum GPU memory in 10^9 bytes; None for all.
        file: other weights than the bundled ones, with their entry beside them.
        provider: ONNX Runtime's provider, if it runs the model: `auto`, `cpu`, `cuda`, `tensorrt` or
            `openvino`.
        cache: the folder for TensorRT's engines.
        kept: the file with earlier choices of `auto`; without it, every load measures.

    Raises:
        KeyError: no such model.
        EngineFault: damaged weights, or the requested device is missing.
    """
    if file is None:
        model = entry(model_id)
        content = weights(model)
    else:
        model, content = other_weights(model_id, Path(file))
    if file is not None and model.spec.runtime == "onnx":
        try:
            from mattingd.inference.backends import onnx_backend, onnx_providers  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise EngineFault(
                f"{model.spec.id} needs ONNX Runtime: pip install 'mattingd[onnx]', or 'mattingd[onnx-gpu]'"
                " for a GPU"
            ) from error
        folder = None if cache is None else Path(cache)
        order = onnx_providers.Order(device, provider, memory_gb, folder, None, precision)
        return onnx_backend.OnnxEngine(model, content, Path(file), order, threads)
    from mattingd.inference.backends.torch_backend import TorchEngine  # noqa: PLC0415  (torch is heavy: only when needed)

    choices = KeptChoices(None if kept is None else Path(kept))
    return TorchEngine(model, content, device, precision, threads, memory_gb, choices)
