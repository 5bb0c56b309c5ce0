"""From a verified file to an installed model: tried in a process of its own, then named.

A model is there when its description is; the file comes first. What breaks off before that is hidden, and
goes at the next attempt.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mattingd.inference.backend import EngineError
from mattingd.inference.model_store import Adopted, place, placed
from mattingd.inference.probe import probe
from mattingd.zoo import fetch as transfer
from mattingd.zoo.catalogue import PLAIN, CatalogueEntry, CatalogueError, File, like

if TYPE_CHECKING:
    from pathlib import Path

    from mattingd.inference.backend import ModelSpec

HIDDEN = ".new-"
TRIAL = f"{HIDDEN}trial.onnx"
MIRROR = "MATTINGD_MODEL_MIRROR"
"""A place with the publishers' files under their own names, instead of the publishers'."""


class InstallError(Exception):
    """A model cannot be installed; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The requested model, and its source."""

    entry: CatalogueEntry
    variant: str = PLAIN
    source: str | None = None
    """A file or an address; by default the publisher's, or the mirror's."""
    mirror: str | None = None
    licence_accepted: bool = False


def get(
    wish: Wish,
    folder: Path,
    now: str,
    terms: transfer.Terms | None = None,
    progress: transfer.Progress = transfer.nothing,
) -> Adopted:
    """Fetch, verify, test and name a model.

    Args:
        wish: the model.
        folder: folder for installed models.
        now: date and time as text.
        terms: the patience of a transfer.
        progress: called with the progress.

    Raises:
        InstallError: it cannot be fetched or is unusable. No partial or unverified file has a name then.
    """
    entry = wish.entry
    if entry.commercial == "no" and not wish.licence_accepted:
        raise InstallError(
            f"{entry.id} is not for commercial use ({entry.licence.weights}): with --accept-licence you say"
            " that you have read its licence and keep to it"
        )
    if not entry.files:
        raise InstallError(
            f"no address with a pinned hash is known for {entry.id} ({entry.where or 'its entry has none'}):"
            f" fetch it, then `mattingd models add FILE --like {entry.id}`; its hash counts ever after"
        )
    (wanted,) = entry.files
    local = wish.source is not None and "://" not in wish.source
    file = folder / f"{HIDDEN}{os.getpid() if local else wanted.sha256 or wanted.md5}.part"
    try:
        if there := _installed(entry, wish.variant, wanted, folder):
            return there
        _bring(wish, wanted, file, terms, progress)
        return _install(entry, wish.variant, file, folder, now, wish.source or wanted.url)
    except (transfer.FetchError, CatalogueError, EngineError) as error:
        raise InstallError(str(error).replace(TRIAL, wanted.name)) from error
    except OSError as error:
        raise InstallError(_refused(error, folder)) from error
    finally:
        if local:
            file.unlink(missing_ok=True)


def add(file: Path, name: str, model: CatalogueEntry, folder: Path, now: str) -> Adopted:
    """Add a user's own file with the contract of a known model.

    Raises:
        InstallError: it is unusable.
    """
    part = folder / f"{HIDDEN}own-{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part)
        entry = like(model, name, str(file.absolute()), part.stat().st_size, _sha256(part))
        return _install(entry, PLAIN, part, folder, now, str(file.absolute()))
    except (CatalogueError, EngineError) as error:
        raise InstallError(str(error).replace(TRIAL, file.name)) from error
    except OSError as error:
        raise InstallError(_refused(error, folder)) from error
    finally:
        part.unlink(missing_ok=True)


def _bring(
    wish: Wish, wanted: File, part: Path, terms: transfer.Terms | None, progress: transfer.Progress
) -> None:
    """Fetch the complete, verified file to `part`."""
    source = wish.source
    if source is not None and "://" not in source:
        part.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        if wrong := transfer.mismatch(part, wanted):
            raise InstallError(f"{source} is not {wanted.name} as its publisher pins it: {wrong}")
        return
    part.parent.mkdir(parents=True, exist_ok=True)
    there, free = part.stat().st_size if part.exists() else 0, shutil.disk_usage(part.parent).free
    if wanted.bytes is not None and (needed := wanted.bytes - there) > free:
        raise InstallError(
            f"{wanted.name} needs {needed / 1e6:,.0f} MB, and {part.parent} has {free / 1e6:,.0f} MB left"
        )
    mirror = wish.mirror or os.environ.get(MIRROR)
    url = source or (f"{mirror.rstrip('/')}/{wanted.name}" if mirror else wanted.url)
    transfer.fetch(url, wanted, part, terms, progress)


def _installed(entry: CatalogueEntry, variant: str, wanted: File, folder: Path) -> Adopted | None:
    """The model, if it is there already and its file is as it should be."""
    if not wanted.sha256:
        return None
    there = placed(folder, identified(entry.spec(wanted.sha256, variant), variant).sha256)
    return there if there and _sound(there, wanted.sha256, folder) else None


def _sound(model: Adopted, sha256: str, folder: Path) -> bool:
    return _sha256(folder / f"{model.sha256}.onnx") == sha256


def _refused(error: OSError, folder: Path) -> str:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # then it is not the file that was read
    who = "; ask as the daemon's user" if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS} else ""
    return f"{folder if full else error.filename or folder}: {error.strerror}{who}"


def _install(entry: CatalogueEntry, variant: str, file: Path, folder: Path, now: str, origin: str) -> Adopted:
    """Try and name a verified file; one process at a time."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        return _install_alone(entry, variant, file, folder, now, origin)
    finally:
        os.close(held)


def _install_alone(
    entry: CatalogueEntry, variant: str, file: Path, folder: Path, now: str, origin: str
) -> Adopted:
    sha256 = _sha256(file)
    spec = identified(entry.spec(sha256, variant), variant)
    if (there := placed(folder, spec.sha256)) and _sound(there, sha256, folder):
        file.unlink(missing_ok=True)
        return there
    trial = folder / f"{HIDDEN}{spec.sha256[:16]}"
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir(parents=True)
    try:
        network = trial / TRIAL
        file.replace(network)
        data = description(entry, spec, origin, now)
        network.with_suffix(".json").write_text(json.dumps(data), encoding="utf-8")
        data |= probe(network)
        return place(folder, spec.sha256, network, data)
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def identified(spec: ModelSpec, variant: str) -> ModelSpec:
    """Return the contract with the id of its results: a variant needs more than the file's hash."""
    if variant == PLAIN:
        return spec
    both = hashlib.sha256(f"{spec.sha256} {variant}".encode()).hexdigest()
    return replace(spec, sha256=both, file_sha256=spec.sha256)


def description(entry: CatalogueEntry, spec: ModelSpec, origin: str, now: str) -> dict[str, Any]:
    """Return the description beside an installed model's file."""
    licence = entry.licence
    return {
        "title": entry.title,
        "licence": f"code {licence.code}; weights {licence.weights}; data {licence.data}",
        "file": f"{spec.sha256}.onnx",
        "golden": [],
        "spec": asdict(spec),
        "name": spec.id,
        "origin": origin,
        "adopted_at": now,
        "memory_mb": entry.memory_mb,
        "commercial": entry.commercial,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
