"""A picture's metadata: orientation, resolution, and the EXIF data to keep.

Knows EXIF through Pillow. Must not know pixels. Damaged metadata is ignored and never fails a picture.
"""

import math
from typing import Literal
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from PIL import Image

ORIENTATION = 0x0112
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_RESOLUTIONS, _UNIT = (0x011A, 0x011B), 0x0128
_INCHES, _CENTIMETRES, _INCH = 2, 3, 2.54
DIRECTORIES = frozenset({_EXIF_IFD, _GPS_IFD})
"""Tags that hold further tags."""
_KEPT = frozenset({0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298})
"""Description, make, model, software, date, artist, copyright. The turn is applied, places are private."""
_DROPPED = frozenset({0x927C, 0xA001, 0xA002, 0xA003, 0xA005, 0xA500, 0xEA1C})
"""In the photo's own directory: maker's note, colours (the profile tells), pixel sizes, pointers, padding."""
_TURNS = frozenset(range(1, 9))
_DPI = (1.0, 100_000.0)
_LONGEST_XMP = 1 << 19  # bytes; parsed, they need a hundred times the memory
_DECLARATIONS = (b"<!", b"<\0!")  # in UTF-8 and UTF-16: entities can explode
_XMP_START, _XMP_END = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="w"?>'
_EXIF_NS, _TIFF_NS = "http://ns.adobe.com/exif/1.0/", "http://ns.adobe.com/tiff/1.0/"
_PLACES = {
    "http://ns.adobe.com/photoshop/1.0/": {"City", "State", "Country"},
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": {"Location", "CountryCode"},
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": {"LocationShown", "LocationCreated"},
}
_OF_THE_FILE = (
    "http://ns.google.com/photos/",
    "http://ns.adobe.com/hdr-gain-map/",
    "http://ns.apple.com/HDR",
)
"""What speaks of films and gain maps that lie in the original's file: of a cut-out it would not be true."""


def load_exif(content: bytes) -> Image.Exif:
    """Return EXIF data from their TIFF header on; empty when there are none or they are damaged."""
    exif = Image.Exif()
    try:
        exif.load(content)
    except Exception:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return Image.Exif()
    return exif


def orientation(exif: Image.Exif) -> int:
    """Return the orientation, 1 to 8; 1 without a valid one."""
    turn = exif.get(ORIENTATION)
    return turn if isinstance(turn, int) and turn in _TURNS else 1


def kept_exif(exif: Image.Exif, *, place: bool) -> bytes | None:
    """Return the EXIF data for the cut-out, from the TIFF header on; None when nothing is left.

    The location is kept only with ``place``.
    """
    kept = Image.Exif()
    try:
        kept.update({tag: value for tag, value in exif.items() if tag in _KEPT})
        photo = {tag: value for tag, value in exif.get_ifd(_EXIF_IFD).items() if tag not in _DROPPED}
        if photo:
            kept[_EXIF_IFD] = photo
        where = exif.get_ifd(_GPS_IFD) if place else {}
        if where:
            kept[_GPS_IFD] = dict(where)
        return kept.tobytes().removeprefix(b"Exif\x00\x00") if len(kept) else None
    except Exception:  # noqa: BLE001 - the same
        return None


def chosen(
    exif: bytes | None, xmp: bytes | None, wish: Literal["keep", "all", "strip"]
) -> tuple[bytes | None, bytes | None]:
    """Return the EXIF data and the XMP packet to keep by a preset's ``metadata``."""
    if wish == "strip":
        return None, None
    place = wish == "all"
    return kept_exif(load_exif(exif or b""), place=place), kept_xmp(xmp, place=place)


def resolution(dpi: object) -> tuple[float, float] | None:
    """Return dots per inch across and down as Pillow reports them, or None when they make no sense."""
    try:
        x, y = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    sensible = all(math.isfinite(value) and _DPI[0] <= value <= _DPI[1] for value in (x, y))
    return (x, y) if sensible else None


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Add dots per inch to ``exif``, for formats without another field for them."""
    kept = load_exif(exif or b"")
    kept.update(zip(_RESOLUTIONS, dpi, strict=True))
    kept[_UNIT] = _INCHES
    return kept.tobytes().removeprefix(b"Exif\x00\x00")


def resolution_of(exif: Image.Exif) -> tuple[float, float] | None:
    """Return the resolution from EXIF data, for files without another field for it."""
    unit = _INCH if exif.get(_UNIT) == _CENTIMETRES else 1
    try:
        return resolution([float(exif[tag]) * unit for tag in _RESOLUTIONS])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def kept_xmp(packet: bytes | None, *, place: bool) -> bytes | None:
    """Return the XMP packet for the cut-out; None when there is none or it is damaged.

    Orientation, thumbnails and data about the original's file are removed; the location is kept only on
    request.
    """
    if not packet or len(packet) > _LONGEST_XMP or any(each in packet for each in _DECLARATIONS):
        return None
    try:
        document = minidom.parseString(packet.strip(b"\0 \n\r\t"))  # noqa: S318 - see above
    except (ExpatError, UnicodeError, ValueError, LookupError):
        return None
    root = document.documentElement
    if root is None:
        return None
    for node in list(root.getElementsByTagName("*")):
        if _goes(node, place=place) and node.parentNode is not None:
            node.parentNode.removeChild(node)
            continue
        for attribute in list((node.attributes or {}).values()):
            if _goes(attribute, place=place):
                node.removeAttributeNode(attribute)
    return f"{_XMP_START}\n{root.toxml()}\n{_XMP_END}".encode()


def _goes(node: minidom.Element | minidom.Attr, *, place: bool) -> bool:
    """Whether a property is removed."""
    space, name = node.namespaceURI or "", node.localName or ""
    if (space, name) == (_TIFF_NS, "Orientation") or name == "Thumbnails" or space.startswith(_OF_THE_FILE):
        return True
    if place:
        return False
    return (space == _EXIF_NS and name.startswith("GPS")) or name in _PLACES.get(space, ())
