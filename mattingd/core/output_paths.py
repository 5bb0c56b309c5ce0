"""Decide the path of an output: layout tokens, safe names, versions, drops. Pure text.

Whether a path is free is decided by the journal (a unique index) and, for foreign files, by the disk.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile

from mattingd.domain.jobs import Folder, Holder, Naming, Place

SECOND = 1_000_000_000
AUTO = "auto"
"""The `layout` that is decided once for each hot folder: with its name or, where it is alone, without."""
NAMED, UNNAMED = "{date}/{folder}/{path}", "{date}/{path}"
"""What `auto` stands for."""
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
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*\\]|[. ]+$')
_DEVICE_ON_WINDOWS = re.compile(
    r"(con|conin\$|conout\$|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)", re.IGNORECASE
)


def safe_component(name: str, *, windows: bool = False) -> str:
    """Return a path component that every file system accepts: no control characters, not too long.

    With `windows` it is also one that programs on Windows can open.

    Bytes that cannot be decoded are replaced, too. A changed name ends in a hash of the original one, so that
    distinct names stay distinct.
    """
    clean = _UNSAFE.sub("_", name)
    if windows:
        clean = _NOT_ON_WINDOWS.sub(lambda found: "_" * len(found[0]), clean)
        clean = "_" * bool(_DEVICE_ON_WINDOWS.match(clean)) + clean
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


def safe_path(path: bytes, *, windows: bool = False) -> str:
    """Return a source path with safe components. Distinct sources may become the same text."""
    parts = path.decode("utf-8", "surrogateescape").split("/")
    return "/".join(safe_component(part, windows=windows) for part in parts)


def folded(path: str) -> str:
    """Return the form under which two output paths are equal: NFC and casefolded, as on shares and Macs."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _split(path: str) -> tuple[str, str, str]:
    """Split a source path into directory (with its slash), stem and suffix (with its dot)."""
    directory, _, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    return (directory + "/" if directory else ""), stem, dot + suffix


def naming(folder: Folder, path: bytes, date: str, drop: str) -> Naming:
    """Return the preferred paths for the outputs of this source.

    `shoe.tif` becomes `shoe` or, where another source has that, `shoe (tif)`.
    """
    windows = folder.windows_names
    directory, stem, suffix = _split(safe_path(path, windows=windows))

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

    told_apart = f"{stem} ({suffix[1:]})" if suffix[1:] else stem
    plain, full = (_bounded(render(folder.layout, each), windows=windows) for each in (stem, told_apart))
    note = _bounded(render(_note_layout(folder), stem + suffix), windows=windows) + ".error.txt"
    return Naming(plain, full, folder.endings, note)


def archive_place(folder: Folder, path: bytes, date: str) -> str:
    """Return the preferred path of an original in the archive: its own, below its day and hot folder."""
    windows = folder.windows_names
    return "/".join((date, safe_component(folder.name, windows=windows), safe_path(path, windows=windows)))


def _bounded(path: str, *, windows: bool = False) -> str:
    """Return a filled-in layout as a relative path of safe components: joined tokens may be too long."""
    return "/".join(safe_component(part, windows=windows) for part in path.split("/") if part)


def _note_layout(folder: Folder) -> str:
    """Return the layout of error notes: `_failed`, beside the sources' directories in the layout.

    `{date}/{folder}/{path}` gives `{date}/{folder}/_failed/{path}`. Where the layout does not separate hot
    folders above `_failed`, the notes are separated below it, because two folders may hold pictures of the
    same name. That is not needed where no other folder has its notes there.
    """
    parts = folder.layout.split("/")
    shared = list(takewhile(lambda part: not {"path", "stem"} & set(_TOKEN.findall(part)), parts))
    apart = ["{folder}"] if folder.shares and not any("{folder}" in part for part in shared) else []
    return "/".join([*shared, "_failed", *apart, "{path}"])


def report_base(layout: str, folder: str, drop: str, *, shares: bool, windows: bool = False) -> str:
    """Return where the report of a drop goes, without the ending of its files: beside the cut-outs.

    Args:
        layout: of its hot folder.
        folder: the hot folder's name.
        drop: its name, which starts with its date.
        shares: whether other hot folders have theirs in the same place.
        windows: only names that Windows accepts.
    """
    shared = _parts_of_drop(layout)
    apart = ["{folder}"] if shares and not any("{folder}" in part for part in shared) else []
    return _of_drop([*shared, "_reports", *apart, drop], folder, drop, windows=windows)


def folder_of_drop(folder: Folder, drop: str) -> str:
    """Return the folder that all cut-outs of a drop are below; empty if that is the output folder itself."""
    return _of_drop(_parts_of_drop(folder.layout), folder.name, drop, windows=folder.windows_names)


def _parts_of_drop(layout: str) -> list[str]:
    """Return the first parts of a layout, which are the same for all pictures of a drop."""
    known = {"date", "drop", "folder"}
    return list(takewhile(lambda part: set(_TOKEN.findall(part)) <= known, layout.split("/")))


def _of_drop(parts: list[str], folder: str, drop: str, *, windows: bool) -> str:
    values = {"date": drop[:10], "drop": drop, "folder": safe_component(folder)}
    whole = _TOKEN.sub(lambda match: values[match[1]], "/".join(parts))
    return _bounded(whole, windows=windows)


def place(base: str, version: int, extension: str) -> Place:
    """Return the path of a version: `shoe.png`, then `shoe_v2.png`, ..."""
    tail = "" if version == 1 else f"_v{version}"
    return Place(f"{base}{tail}{extension}", base, version, extension)


HolderOf = Callable[[str], Holder | None]
"""For a folded path what holds it; None when it is free."""


def pick(wanted: Naming, holder_of: HolderOf) -> tuple[Place, ...]:
    """Return the first free path for each suffix, all with the same base and version.

    Outputs of one picture thus look related. A source that has the first version of a base keeps that base,
    even when the plain one becomes free.
    """
    full = _free_way(wanted.full, holder_of)
    wish = replace(wanted, plain=_free_way(wanted.plain, holder_of), full=full)
    bases = (wish.plain, wish.full)
    first = {base: set(_holders(wish, base, 1, holder_of)) for base in bases}
    own = [base for base in bases if first[base] == {Holder.SELF}]
    base = next((each for each in (*own, *bases) if first[each] <= {Holder.SELF}), wish.full)
    version = SECOND_NAME if first[base] else 1
    while _holders(wish, base, version, holder_of):
        version += 1
    return _places(wish, base, version)


def _free_way(base: str, holder_of: HolderOf) -> str:
    """Return the base below folders not named like a cut-out: `shoe.png/a` -> `shoe.png_folder/a`."""
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
    """Return the holders of those paths that are taken."""
    held = (holder_of(folded(each.path)) for each in _places(wish, base, version))
    return [holder for holder in held if holder is not None]


def _places(wish: Naming, base: str, version: int) -> tuple[Place, ...]:
    return tuple(place(base, version, ending) for ending in wish.endings)


def next_version(taken: Place, held: Callable[[str], bool]) -> Place:
    """Return the next version of a taken path that nothing holds; `held` takes folded paths."""
    version = taken.version + 1
    while held(folded(place(taken.base, version, taken.extension).path)):
        version += 1
    return place(taken.base, version, taken.extension)


QUIET_NS = 30 * SECOND
"""A drop closes this long after its last new file, unless the settings say otherwise."""
LONGEST_NS = 6 * 3600 * SECOND
"""A drop closes after this at the latest."""


@dataclass(slots=True)
class Drop:
    """Files that arrived together in one hot folder."""

    name: str
    date: str
    opened: int
    last: int
    quiet: int = QUIET_NS
    """It closes this long after its last new file, in ns."""

    @property
    def closes(self) -> int:
        """Until when a file may join, unless another one joins before, in ns."""
        return min(self.last + self.quiet, self.opened + LONGEST_NS)


class Drops:
    """The open drop of each hot folder, or of each of its sub-folders. One owner: the scheduler."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, bytes], Drop] = {}
        self._made: dict[str, int] = {}

    def join(self, folder: int, today: str, now: int, quiet: int = QUIET_NS, part: bytes = b"") -> Drop:
        """Return the drop that a new file belongs to: the open one, or a new one with today's date.

        `part` is the sub-folder, where each has its own drops.
        """
        drop = self._open.get((folder, part))
        if drop is None or drop.closes <= now:
            drop = self._open[folder, part] = Drop(self._name(folder, today), today, now, now, quiet)
        drop.last = now
        return drop

    def close(self, folder: int, part: bytes) -> str | None:
        """Close the open drop; returns its name, or None when none is open."""
        drop = self._open.pop((folder, part), None)
        return None if drop is None else drop.name

    def _name(self, folder: int, today: str) -> str:
        """Return a name like `2026-11-20-2`, unique in a folder because the journal seeds the counts."""
        key = f"{folder}/{today}"
        self._made[key] = self._made.get(key, 0) + 1
        return f"{today}-{self._made[key]}"

    def seed(self, folder: int, today: str, made: int) -> None:
        """Set how many drops were opened in this folder today before the daemon started."""
        self._made[f"{folder}/{today}"] = made
