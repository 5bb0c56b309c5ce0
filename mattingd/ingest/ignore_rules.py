"""Decide which files and folders in a hot folder no user dropped there; they are skipped, counted and listed.

A hidden file, or one below a hidden folder, belongs to the program or system that hid it. So does a name that
extends a picture's name (`shoe.jpg~`, `shoe.jpg_original`, `shoe.jpg.5f3a9c1e.partial`). Only the remaining
cases are listed by name. Works on names only, as bytes; never accesses a disk.
"""

import re
from fnmatch import fnmatchcase

from mattingd.domain.picture_names import ENDINGS, ends_like_a_picture
from mattingd.system.filesystem import TEMP_PREFIX
from mattingd.touchup.files import is_strokes

HIDDEN = "it is hidden: a program or the system keeps it for itself"
BELOW_HIDDEN = "it is in a hidden folder of a program or the system"
COPY = "by its name a program keeps it beside a picture: a working copy, a backup, notes on it"
UNFINISHED = "by its name it is the working file of a program"
SYSTEM = "by its name it belongs to the system or to another program"
BELOW_SYSTEM = "it is in a folder that belongs to the system or to another program"
OURS = "it is one of mattingd's own files"
STROKES = "it holds strokes, which go with their picture"

_MORE_THAN_A_PICTURE = re.compile(
    rb"\.(?:" + b"|".join(sorted(ending[1:] for ending in ENDINGS)) + rb")[^a-z0-9 /].*|.*~", re.DOTALL
)
_WORKING_FILES = (
    b"*.part *.partial *.crdownload *.download *.tmp *.temp *.filepart *.bak *.swp *.sb-* ~*".split()
)
_SYSTEM_FILES = (b"desktop.ini", b"thumbs.db", b"ehthumbs.db", b"icon\r", "icon\uf00d".encode(), b"icon:0d")
"""The last three: the Finder's picture of a folder, as it is called on disks and on shares."""
_OUR_FILES = (b"_status.txt", b"*.error.txt")
_WORKING_FOLDERS = (b"(a document being saved by *", b"*.sb-*", b"*.download")
_SYSTEM_FOLDERS = (
    b"system volume information",
    b"network trash folder",
    b"temporary items",
    *b"""
    @eadir @tmp @recycle @recently-snapshot @__thumb #recycle #snapshot ~snapshot $recycle.bin __macosx
    lost+found *.photoslibrary *.lrdata
    """.split(),
)


def why_ignored(name: bytes, *, is_dir: bool) -> str | None:
    """Return why a file or folder of this bare name is skipped; None when a user may have dropped it."""
    folded = name.lower()
    if folded.startswith(TEMP_PREFIX.encode()) or folded == TEMP_PREFIX.rstrip("-").encode():
        return OURS
    if folded.startswith(b"."):
        return HIDDEN
    return _why_folder(folded) if is_dir else _why_file(folded)


def why_ignored_at(path: bytes, *, is_dir: bool) -> str | None:
    """Return the same for a path in a hot folder: everything below a skipped folder is skipped, too."""
    *folders, name = path.split(b"/")
    for folder in folders:
        if reason := why_ignored(folder, is_dir=True):
            return BELOW_HIDDEN if reason in {HIDDEN, OURS} else BELOW_SYSTEM
    return why_ignored(name, is_dir=is_dir)


def _why_folder(folded: bytes) -> str | None:
    if _like(folded, _WORKING_FOLDERS):
        return UNFINISHED
    return SYSTEM if _like(folded, _SYSTEM_FOLDERS) else None


def _why_file(folded: bytes) -> str | None:
    if is_strokes(folded):
        return STROKES
    if _like(folded, _OUR_FILES):
        return OURS
    if folded in _SYSTEM_FILES:
        return SYSTEM
    if _like(folded, _WORKING_FILES):
        return UNFINISHED
    more = not ends_like_a_picture(folded) and _MORE_THAN_A_PICTURE.search(folded)
    return COPY if more else None


def _like(name: bytes, patterns: tuple[bytes, ...] | list[bytes]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
