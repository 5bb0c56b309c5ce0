"""Installed models besides the bundled one: files in the state directory, named by their SHA-256.

A model is a safetensors or ONNX file with its description (the JSON file of the same name: contract, hash,
what the self-test expects) beside it. Those that a user fetched without a daemon are in a folder of the
user's own. This module only copies, lists and names them; the engine finds out whether they are usable.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from mattingd.domain.jobs import Geometry
from mattingd.system.filesystem import put

FOLDER = "models"
"""Name of the folder in the state directory."""
SHORTEST = 4
"""So many digits of a hash may stand for it."""
ENDINGS = (".safetensors", ".onnx")
USERS = "MATTINGD_MODELS"
"""The environment variable that names the folder of a user's own models."""
EMPTY_ENGINE_BYTES = 300_000_000
"""An engine without a network."""
LARGEST = 1 << 30
"""Bytes a file of weights may have."""


class ModelError(Exception):
    """A model cannot be accepted or found; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A model in the state directory."""

    sha256: str
    name: str
    """Unique among the installed models."""
    size: int
    origin: str
    """Where its file came from."""
    adopted_at: str


def user_folder() -> Path:
    """Return the folder for models that a user fetched without a daemon's configuration."""
    if named := os.environ.get(USERS):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "mattingd" / FOLDER


def folders(state_dir: Path | None) -> tuple[Path, ...]:
    """Return the folders with models, in order of search."""
    return (*(() if state_dir is None else (state_dir / FOLDER,)), user_folder())


def weights_file(state_dir: Path | None, sha256: str) -> Path:
    """Return the path of the weights with this hash; their description has the same name with `.json`."""
    places = [folder / f"{sha256}{ending}" for folder in folders(state_dir) for ending in ENDINGS]
    return next((place for place in places if place.exists()), places[0])


def description_of(state_dir: Path | None, sha256: str) -> dict[str, Any]:
    """Return the description of an installed model; empty if it is not installed."""
    try:
        text = weights_file(state_dir, sha256).with_suffix(".json").read_text(encoding="utf-8")
        data: dict[str, Any] = json.loads(text)
    except (OSError, ValueError):
        return {}
    return data


def net_of(state_dir: Path | None, sha256: str, own: Geometry) -> Geometry:
    """Return the geometry of an installed model; the bundled model's where it is not stated."""
    told = description_of(state_dir, sha256).get("spec", {})
    names = {"side": "side", "multiple": "multiple", "geometry": "kind", "resampling": "resampling",
             "enlarge": "enlarge", "second_pass": "second_pass"}  # fmt: skip
    return replace(own, **{ours: told[theirs] for theirs, ours in names.items() if theirs in told})


def memory_of(state_dir: Path | None, model: Adopted) -> int:
    """Bytes that an installed model needs while it works: as stated, or guessed from the size of its file."""
    told = description_of(state_dir, model.sha256).get("memory_mb")
    stated = told * 1_000_000 if isinstance(told, int) else 0
    return stated or EMPTY_ENGINE_BYTES + 6 * model.size


def adopted(state_dir: Path | None) -> list[Adopted]:
    """Return all installed models, oldest first; of two with the same hash, the daemon's."""
    found: dict[str, Adopted] = {}
    for folder in folders(state_dir):
        for path in (path for ending in ENDINGS for path in folder.glob(f"[0-9a-f]*{ending}")):
            if path.stem not in found and (model := placed(folder, path.stem)) is not None:
                found[path.stem] = model
    return sorted(found.values(), key=lambda model: (model.adopted_at, model.sha256))


def placed(folder: Path, sha256: str) -> Adopted | None:
    """Return a model in a folder; None if it is missing or incomplete."""
    for path in (folder / f"{sha256}{ending}" for ending in ENDINGS):
        try:
            data = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            name, origin, since = (str(data[key]) for key in ("name", "origin", "adopted_at"))
            return Adopted(sha256, name, path.stat().st_size, origin, since)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def place(folder: Path, sha256: str, file: Path, data: dict[str, Any]) -> Adopted:
    """Move a verified file to its name and write the model's description last.

    Args:
        folder: folder for installed models, on the same file system as the file.
        sha256: identifies the model.
        file: the file to move.
        data: its description; its name is changed if another model has it.

    Raises:
        OSError: that cannot be done.
    """
    target = folder / f"{sha256}{file.suffix}"
    others = (path.stem for path in folder.glob("[0-9a-f]*.json") if path.stem != sha256)
    taken = {model.name for other in others if (model := placed(folder, other))}
    name = data["name"] if data["name"] not in taken else f"{data['name']}-{sha256[:8]}"
    data = {**data, "name": name}
    with file.open("rb+") as content:
        os.fsync(content.fileno())
    if os.geteuid() == 0:
        owner = folder.parent.stat()
        for path in (folder, file):
            os.chown(path, owner.st_uid, owner.st_gid)
    file.replace(target)
    put(target.with_suffix(".json"), json.dumps(data, indent=1).encode())
    return Adopted(sha256, name, target.stat().st_size, str(data["origin"]), str(data["adopted_at"]))


def adopt(state_dir: Path, file: Path, shipped: str, now: str) -> Adopted:
    """Copy a model into the state directory, unless it is already there.

    Args:
        state_dir: the daemon's state directory.
        file: the safetensors file; its description is beside it.
        shipped: the name of the bundled model.
        now: date and time as text.

    Raises:
        ModelError: it cannot be read, does not match its description, or cannot be copied.
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
    target = state_dir / FOLDER / f"{sha256}.safetensors"
    try:
        put(target, content)
        put(target.with_suffix(".json"), json.dumps(data, indent=1).encode())
    except OSError as error:
        raise ModelError(
            f"{target.parent} cannot be written: {error.strerror}; ask as the daemon's user"
        ) from error
    return model


def discard(state_dir: Path | None, sha256: str) -> None:
    """Remove an installed model; its description first."""
    weights = weights_file(state_dir, sha256)
    for path in (weights.with_suffix(".json"), weights):
        with suppress(OSError):
            path.unlink()


def shipped_size(name: str) -> int | None:
    """Return the size in bytes of a model's bundled weights."""
    file = resources.files("mattingd.inference") / "weights" / f"{name}.safetensors"
    return file.stat().st_size if isinstance(file, Path) and file.exists() else None


def find(asked: str, state_dir: Path, shipped: str, shipped_sha256: str) -> str:
    """Find a model by its name or the start of its hash, as in `domain.jobs.Models`: "" is the bundled one.

    Raises:
        ModelError: none or several match.
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
    """Read the weights in a file, and the description beside it.

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
