"""The sources of `mattingd process`: the folders to scan, and which of their files to process."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mattingd.cli.errors import CommandError
from mattingd.ingest.ignore_rules import why_ignored
from mattingd.touchup.files import is_strokes


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders, absolute and without links."""

    roots: tuple[Path, ...]
    only: dict[Path, frozenset[bytes]]
    """Process only the named files of these folders."""

    def covers(self, root: Path, path: bytes) -> bool:
        """Whether a file is wanted, and exists."""
        meant = root not in self.only or path in self.only[root]
        return meant and os.path.lexists(root / os.fsdecode(path))


def sources(paths: tuple[Path, ...], output: Path) -> Sources:
    """What a command line names. A file that is named through a link is taken where it really lies.

    Strokes go with their pictures, whether they are named or not.

    Raises:
        CommandError: a path cannot be used, or the output is inside an input folder.
    """
    target = Path(os.path.realpath(output))
    folders: list[Path] = []
    files: dict[Path, set[bytes]] = {}
    for path in paths:
        real = Path(os.path.realpath(path))
        if _is_folder(path):
            folders.append(real)
        elif not is_strokes(os.fsencode(real.name)):
            files.setdefault(real.parent, set()).add(_picture_name(path, real))
    if not (folders or files):
        raise CommandError("these are strokes only: name the pictures that they belong to")
    folders = [f for f in dict.fromkeys(folders) if not any(f != o and f.is_relative_to(o) for o in folders)]
    for folder in folders:
        if target.is_relative_to(folder):
            raise CommandError(f"the output {output} is inside the input {folder}: choose one outside of it")
    only = {
        parent: frozenset(names)
        for parent, names in files.items()
        if not any(parent.is_relative_to(folder) for folder in folders)
    }
    return Sources((*folders, *only), only)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise CommandError(f"{path}: there is no such file or folder") from None
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None


def _picture_name(path: Path, real: Path) -> bytes:
    name = os.fsencode(real.name)
    if reason := why_ignored(name, is_dir=False):
        raise CommandError(f"{path}: {reason}; rename it to have it processed")
    return name


def names_of(roots: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    """Return each folder's name below the output: empty if it is the only one, otherwise a unique name."""
    taken: set[str] = set()
    for root in roots:
        name, number = root.name or "root", 1
        while name.casefold() in taken:
            number += 1
            name = f"{root.name}-{number}"
        taken.add(name.casefold())
        yield root, name if len(roots) > 1 else ""
