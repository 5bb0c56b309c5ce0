"""Weights beside those that the package carries: files in the state directory, named by their SHA-256.

A model is a safetensors file with its description (the JSON file of the same name that the export writes:
contract, hash, what the self-test expects) beside it. Here they are only copied, listed and named; whether
they can be used, the engine that loads them finds out.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from mattingd.system.filesystem import put

FOLDER = "models"
"""Name of the folder in the state directory."""
SHORTEST = 4
"""So many digits of a hash may stand for it."""
LARGEST = 1 << 30
"""Bytes a file of weights may have."""


class ModelError(Exception):
    """A model cannot be taken or found; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A model in the state directory."""

    sha256: str
    name: str
    """Unique among those that there are."""
    size: int
    origin: str
    """Where its file was taken from."""
    adopted_at: str


def weights_file(state_dir: Path, sha256: str) -> Path:
    """Where the weights of this hash lie; their description has the same name with `.json`."""
    return state_dir / FOLDER / f"{sha256}.safetensors"


def adopted(state_dir: Path) -> list[Adopted]:
    """All models in the state directory, oldest first."""
    found = []
    for path in (state_dir / FOLDER).glob("[0-9a-f]*.safetensors"):
        try:
            data = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            told = (str(data[key]) for key in ("name", "origin", "adopted_at"))
            name, origin, since = told
            found.append(Adopted(path.stem, name, path.stat().st_size, origin, since))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half of a pair: nobody was told of it
    return sorted(found, key=lambda model: (model.adopted_at, model.sha256))


def adopt(state_dir: Path, file: Path, shipped: str, now: str) -> Adopted:
    """Copy a model into the state directory; one that is there already is taken as it is.

    Args:
        state_dir: of the daemon.
        file: the safetensors file; its description lies beside it.
        shipped: the name that the package's own model has.
        now: as people read it.

    Raises:
        ModelError: it cannot be read, is not what its description says, or cannot be copied.
    """
    content, data = _pair(file)
    sha256 = hashlib.sha256(content).hexdigest()
    if data["spec"]["sha256"] != sha256:
        raise ModelError(
            f"{file} is not the file that {file.with_suffix('.json').name} describes: its SHA-256 begins with"
            f" {sha256[:12]}, not {str(data['spec']['sha256'])[:12]}; export or copy both again"
        )
    known = adopted(state_dir)
    for model in known:
        if model.sha256 == sha256:
            return model
    taken = {shipped, *(model.name for model in known)}
    name = file.stem if file.stem not in taken else f"{file.stem}-{sha256[:8]}"
    model = Adopted(sha256, name, len(content), str(file.absolute()), now)
    data |= {"name": name, "origin": model.origin, "adopted_at": now}
    target = weights_file(state_dir, sha256)
    try:
        put(target, content)
        put(target.with_suffix(".json"), json.dumps(data, indent=1).encode())
    except OSError as error:
        raise ModelError(
            f"{target.parent} cannot be written: {error.strerror}; ask as the daemon's user"
        ) from error
    return model


def discard(state_dir: Path, sha256: str) -> None:
    """Remove a model from the state directory."""
    weights = weights_file(state_dir, sha256)
    for path in (weights, weights.with_suffix(".json")):
        with suppress(OSError):
            path.unlink()


def shipped_size(name: str) -> int | None:
    """Bytes of the weights that the package carries for a model."""
    file = resources.files("mattingd.inference") / "weights" / f"{name}.safetensors"
    return file.stat().st_size if isinstance(file, Path) and file.exists() else None


def find(asked: str, state_dir: Path, shipped: str, shipped_sha256: str) -> str:
    """A model by its name or the beginning of its hash, as `values.Models` has it: "" for the package's own.

    Raises:
        ModelError: there is none, or there are several.
    """
    known = {"": (shipped, shipped_sha256)}
    known |= {model.sha256: (model.name, model.sha256) for model in adopted(state_dir)}
    hits = [
        model
        for model, (name, sha256) in known.items()
        if asked == name or (len(asked) >= SHORTEST and sha256.startswith(asked.lower()))
    ]
    if len(hits) == 1:
        return hits[0]
    names = ", ".join(name for name, _ in known.values())
    what = "there is no model" if not hits else "there is more than one model"
    raise ModelError(f"{what} {asked!r}; there is {names}. A file of weights is named with its path")


def _pair(file: Path) -> tuple[bytes, dict[str, Any]]:
    """The weights in a file, and the description beside it.

    Raises:
        ModelError: either cannot be read.
    """
    beside = file.with_suffix(".json")
    try:
        if file.stat().st_size > LARGEST:
            raise ModelError(f"{file} is too large for a file of weights")
        content = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file} cannot be read: {error.strerror}") from error
    try:
        data = json.loads(beside.read_text(encoding="utf-8"))
        data["spec"]["sha256"].encode()
    except OSError as error:
        raise ModelError(
            f"{beside} cannot be read: {error.strerror}; the training's export writes it beside the weights"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{beside} does not describe a model; the training's export writes it") from None
    return content, data
