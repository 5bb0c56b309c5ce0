"""Where an output lies: layout tokens, safe names, versions, drops.

Pure text. Whether a place is free is the journal's to say (a unique index) and, of foreign files, the disk's.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile

from mattingd.domain.jobs import Folder, Holder, Naming, Place

SECOND = 1_000_000_000
TOKENS = ("date", "drop", "folder", "path", "stem", "preset")
"""What may stand in braces in `layout`."""
NAME_BYTES = 255
"""Longest file name on every file system we publish to."""
LONGEST_SUFFIX = 16
"""Bytes of what counts as a file name's suffix when the name has to be shortened."""
ROOM_BYTES = 40
"""Kept free in a name for `_v999`, a suffix of 20 bytes and `_matte.png`, or for `.error.txt`."""

SECOND_NAME = 2
"""The first name that is not the wanted one."""

_TOKEN = re.compile(r"\{([^{}]*)\}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def safe_component(name: str) -> str:
    """One path component that every file system takes: no control or undecodable characters, not too long.

    A name that had to be changed ends in a hash of what it was, so that distinct names stay distinct.
    """
    clean = _UNSAFE.sub("_", name)
    if clean in {"", ".", ".."} or clean.startswith(".mattingd"):
        clean = "_" + clean.lstrip(".")
    limit = NAME_BYTES - ROOM_BYTES
    if clean == name and len(clean.encode()) <= limit:
        return clean
    stem, dot, suffix = clean.rpartition(".")
    if not stem or len(suffix.encode()) > LONGEST_SUFFIX:
        stem, dot, suffix = clean, "", ""
    tag = "~" + hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8] + dot + suffix
    return stem.encode()[: limit - len(tag.encode())].decode(errors="ignore") + tag


def safe_path(path: bytes) -> str:
    """A source path as text whose every component is safe; distinct sources may become the same text."""
    return "/".join(safe_component(part) for part in path.decode("utf-8", "surrogateescape").split("/"))


def folded(path: str) -> str:
    """The form under which two output paths count as one: NFC and casefolded, as shares and Macs do."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _split(path: str) -> tuple[str, str, str]:
    """Directory (with its slash), stem and suffix (with its dot) of a source path."""
    directory, _, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    return (directory + "/" if directory else ""), stem, dot + suffix


def naming(folder: Folder, path: bytes, date: str, drop: str) -> Naming:
    """The places the outputs of this source would like to have."""
    directory, stem, suffix = _split(safe_path(path))

    def render(layout: str, path_stem: str) -> str:
        values = {
            "date": date,
            "drop": drop,
            "folder": safe_component(folder.name),
            "preset": safe_component(folder.preset_name),
            "path": directory + path_stem,
            "stem": path_stem,
        }
        return _TOKEN.sub(lambda match: values[match[1]], layout)

    plain, full = (_bounded(render(folder.layout, each)) for each in (stem, stem + suffix))
    note = _bounded(render(_note_layout(folder), stem + suffix)) + ".error.txt"
    return Naming(plain, full, folder.endings, note)


def archive_place(folder: Folder, path: bytes, date: str) -> str:
    """Where an original would like to lie in the archive: its own path, below its day and its hot folder."""
    return "/".join((date, safe_component(folder.name), safe_path(path)))


def _bounded(path: str) -> str:
    """A filled-in layout, relative, with safe components: tokens side by side may make one too long."""
    return "/".join(safe_component(part) for part in path.split("/") if part)


def _note_layout(folder: Folder) -> str:
    """Where error notes go: `_failed`, beside what the layout makes of the sources themselves.

    `{date}/{folder}/{path}` gives `{date}/{folder}/_failed/{path}`. A layout that does not keep hot folders
    apart above that has its notes kept apart below: two folders may hold pictures of the same name.
    """
    parts = folder.layout.split("/")
    shared = list(takewhile(lambda part: not {"path", "stem"} & set(_TOKEN.findall(part)), parts))
    apart = ["{folder}"] if folder.name and not any("{folder}" in part for part in shared) else []
    return "/".join([*shared, "_failed", *apart, "{path}"])


def place(base: str, version: int, extension: str) -> Place:
    """The place of a version: `shoe.png`, then `shoe_v2.png`, ..."""
    tail = "" if version == 1 else f"_v{version}"
    return Place(f"{base}{tail}{extension}", base, version, extension)


HolderOf = Callable[[str], Holder | None]
"""For a folded path what holds it; None when it is free."""


def pick(wanted: Naming, holder_of: HolderOf) -> tuple[Place, ...]:
    """The first free place for each ending, all of one base and version: what belongs together looks so."""
    full = _free_way(wanted.full, holder_of)
    wish = replace(wanted, plain=_free_way(wanted.plain, holder_of), full=full)
    for base in (wish.plain, wish.full):
        version = 1
        while holders := _holders(wish, base, version, holder_of):
            if set(holders) != {Holder.SELF} and version == 1:
                break
            version += 1
        else:
            return _places(wish, base, version)
    version = 2
    while _holders(wish, wish.full, version, holder_of):
        version += 1
    return _places(wish, wish.full, version)


def _free_way(base: str, holder_of: HolderOf) -> str:
    """The base below folders none of which has the name of a cut-out: `shoe.png/a` -> `shoe.png_folder/a`."""
    *folders, name = base.split("/")
    way = ""
    for folder in folders:
        number, each = 1, folder
        while holder_of(folded(way + each)) not in {None, Holder.FOLDER}:
            number += 1
            each = f"{folder}_folder" if number == SECOND_NAME else f"{folder}_folder{number}"
        way += each + "/"
    return way + name


def _holders(wish: Naming, base: str, version: int, holder_of: HolderOf) -> list[Holder]:
    """What holds those of these places that are taken."""
    held = (holder_of(folded(each.path)) for each in _places(wish, base, version))
    return [holder for holder in held if holder is not None]


def _places(wish: Naming, base: str, version: int) -> tuple[Place, ...]:
    return tuple(place(base, version, ending) for ending in wish.endings)


def next_version(taken: Place, held: Callable[[str], bool]) -> Place:
    """The next version of a taken place that nobody holds; `held` is asked with folded paths."""
    version = taken.version + 1
    while held(folded(place(taken.base, version, taken.extension).path)):
        version += 1
    return place(taken.base, version, taken.extension)


@dataclass(slots=True)
class Drop:
    """Files that came together into one hot folder."""

    name: str
    date: str
    opened: int
    last: int

    @property
    def closes(self) -> int:
        """When no file joins it any more, unless one does before, in ns."""
        return min(self.last + QUIET_NS, self.opened + LONGEST_NS)


QUIET_NS = 30 * SECOND
"""A drop closes this long after its last new file."""
LONGEST_NS = 6 * 3600 * SECOND
"""A drop closes after this at the latest."""


class Drops:
    """The open drop of each hot folder. One owner: the scheduler."""

    def __init__(self) -> None:
        self._open: dict[int, Drop] = {}
        self._made: dict[str, int] = {}

    def join(self, folder: int, today: str, now: int) -> Drop:
        """The drop a new file belongs to: the open one, or a new one that carries today's date."""
        drop = self._open.get(folder)
        if drop is None or drop.closes <= now:
            drop = self._open[folder] = Drop(self._name(folder, today), today, now, now)
        drop.last = now
        return drop

    def _name(self, folder: int, today: str) -> str:
        """`2026-11-20-2`: unique in a folder as long as the journal seeds the counts after a start."""
        key = f"{folder}/{today}"
        self._made[key] = self._made.get(key, 0) + 1
        return f"{today}-{self._made[key]}"

    def seed(self, folder: int, today: str, made: int) -> None:
        """So many drops were opened in this folder today before the daemon started."""
        self._made[f"{folder}/{today}"] = made
