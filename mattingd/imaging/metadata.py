"""What a picture carries beside its pixels: its turn, its resolution, the EXIF data worth keeping.

Knows EXIF through Pillow. Must not know pixels. Damaged metadata is no metadata and never fails a picture.
"""

import math

from PIL import Image

ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_KEPT = frozenset({0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298})
"""Description, make, model, software, date, artist, copyright. The turn is applied, places are private."""
_DROPPED = frozenset({0x927C, 0xA002, 0xA003, 0xA005, 0xEA1C})
"""In the photo's own directory: maker's note, pixel sizes, pointers, padding."""
_TURNS = frozenset(range(1, 9))
_DPI = (1.0, 100_000.0)


def load_exif(content: bytes) -> Image.Exif:
    """EXIF data from their TIFF header on; empty when there are none or they are damaged."""
    exif = Image.Exif()
    try:
        exif.load(content)
    except Exception:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return Image.Exif()
    return exif


def orientation(exif: Image.Exif) -> int:
    """The turn that is asked for, 1 to 8; 1 when nothing sensible is said."""
    turn = exif.get(ORIENTATION)
    return turn if isinstance(turn, int) and turn in _TURNS else 1


def kept_exif(exif: Image.Exif) -> bytes | None:
    """The EXIF data that goes along with a cut-out, from the TIFF header on; None when nothing is left."""
    kept = Image.Exif()
    try:
        kept.update({tag: value for tag, value in exif.items() if tag in _KEPT})
        photo = {tag: value for tag, value in exif.get_ifd(_EXIF_IFD).items() if tag not in _DROPPED}
        if photo:
            kept[_EXIF_IFD] = photo
        return kept.tobytes().removeprefix(b"Exif\x00\x00") if len(kept) else None
    except Exception:  # noqa: BLE001 - the same
        return None


def resolution(dpi: object) -> tuple[float, float] | None:
    """Dots per inch across and down as Pillow tells them, or None when they make no sense."""
    try:
        x, y = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    sensible = all(math.isfinite(value) and _DPI[0] <= value <= _DPI[1] for value in (x, y))
    return (x, y) if sensible else None
