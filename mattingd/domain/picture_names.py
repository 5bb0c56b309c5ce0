"""Decide by its name whether a file is surely a picture that a user dropped. Pure; names are bytes."""

ENDINGS = frozenset(
    b"""
    .jpg .jpeg .jpe .jfif .jfi .png .apng .webp .tif .tiff .bmp .dib .gif .avif .avifs .heic .heif .hif .heics
    .heifs .psd .psb .jp2 .j2k .j2c .jpc .jpf .jpx .jpm .jxl .tga .icb .vda .vst .pnm .pbm .pgm .ppm .pam .pfm
    .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .dng .raf .orf .rw2 .pef .srw .erf .3fr .mef .mos .kdc .dcr .iiq
    .rwl .x3f
    """.split()
)
"""Endings of all kinds of pictures that are read, in lower case."""


def ends_like_a_picture(name: bytes) -> bool:
    """Whether a name has the suffix of a picture (in any case)."""
    stem, dot, ending = name.lower().rpartition(b".")
    return bool(stem) and dot + ending in ENDINGS


def surely_dropped(path: bytes) -> bool:
    """Whether a path in a hot folder is surely a user's picture: not hidden, with a picture's suffix.

    Other files may be processed, too, but are never moved or deleted.
    """
    hidden = any(part.startswith(b".") for part in path.split(b"/"))
    return not hidden and ends_like_a_picture(path.rpartition(b"/")[2])
