"""Tests whether the configured folders and backgrounds exist and can be used, by using them.

Leaves nothing behind, except copies of backgrounds where `kept_backgrounds` is called. The result is valid
for this moment and this user; a share may still disappear later.
"""

import os
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path

from mattingd.config.backgrounds import faults, keep
from mattingd.config.messages import Loc, place
from mattingd.config.schema import Settings
from mattingd.domain.presets import Pin
from mattingd.system.mounts import not_ready


def problems_on_disk(settings: Settings, known: Container[Path] = ()) -> tuple[str, ...]:
    """Return one line for each folder or background that is missing or cannot be used.

    A hot folder must exist and be readable, unless it is in `known` (it was used before). ``output_dir`` and
    ``state_dir`` may be missing if they can be created. A folder on a share, or on a disk
    that is not mounted yet, is not examined: the daemon waits for it.
    """
    return tuple(_problems(settings, known))


def _problems(settings: Settings, known: Container[Path]) -> Iterator[str]:
    for index, folder in enumerate(settings.hot_folders):
        if folder.path in known or folder.uploads or not_ready(folder.path):
            continue
        yield from _said(("hot_folders", index, "path"), folder.path, unreadable(folder.path))
        if folder.originals != "keep" and (fault := unwritable(folder.path)):
            why = f"{fault}; `originals: {folder.originals}` moves files out of it"
            yield from _said(("hot_folders", index, "path"), folder.path, why)
    archive = () if settings.archive_dir is None else (("archive_dir", settings.archive_dir),)
    for name, path in (("output_dir", settings.output_dir), ("state_dir", settings.state_dir), *archive):
        if not not_ready(path):
            yield from _said((name,), path, unwritable(path))
    broken = faults(settings.backgrounds.values())
    for index, folder in enumerate(settings.hot_folders):
        for pin in (Pin.of(recipe.background) for recipe in folder.recipes):
            if pin in broken:
                yield f"{place(('hot_folders', index))}: the background {pin.path!r} {broken.pop(pin)}"


def kept_backgrounds(settings: Settings) -> tuple[str, ...]:
    """Copy all backgrounds to ``state_dir``; return a line for each that cannot be copied."""
    return tuple(keep(settings.state_dir, settings.backgrounds.values()))


def absolute(base: Path, text: str) -> str:
    """Return ``text`` as an absolute path that starts at ``base``; links are not resolved."""
    return os.path.abspath(base / os.path.expanduser(text))  # noqa: PTH100, PTH111 (Path.expanduser raises)


def _said(loc: Loc, path: Path, fault: str) -> Iterator[str]:
    if fault:
        yield f"{place(loc)}: {str(path)!r} {fault}"


def unreadable(path: Path) -> str:
    """Return why pictures in this folder cannot be listed and read; empty when they can."""
    try:
        with os.scandir(path) as entries:
            next(entries, None)
    except FileNotFoundError:
        return "does not exist; create it, or mount its share"
    except NotADirectoryError:
        return "is not a folder"
    except OSError as error:
        return f"cannot be listed: {error.strerror}"
    return (
        ""
        if os.access(path, os.X_OK, effective_ids=True)
        else "does not allow its files to be opened: Permission denied"
    )


def unwritable(path: Path) -> str:
    """Return why nothing can be written below ``path`` (which may be missing); empty when it can."""
    there = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    try:
        # Made, closed and removed by its name: a share may refuse to remove what is open.
        descriptor, name = tempfile.mkstemp(dir=there, prefix=".mattingd-")
        os.close(descriptor)
        Path(name).unlink()
    except NotADirectoryError:
        return "is not a folder" if there == path else f"cannot be created: {str(there)!r} is not a folder"
    except OSError as error:
        verb = "cannot be written to" if there == path else f"cannot be created in {str(there)!r}"
        return f"{verb}: {error.strerror}"
    return ""
