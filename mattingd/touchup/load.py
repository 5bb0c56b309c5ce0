"""Load the strokes beside a picture, in the worker that reads the picture.

Joins names, files and pixels of strokes. Must not know jobs.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from mattingd.domain.jobs import PictureLimits, Stamp
from mattingd.domain.reasons import Reason, Reasons
from mattingd.domain.text import readable
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting import matte_file
from mattingd.imaging.matting.second_pass import Passes
from mattingd.imaging.matting.tiles import Float32, UInt8
from mattingd.system.filesystem import Disk, NotAFileError
from mattingd.touchup import solver, stroke_masks
from mattingd.touchup.files import identity, names_beside
from mattingd.touchup.matte_cache import MatteStore

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Stroke:
    """A file with strokes."""

    kind: int
    """`DROP` or `KEEP` of `solver`."""
    name: bytes
    """Its path in the hot folder."""
    data: bytes

    @property
    def shown(self) -> str:
        """Return its file name, for users."""
        return readable(os.path.basename(self.name))


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """The strokes on a picture."""

    plane: UInt8 | None
    """uint8[H,W]: 0, `DROP` or `KEEP`; None when nothing is painted."""
    digest: bytes
    """SHA-256 of the files; empty when nothing is painted."""
    notes: Reasons


NOTHING = Marks(None, b"", ())


class ChangedError(Exception):
    """The strokes are not those that the picture was admitted with."""


def read(disk: Disk, root: bytes, picture: bytes, admitted: Stamp, limits: PictureLimits) -> list[Stroke]:
    """Read the files with strokes beside a picture, exactly as it was admitted with them.

    Raises:
        ChangedError: they have changed.
        PictureError: one is not a regular file, or too large.
        OSError: one cannot be read.
    """
    if not admitted.strokes:
        return []
    before, after, found = list[tuple[bytes, Stamp]](), list[tuple[bytes, Stamp]](), list[Stroke]()
    for kind, names in zip((solver.KEEP, solver.DROP), names_beside(picture), strict=True):
        for name in names:
            with suppress(FileNotFoundError), _named(name), disk.source(root, name) as file:
                stamp = disk.stamp(file)
                _refuse_large(stamp.size, limits)
                found.append(Stroke(kind, name, disk.read_all(file, stamp.size)))
                before.append((name, stamp))
                after.append((name, disk.stamp(file)))
                break
    if identity(before) != admitted.strokes or before != after:
        raise ChangedError
    return found


def room(strokes: list[Stroke], limits: PictureLimits) -> int:
    """Return the pixels of the memory budget that reading them needs.

    Raises:
        PictureError: one is not a picture, or over a limit.
    """
    most = 0
    for stroke in strokes:
        with _named(stroke.name):
            most = max(most, stroke_masks.room(stroke.data, limits))
    return most


def marks(strokes: list[Stroke], limits: PictureLimits, shape: tuple[int, int]) -> Marks:
    """Return their marks on an upright picture of this (height, width).

    Where both kinds are painted, keep wins.

    Raises:
        PictureError: one cannot be read, or does not fit the picture.
    """
    plane = None
    for stroke in sorted(strokes, key=lambda stroke: stroke.kind):
        with _named(stroke.name):
            painted = stroke_masks.painted(stroke.data, limits, shape)
        if painted is not None:
            plane = np.zeros(shape, np.uint8) if plane is None else plane
            plane[painted > 0] = stroke.kind
    names = " and ".join(stroke.shown for stroke in strokes)
    if plane is None:
        return Marks(None, b"", (Reason.of("nothing_painted", names=names),)) if strokes else NOTHING
    digests = (hashlib.sha256(stroke.data).digest() for stroke in strokes)
    told = b"".join(b"%d" % stroke.kind + digest for stroke, digest in zip(strokes, digests, strict=True))
    return Marks(plane, hashlib.sha256(told).digest(), (Reason.of("touched_up", names=names),))


class Mattes:
    """The stored mattes, as a worker uses them."""

    def __init__(self, disk: Disk, root: str | None, owner: str) -> None:
        """Open the store, like `matte_cache.MatteStore`."""
        self._store = MatteStore(disk, root, owner)

    def store(self, name: str, mattes: Sequence[Float32], model: str) -> Reasons:
        """Store all mattes of a picture. A failure spoils no picture and is returned."""
        try:
            self._store.keep(name, matte_file.encode(mattes, model))
        except OSError as error:
            return (Reason.of("matte_not_stored", error=error.strerror or ""),)
        return ()

    def recall(self, name: str, passes: Passes, model: str | None = None) -> str | None:
        """Replay a stored matte; returns the weights that made it, or None when it is unusable.

        With a `model`, only a matte of these weights is used.
        """
        data = self._store.recall(name)
        found = None if data is None else matte_file.decode(data)
        if found and model not in {None, found[1]}:
            return None
        return found[1] if found and passes.replay(found[0]) else None


@contextmanager
def _named(name: bytes) -> Iterator[None]:
    """Report errors of strokes with their file name; they never make the picture an ignored one."""
    shown = readable(os.path.basename(name))
    try:
        yield
    except PictureError as error:
        said = error.reason.about(shown)
        if error.kind == "truncated":
            raise PictureError("truncated", said) from error
        raise PictureError("corrupt", said) from error
    except NotAFileError as error:
        raise PictureError("corrupt", error.reason.within("strokes_no_file").about(shown)) from error


def _refuse_large(size: int, limits: PictureLimits) -> None:
    if size > limits.max_megabytes * _MEGABYTE:
        raise PictureError(
            "too_large",
            Reason.of("strokes_heavy", mb=round(size / _MEGABYTE), limit=limits.max_megabytes),
        )
