"""Do the configured folders and backgrounds exist, and can they be used? Tried out: rights alone do not tell.

Leaves nothing behind, but for the copies of backgrounds where these are asked for. Answers for this moment
and this user only; a share may still go away later.
"""

import os
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path

from mattingd.config.messages import Loc, place
from mattingd.config.schema import Settings
from mattingd.domain.presets import Pin
from mattingd.outputs.backgrounds import faults, keep


def problems_on_disk(settings: Settings, known: Container[Path] = ()) -> tuple[str, ...]:
    """One line for each folder or background that is missing or cannot be used; none when all is well.

    A hot folder must be there and readable, unless it is `known` to have been. ``output_dir`` and
    ``state_dir`` may be missing, if only they can be made.
    """
    return tuple(_problems(settings, known))


def _problems(settings: Settings, known: Container[Path]) -> Iterator[str]:
    for index, folder in enumerate(settings.hot_folders):
        if folder.path in known:
            continue
        yield from _said(("hot_folders", index, "path"), folder.path, unreadable(folder.path))
        if folder.originals != "keep" and (fault := unwritable(folder.path)):
            why = f"{fault}; `originals: {folder.originals}` takes files out of it"
            yield from _said(("hot_folders", index, "path"), folder.path, why)
    archive = () if settings.archive_dir is None else (("archive_dir", settings.archive_dir),)
    for name, path in (("output_dir", settings.output_dir), ("state_dir", settings.state_dir), *archive):
        yield from _said((name,), path, unwritable(path))
    broken = faults(settings.backgrounds.values())
    for index, folder in enumerate(settings.hot_folders):
        for pin in (Pin.of(recipe.background) for recipe in folder.recipes):
            if pin in broken:
                yield f"{place(('hot_folders', index))}: the background {pin.path!r} {broken.pop(pin)}"


def kept_backgrounds(settings: Settings) -> tuple[str, ...]:
    """Have all backgrounds at hand in ``state_dir``; a line for each that cannot be."""
    return tuple(keep(settings.state_dir, settings.backgrounds.values()))


def absolute(base: Path, text: str) -> str:
    """A path as the file has it, from ``base`` on; links in it stay."""
    return os.path.abspath(base / os.path.expanduser(text))  # noqa: PTH100, PTH111 (Path.expanduser raises)


def _said(loc: Loc, path: Path, fault: str) -> Iterator[str]:
    if fault:
        yield f"{place(loc)}: {str(path)!r} {fault}"


def unreadable(path: Path) -> str:
    """Why pictures in this folder cannot be found and read; empty when they can."""
    try:
        with os.scandir(path) as entries:
            next(entries, None)
    except FileNotFoundError:
        return "does not exist; make it, or mount the share it lies on"
    except NotADirectoryError:
        return "is not a folder"
    except OSError as error:
        return f"cannot be listed: {error.strerror}"
    return (
        ""
        if os.access(path, os.X_OK, effective_ids=True)
        else "does not let its files be opened: Permission denied"
    )


def unwritable(path: Path) -> str:
    """Why nothing can be written below ``path``, made first where it is missing; empty when it can."""
    there = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    try:
        with tempfile.TemporaryFile(dir=there, prefix=".mattingd-"):
            return ""
    except NotADirectoryError:
        return "is not a folder" if there == path else f"cannot be made: {str(there)!r} is not a folder"
    except OSError as error:
        verb = "cannot be written to" if there == path else f"cannot be made in {str(there)!r}"
        return f"{verb}: {error.strerror}"
