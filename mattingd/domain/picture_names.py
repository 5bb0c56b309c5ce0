"""By its name alone: is a file surely a picture that a person dropped? Pure, and for names as bytes."""

ENDINGS = frozenset(
    b"""
    .jpg .jpeg .jpe .jfif .png .webp .tif .tiff .bmp .gif .avif .heic .heif .hif .psd .psb
    .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .pef .srw .iiq
    """.split()
)
"""Endings of pictures, in lower case."""


def ends_like_a_picture(name: bytes) -> bool:
    """Whether a name ends in the ending of a picture (case does not matter)."""
    stem, dot, ending = name.lower().rpartition(b".")
    return bool(stem) and dot + ending in ENDINGS


def surely_dropped(path: bytes) -> bool:
    """Whether a path within a hot folder is surely a picture that a person dropped: not hidden, and named so.

    Others may be cut out, too; they are never moved or deleted.
    """
    hidden = any(part.startswith(b".") for part in path.split(b"/"))
    return not hidden and ends_like_a_picture(path.rpartition(b"/")[2])
