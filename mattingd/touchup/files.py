"""Which files hold strokes: names beside a picture, and what tells one state of them from another.

`shoe.keep.png` and `shoe.drop.png` belong to every picture `shoe.*` in the same folder; `shoe.jpg.keep.png`
to `shoe.jpg` alone, and goes before the short name. Knows names only, with the standard library; what is
painted in the files, `imaging.painting` finds out.
"""

import hashlib
import os
from collections.abc import Iterable

from mattingd.domain.jobs import Stamp
from mattingd.domain.picture_names import ENDINGS

KEEP, DROP = b".keep.png", b".drop.png"
"""What the names of strokes end in: into the matte, out of it."""

NO_PICTURE = (
    "these are strokes, and the picture that they belong to is not beside them: `shoe.keep.png` belongs to"
    " `shoe.jpg` in the same folder"
)
"""Why strokes are only listed."""


def is_strokes(path: bytes) -> bool:
    """Whether a file of this name holds strokes (case does not matter), and so is no picture."""
    return path.lower().endswith((KEEP, DROP))


def names_beside(picture: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """For what is kept and for what is dropped: the names that a picture's strokes may have, best first."""
    stem, ending = os.path.splitext(picture)
    bases = (picture, stem) if ending.lower() in ENDINGS else (picture,)  # `shoe.xmp` is not meant
    keep, drop = (
        tuple(base + ending for base in bases for ending in _spellings(kind)) for kind in (KEEP, DROP)
    )
    return keep, drop


def _spellings(kind: bytes) -> tuple[bytes, ...]:
    """An ending as programs write it: each of its two parts in small or in large letters."""
    _, what, form = kind.split(b".")
    return tuple(b"." + w + b"." + f for w in (what, what.upper()) for f in (form, form.upper()))


def belongs(strokes: bytes, picture: bytes) -> bool:
    """Whether strokes of this name are meant for a picture of that name, both in one folder."""
    return not is_strokes(picture) and any(strokes in names for names in names_beside(picture))


def identity(found: Iterable[tuple[bytes, Stamp]]) -> int:
    """One number for the strokes beside a picture, of their names, sizes and times; 0 when there are none."""
    told = [b"%s %d %d" % (os.path.basename(name), stamp.size, stamp.mtime_ns) for name, stamp in found]
    if not told:
        return 0
    digest = hashlib.blake2b(b"\0".join(told), digest_size=8).digest()
    return int.from_bytes(digest) >> 1 | 1  # positive, as SQLite has it
