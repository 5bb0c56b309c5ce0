"""The words of the command line that name hot folders and pictures, one by one or by pattern."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from mattingd.cli.errors import CommandError
from mattingd.config import HotFolder, Settings
from mattingd.domain.text import readable

COMPARED = 5_000
"""Names that are looked through for one that may have been meant."""
WILD = frozenset("*?[")
ALL = frozenset({b"", b"."})
"""Paths in a hot folder that mean all of it."""


NOT_TAKEN = ""
"""The state of a file that the journal does not know yet."""


@dataclass(frozen=True, slots=True)
class Known:
    """A picture in a hot folder."""

    folder: HotFolder
    path: bytes
    state: str
    """State of its newest job, or `NOT_TAKEN`."""

    @property
    def name(self) -> str:
        """Its name in the log and `status`."""
        return "/".join(filter(None, (self.folder.name, readable(self.path))))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pictures that were named."""

    pictures: tuple[Known, ...]
    groups: tuple[Known, ...]
    """Those that only a folder or a pattern names."""


def folders_named(settings: Settings, names: Sequence[str]) -> list[HotFolder]:
    """Return the hot folders with these names or paths; all for no names.

    Raises:
        CommandError: there is no such hot folder; suggests similar names.
    """
    return [_folder(settings, name) for name in names] or list(settings.hot_folders)


def _folder(settings: Settings, name: str) -> HotFolder:
    real = os.path.realpath(name)
    for folder in settings.hot_folders:
        if name == folder.name or real == str(folder.path):
            return folder
    names = [folder.name for folder in settings.hot_folders]
    raise CommandError(f"there is no hot folder {name!r}; {_meant(name, names, 'there is')}")


def pictures_named(
    settings: Settings,
    words: Sequence[str],
    states: Callable[[HotFolder], Mapping[bytes, str]],
    *,
    untaken_too: bool = False,
) -> Chosen:
    """Return the named pictures: by path, by their name in the log, by folder or by pattern.

    Args:
        settings: the hot folders.
        words: from the command line; `*` in a pattern includes sub-folders.
        states: returns the newest job's state of every picture of a folder that the journal knows.
        untaken_too: whether to include files that the journal does not know yet.

    Raises:
        CommandError: one is in no hot folder, or unknown; suggests similar names.
    """
    known: dict[Path, Mapping[bytes, str]] = {}
    pictures: dict[tuple[Path, bytes], Known] = {}
    groups: dict[tuple[Path, bytes], Known] = {}
    problems: list[str] = []
    for word in words:
        folder, path = _place(settings, word)
        if folder.path not in known:
            known[folder.path] = states(folder)
        there = known[folder.path]
        if path in there:
            pictures[folder.path, path] = Known(folder, path, there[path])
        elif found := list(_group(path, there)):
            groups.update({(folder.path, each): Known(folder, each, there[each]) for each in found})
        elif untaken_too and (folder.path / os.fsdecode(path)).is_file():
            pictures[folder.path, path] = Known(folder, path, NOT_TAKEN)
        elif path not in ALL:
            problems.append(_unknown(word, folder, path, there))
    if problems:
        raise CommandError(*problems)
    return Chosen(tuple(pictures.values()), tuple(groups[key] for key in groups.keys() - pictures.keys()))


def _place(settings: Settings, word: str) -> tuple[HotFolder, bytes]:
    """Return hot folder, and path in it, of a path or of a name such as `in/shoe.jpg`."""
    path = Path(os.path.realpath(Path(word).parent)) / Path(word).name
    for folder in settings.hot_folders:
        if path.is_relative_to(folder.path):
            return folder, os.fsencode(path.relative_to(folder.path))
    first, _, rest = word.partition("/")
    for folder in settings.hot_folders:
        if first == folder.name:
            return folder, os.fsencode(rest)
        if not folder.name:  # the only folder of `mattingd process`
            return folder, os.fsencode(word)
    names = ", ".join(folder.name for folder in settings.hot_folders)
    raise CommandError(f"{word} is in no hot folder of this configuration ({names})")


def _group(path: bytes, there: Iterable[bytes]) -> Iterator[bytes]:
    """Return what is below a folder, or matches a pattern."""
    if path in ALL:
        yield from there
        return
    below = path.rstrip(b"/") + b"/"
    wild = WILD & set(os.fsdecode(path))
    for each in there:
        if each.startswith(below) or (wild and fnmatchcase(os.fsdecode(each), os.fsdecode(path))):
            yield each


def _unknown(word: str, folder: HotFolder, path: bytes, there: Iterable[bytes]) -> str:
    if WILD & set(word):
        return f"{word}: nothing that the journal knows fits this pattern"
    if os.path.lexists(folder.path / os.fsdecode(path)):
        return f"{word}: it was not taken yet; `mattingd status` says what it waits for"
    meant = _meant(readable(path), [readable(each) for each in islice(there, COMPARED)], "did you mean")
    return f"{word}: the journal does not know it" + (f"; {meant}" if meant else "")


def _meant(word: str, names: Sequence[str], otherwise: str) -> str:
    """Return names similar to the given one; of few names, all."""
    close = get_close_matches(word, names, n=3, cutoff=0.7)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"{otherwise}: {', '.join(names)}" if otherwise == "there is" else ""
