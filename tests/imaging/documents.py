"""Files that no library here writes, byte by byte after their specifications: PSD, DNG, a CMYK profile."""

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mattingd.imaging.formats.colour import icc

Pixels = npt.NDArray[Any]

ADOBE_RGB = icc.matrix_profile("Adobe RGB (1998)", (0.64, 0.33), (0.21, 0.71), (0.15, 0.06), 563 / 256)
GREY_18 = icc.grey_profile("Grey 1.8", 1.8)

PSD_MODES = {"1": 0, "L": 1, "P": 2, "RGB": 3, "CMYK": 4, "LAB": 9}


def psd(
    planes: Pixels,
    mode: str = "RGB",
    *,
    packed: bool = False,
    large: bool = False,
    layers: int | None = None,
    palette: bytes = b"",
    resources: dict[int, bytes] | None = None,
) -> bytes:
    """A document whose merged picture has these planes (uint8 or uint16 [C,H,W]); no layer is in it.

    With ``layers`` the layer section says so many; a negative number means that the plane after the colours
    is the merged picture's transparency.
    """
    channels, height, width = planes.shape
    depth = 1 if mode == "1" else 8 * planes.dtype.itemsize
    head = struct.pack(
        ">4sH6xH2I2H", b"8BPS", 2 if large else 1, channels, height, width, depth, PSD_MODES[mode]
    )
    blocks = b"".join(
        struct.pack(">4sH2xI", b"8BIM", kind, len(content)) + content + bytes(len(content) % 2)
        for kind, content in (resources or {}).items()
    )
    width_of_length = "Q" if large else "I"
    inner = b"" if layers is None else struct.pack(f">{width_of_length}h2xI", 4, layers, 0)
    sections = _counted(palette) + _counted(blocks) + struct.pack(f">{width_of_length}", len(inner)) + inner
    rows = [_row(row, depth) for plane in planes for row in plane]
    if not packed:
        return head + sections + b"\0\0" + b"".join(rows)
    rows = [_packbits(row) for row in rows]
    lengths = struct.pack(f">{len(rows)}{'I' if large else 'H'}", *map(len, rows))
    return head + sections + b"\0\1" + lengths + b"".join(rows)


def _counted(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _row(row: Pixels, depth: int) -> bytes:
    if depth == 1:
        return np.packbits(row).tobytes()
    return row.astype(">u2").tobytes() if depth == 16 else row.tobytes()


def _packbits(row: bytes) -> bytes:
    """Runs of equal bytes where there are some, else literals."""
    packed, at = b"", 0
    while at < len(row):
        run = 1
        while run < 128 and row[at : at + 1] * (run + 1) == row[at : at + run + 1]:
            run += 1
        if run > 2:
            packed, at = packed + bytes((257 - run, row[at])), at + run
            continue
        literal = row[at : at + 100]
        packed, at = packed + bytes((len(literal) - 1,)) + literal, at + len(literal)
    return packed


def dng(width: int, height: int, turn: int = 1, thumbnail: int = 0) -> bytes:
    """A raw file of a camera with a Bayer sensor, that looked at a surface half red, half blue."""
    cfa = np.full((height, width), 200, np.uint16)
    cfa[0::2, 0::2][:, : width // 4] = 3000  # red there
    cfa[1::2, 1::2][:, width // 4 :] = 3000  # blue there
    body = cfa.tobytes()
    rational = struct.pack("<18i", *(n for value in (1, 0, 0, 0, 1, 0, 0, 0, 1) for n in (value, 1)))
    neutral = struct.pack("<6I", 1, 1, 1, 1, 1, 1)
    tags: list[tuple[int, int, int, bytes]] = [
        (254, 4, 1, struct.pack("<I", thumbnail)),
        (256, 4, 1, struct.pack("<I", width)),
        (257, 4, 1, struct.pack("<I", height)),
        (258, 3, 1, struct.pack("<H", 16)),
        (259, 3, 1, struct.pack("<H", 1)),
        (262, 3, 1, struct.pack("<H", 32803)),
        (271, 2, 8, b"Testcam\0"),
        (272, 2, 4, b"One\0"),
        (273, 4, 1, b""),
        (274, 3, 1, struct.pack("<H", turn)),
        (277, 3, 1, struct.pack("<H", 1)),
        (278, 4, 1, struct.pack("<I", height)),
        (279, 4, 1, struct.pack("<I", len(body))),
        (33421, 3, 2, struct.pack("<2H", 2, 2)),
        (33422, 1, 4, bytes((0, 1, 1, 2))),
        (50706, 1, 4, bytes((1, 4, 0, 0))),
        (50708, 2, 12, b"Testcam One\0"),
        (50717, 4, 1, struct.pack("<I", 4095)),
        (50721, 10, 9, rational),
        (50728, 5, 3, neutral),
        (50778, 3, 1, struct.pack("<H", 21)),
    ]
    start = 8 + 2 + 12 * len(tags) + 4
    extra = b"".join(content + bytes(len(content) % 2) for *_, content in tags if len(content) > 4)
    entries, at = b"", start
    for tag, kind, count, content in tags:
        value = struct.pack("<I", start + len(extra)) if tag == 273 else content
        if len(value) > 4:
            value, at = struct.pack("<I", at), at + len(content) + len(content) % 2
        entries += struct.pack("<2HI", tag, kind, count) + value.ljust(4, b"\0")
    return struct.pack("<4sIH", b"II\x2a\0", 8, len(tags)) + entries + bytes(4) + extra + body


def cmyk_profile() -> bytes:
    """A printer's profile: a small table from CMYK to Lab, and one back that nobody asks for."""
    steps = 5
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, steps)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    paper = 1 - grid[:, :3] * np.array([0.92, 0.85, 0.95])
    light = paper @ np.array([0.25, 0.55, 0.2]) * (1 - 0.93 * grid[:, 3])
    levels = np.stack(
        [
            light * 245,
            128 + 70 * (grid[:, 1] - grid[:, 0]) * (1 - grid[:, 3]),
            128 + 80 * (grid[:, 2] * 0.9 - grid[:, 0] * 0.4 - grid[:, 1] * 0.1) * (1 - grid[:, 3]),
        ],
        axis=1,
    )
    line = bytes(range(256))
    table = struct.pack(">4s4x4B", b"mft1", 4, 3, steps, 0) + _identity() + line * 4
    table += np.clip(np.rint(levels), 0, 255).astype(np.uint8).tobytes() + line * 3
    tags = {b"desc": icc._description("Press"), b"cprt": b"text\0\0\0\0Public domain\0", b"A2B0": table}
    tags[b"wtpt"] = icc._xyz(np.array(icc._D50))
    profile = bytearray(icc._profile(b"CMYK", tags))
    profile[12:16], profile[20:24] = b"prtr", b"Lab "
    return bytes(profile)


def _identity() -> bytes:
    return struct.pack(">9i", *(65536 * (i == j) for i in range(3) for j in range(3)))


def lab_of(rgb: Pixels) -> Image.Image:
    """An sRGB picture in CIE Lab."""
    from PIL import ImageCms  # noqa: PLC0415

    source, target = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(Image.fromarray(rgb), source, target, outputMode="LAB")  # type: ignore[return-value]


def tiff(
    samples: Pixels,
    mode: str,
    more: list[tuple[int, str, int, Any, bool]],
    *,
    planar: bool = False,
    start: int = 0,
) -> bytes:
    """A TIFF of samples [H,W,C] as they are, with just these tags beside those that any needs.

    Libraries add what they think is meant by a channel too many; here the tags decide. With ``start`` the
    pixels begin there, behind the directory.
    """
    height, width, channels = samples.shape
    depth, kind = 8 * samples.itemsize, {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    planes = np.moveaxis(samples, 2, 0) if planar else samples
    body = np.ascontiguousarray(planes).astype(samples.dtype.newbyteorder("<")).tobytes()
    strips = channels if planar else 1
    length = len(body) // strips
    tags: dict[int, tuple[int, ...]] = {
        256: (width,), 257: (height,), 258: (depth,) * channels, 259: (1,),
        262: ({"grey": 1, "rgb": 2, "cmyk": 5}[mode],),
        273: tuple((start or 8) + index * length for index in range(strips)),
        277: (channels,), 278: (height,), 279: (length,) * strips,
        284: (2 if planar else 1,), 339: (kind,) * channels,
    }  # fmt: skip
    for tag, _, count, value, _ in more:
        tags[tag] = tuple(value) if count > 1 else (value,)
    directory, far, entries = 8 if start else 8 + len(body), b"", b""
    after = directory + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        wide = tag in (256, 257, 273, 278, 279)
        packed = struct.pack(f"<{len(values)}{'I' if wide else 'H'}", *values)
        if len(packed) > 4:
            packed, far = struct.pack("<I", after + len(far)), far + packed
        entries += struct.pack("<2HI4s", tag, 4 if wide else 3, len(values), packed)
    table = struct.pack("<H", len(tags)) + entries + bytes(4) + far
    head = b"II*\0" + struct.pack("<I", directory)
    return (head + table).ljust(start, b"\0") + body if start else head + body + table


def interlaced_png(pixels: Pixels) -> bytes:
    """RGB of 8 bits in the seven passes of Adam7, which no library here writes."""
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    rows = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in pixels[y::dy, x::dx])
    head = struct.pack(">2I5B", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    )
