"""Backgrounds that are picture files: pinned by their content, and kept in the state directory.

A job is finished with the very background that it was admitted with, whatever becomes of the file meanwhile:
the pin, path and SHA-256, is part of its frozen settings, and the worker reads a copy that is named by the
hash. Another content at the same path counts from the next start or reload on, as other settings do.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mattingd.domain.presets import Pin, Preset
from mattingd.system.filesystem import put
from mattingd.system.patient import output_of, read_file

FOLDER = "backgrounds"
"""Name of the folder in the state directory."""
PATIENCE_SECONDS = 60
"""A share that gives no answer for so long hangs."""


def pinned(preset: Preset) -> Preset:
    """``preset`` with what its background holds now; as it is where that is no picture or cannot be read."""
    pin = Pin.of(preset.background)
    if pin is None:
        return preset
    try:
        found = hashlib.sha256(read_file(Path(pin.path))).hexdigest()
    except OSError:
        return preset  # `faults` says why
    return replace(preset, background=str(Pin(pin.path, found)))


def copy_of(state_dir: str | Path, pin: Pin) -> Path:
    """Where the copy of a background lies."""
    return Path(state_dir) / FOLDER / pin.sha256


def faults(pins: Iterable[Pin]) -> dict[Pin, str]:
    """Why these cannot stand behind pictures, those that cannot.

    Looked at in a process of its own: a decoder that breaks down harms nobody, and this one stays small.
    """
    asked = list(dict.fromkeys(pins))
    if not asked:
        return {}
    command = [
        sys.executable,
        "-m",
        "mattingd.workers.entrypoint",
        "background",
        *(str(pin) for pin in asked),
    ]
    try:
        _, said = output_of(command, PATIENCE_SECONDS)
        told = json.loads(said)
    except TimeoutError as error:
        told = [error.strerror] * len(asked)
    except ValueError:
        told = ["breaks the program that reads it: open it in an editor and save it again"] * len(asked)
    return {pin: fault for pin, fault in zip(asked, told, strict=True) if fault}


def look(pin: Pin) -> str:
    """Why a background cannot stand behind pictures; empty when it can."""
    try:
        data = Path(pin.path).read_bytes()
    except FileNotFoundError:
        return "does not exist; put the picture there, or mount the share it lies on"
    except IsADirectoryError:
        return "is a folder, not a picture"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    from mattingd.imaging.finishing import background  # noqa: PLC0415 - only where pictures are opened
    from mattingd.imaging.formats.errors import PictureError  # noqa: PLC0415

    try:
        background.opened(data)
    except PictureError as error:
        return f"cannot stand behind pictures: {error}"
    changed = hashlib.sha256(data).hexdigest() != pin.sha256
    return "was changed at this very moment; try once more" if changed else ""


def keep(state_dir: Path, pins: Iterable[Pin]) -> Iterator[str]:
    """Copy those that are not there yet; yields a line for each that cannot be."""
    for pin in dict.fromkeys(pins):
        copy = copy_of(state_dir, pin)
        if copy.exists():
            continue
        try:
            data = read_file(Path(pin.path))
            if hashlib.sha256(data).hexdigest() != pin.sha256:
                yield f"the background {pin.path!r} was changed at this very moment; try once more"
                continue
            put(copy, data)
        except OSError as error:
            yield f"the background {pin.path!r} cannot be kept in {str(copy.parent)!r}: {error.strerror}"


def read_copy(state_dir: str | Path, pin: Pin) -> bytes:
    """The bytes of a background that is kept.

    Raises:
        OSError: there is no copy, or it is not what it was.
    """
    data = copy_of(state_dir, pin).read_bytes()
    if hashlib.sha256(data).hexdigest() != pin.sha256:
        raise OSError(None, "its content is not what it was")
    return data


def tidy(state_dir: Path, wanted: Iterable[Pin | None]) -> None:
    """Remove the copies that nobody wants any more."""
    names = {pin.sha256 for pin in wanted if pin}
    with suppress(OSError):
        for path in (state_dir / FOLDER).iterdir():
            if path.name not in names:
                path.unlink()
