"""Recognise files with strokes by their names beside a picture, and detect changes to them.

`shoe.keep.png` and `shoe.drop.png` belong to every picture `shoe.*` in the same folder; `shoe.jpg.keep.png`
to `shoe.jpg` alone, and takes precedence over the short name. Knows names only, with the standard library;
`stroke_masks` reads the files.
"""

import hashlib
import os
from collections.abc import Iterable

from mattingd.domain.jobs import Stamp
from mattingd.domain.picture_names import ENDINGS
from mattingd.domain.reasons import Reason

KEEP, DROP = b".keep.png", b".drop.png"
"""What the names of strokes end in: into the matte, out of it."""

NO_PICTURE = Reason.of("strokes_alone")
"""Why strokes are only listed."""


def is_strokes(path: bytes) -> bool:
    """Whether a file of this name contains strokes (in any case), and so is not a picture."""
    return path.lower().endswith((KEEP, DROP))


def names_beside(picture: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the names that a picture's strokes may have, best first: for keeping, and for dropping."""
    stem, ending = os.path.splitext(picture)
    bases = (picture, stem) if ending.lower() in ENDINGS else (picture,)  # `shoe.xmp` is not meant
    keep, drop = (
        tuple(base + ending for base in bases for ending in _spellings(kind)) for kind in (KEEP, DROP)
    )
    return keep, drop


def _spellings(kind: bytes) -> tuple[bytes, ...]:
    """Return a suffix as programs write it: each of its two parts in lower or upper case."""
    _, what, form = kind.split(b".")
    return tuple(b"." + w + b"." + f for w in (what, what.upper()) for f in (form, form.upper()))


def belongs(strokes: bytes, picture: bytes) -> bool:
    """Whether strokes of this name belong to a picture of that name, both in one folder."""
    return not is_strokes(picture) and any(strokes in names for names in names_beside(picture))


def renamed(strokes: bytes, picture: bytes, new: bytes) -> bytes:
    """Return the name that a picture's strokes need when the picture is called `new`."""
    base = new if strokes.startswith(picture) else os.path.splitext(new)[0]
    return base + strokes[-len(KEEP) :]  # both kinds have the same length, in any case


def identity(found: Iterable[tuple[bytes, Stamp]]) -> int:
    """Return one number for the strokes beside a picture, from names, sizes and times; 0 without any."""
    told = [b"%s %d %d" % (os.path.basename(name), stamp.size, stamp.mtime_ns) for name, stamp in found]
    if not told:
        return 0
    digest = hashlib.blake2b(b"\0".join(told), digest_size=8).digest()
    return int.from_bytes(digest) >> 1 | 1  # positive, for SQLite
