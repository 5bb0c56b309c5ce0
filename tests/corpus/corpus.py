"""Generated pictures: format x depth x colour model x alpha x profile x what comes behind x writer.

Each with what an independent reader, or the writer's own input, says of its pixels. Writers that are programs
take part where they are installed.
"""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import Image

from mattingd.imaging.formats.colour import icc
from tests.corpus import programs
from tests.imaging import documents, faithful
from tests.imaging.pictures import encode, heic, photo, tailed

Pixels = npt.NDArray[Any]

WIDTH, HEIGHT = 57, 43
RGB = photo(WIDTH, HEIGHT, 11)
ALPHA = np.full((HEIGHT, WIDTH), 255, np.uint8)
ALPHA[5:-5, 12:40] = np.linspace(0, 255, 28).astype(np.uint8)
PROFILES = {"no profile": None, "P3": icc.DISPLAY_P3, "sRGB": faithful.SRGB}
TONES = {"no profile": None, "grey 1.8": documents.GREY_18}
TAILS = ("", "zeros", "film", "leftovers")

LISTED = {
    "cmyk": "CMYK becomes sRGB: others convert by other rules; ours are held by the fidelity tests",
    "lossy": "decoders round differently: one level",
    "float": "floating point is rounded to 16 bits",
    "tone": "a grey picture's profile converts it to sRGB, by one level",
    **programs.LISTED,
}
"""Why pixels may differ, and by how much they may."""


@dataclass(frozen=True)
class Case:
    """A file and what is in it: [H,W,3] and [H,W] or None, uint8 or uint16."""

    name: str
    data: bytes
    rgb: Pixels
    alpha: Pixels | None = None
    reason: str = ""
    """Of `LISTED`, where pixels may differ."""


def source(mode: str, bits: int) -> Pixels:
    """[H,W] or [H,W,C] in grey (L), RGB or RGBA and LA."""
    colours = RGB[:, :, 1:2] if mode.startswith("L") else RGB
    pixels = np.dstack([colours, ALPHA]) if mode.endswith("A") else colours
    if bits == 16:
        fine = np.random.default_rng(bits).integers(0, 257, pixels.shape, np.uint16)
        pixels = pixels.astype(np.uint16) * 257
        pixels[:, :, : colours.shape[2]] -= np.minimum(
            fine[:, :, : colours.shape[2]], pixels[:, :, : colours.shape[2]]
        )
    return np.ascontiguousarray(pixels.squeeze())


def split(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """RGB and alpha of what a reader gave."""
    planes = pixels.reshape(*pixels.shape[:2], -1)
    count = planes.shape[2]
    alpha = planes[:, :, -1] if count in (2, 4) else None
    colours = np.dstack([planes[:, :, 0]] * 3) if count < 3 else planes[:, :, :3]
    return colours, alpha


def swapped(pixels: Pixels) -> Pixels:
    """OpenCV's order of channels."""
    if pixels.ndim == 2:
        return pixels
    return np.ascontiguousarray(pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]])


def by_opencv(ending: str, pixels: Pixels, *options: int) -> bytes:
    return bytes(cv2.imencode(ending, swapped(pixels), list(options))[1])


def tiff(pixels: Pixels, **options: Any) -> bytes:
    sink = io.BytesIO()
    tifffile.imwrite(sink, pixels, metadata=None, **options)
    return sink.getvalue()


def pngs() -> Iterator[Case]:
    for mode in ("L", "LA", "RGB", "RGBA"):
        for bits in (8, 16):
            pixels = source(mode, bits)
            grey = mode.startswith("L")
            for about, profile in (TONES if grey else PROFILES).items():
                reason = "tone" if grey and profile else ""
                yield Case(
                    f"png {mode} {bits} {about} own", faithful.png(pixels, 1, profile), *split(pixels), reason
                )
                if bits == 8:
                    data = encode(Image.fromarray(pixels), "PNG", icc_profile=profile)
                    yield Case(f"png {mode} 8 {about} Pillow", data, *split(pixels), reason)
            yield Case(
                f"png {mode} {bits} imagecodecs", bytes(imagecodecs.png_encode(pixels)), *split(pixels)
            )
            if mode != "LA":
                yield Case(f"png {mode} {bits} OpenCV", by_opencv(".png", pixels), *split(pixels))
    indexed = Image.fromarray(RGB).quantize(32)
    table = np.asarray(indexed.convert("RGB"))
    hole = np.where(np.asarray(indexed) == 3, 0, 255).astype(np.uint8)
    yield Case("png P Pillow", encode(indexed, "PNG"), table)
    yield Case("png P+t Pillow", encode(indexed, "PNG", transparency=3), table, hole)
    yield Case(
        "png 1 Pillow",
        encode(Image.fromarray(RGB[:, :, 1] > 128), "PNG"),
        *split((RGB[:, :, 1] > 128) * np.uint8(255)),
    )
    yield Case("png RGB 8 interlaced", documents.interlaced_png(RGB), RGB)


def jpegs() -> Iterator[Case]:
    writers: dict[str, Callable[[Pixels, bool], bytes]] = {
        "Pillow": lambda a, p: encode(Image.fromarray(a), "JPEG", quality=92, progressive=p),
        "OpenCV": lambda a, p: by_opencv(".jpg", a, cv2.IMWRITE_JPEG_PROGRESSIVE, int(p)),
        "imagecodecs": lambda a, p: bytes(imagecodecs.jpeg8_encode(a, 92, optimize=p)),
    }
    for writer, write in writers.items():
        for mode in ("L", "RGB"):
            for other in (False, True):
                data = write(source(mode, 8), other)
                rgb, _ = split(imagecodecs.jpeg8_decode(data))
                yield Case(f"jpeg {mode} {'other' if other else 'plain'} {writer}", data, rgb, None, "lossy")
    for about, profile in PROFILES.items():
        for subsampling in (0, 1, 2):
            data = encode(
                Image.fromarray(RGB),
                "JPEG",
                icc_profile=profile,
                subsampling=subsampling,
                exif=b"Exif\0\0II*\0\x08\0\0\0\0\0",
            )
            yield Case(f"jpeg RGB {about} {subsampling}", data, imagecodecs.jpeg8_decode(data), None, "lossy")
    ink = Image.fromarray(RGB).convert("CMYK")
    data = encode(ink, "JPEG", quality=95)
    yield Case(
        "jpeg CMYK Pillow", data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), None, "cmyk"
    )


def tiffs() -> Iterator[Case]:
    for mode in ("L", "LA", "RGB", "RGBA"):
        photometric = "minisblack" if mode.startswith("L") else "rgb"
        for bits in (8, 16, 32):
            whole = source(mode, min(bits, 16))
            pixels: Pixels = whole if bits < 32 else (whole / 65535).astype(np.float32)
            reason = "float" if bits == 32 else ""
            extra: Any = {"extrasamples": ["unassalpha"]} if mode.endswith("A") else {}
            for packing in ("none", "lzw", "adobe_deflate", "zstd", "packbits"):
                data = tiff(pixels, photometric=photometric, compression=packing, **extra)
                yield Case(f"tiff {mode} {bits} {packing}", data, *split(whole), reason)
            for about, more in (
                ("tiles", {"tile": (32, 32)}),
                ("big endian", {"byteorder": ">"}),
                ("BigTIFF", {"bigtiff": True}),
                ("strips", {"rowsperstrip": 7}),
                ("P3", {"iccprofile": icc.DISPLAY_P3} if mode.startswith("RGB") else {}),
            ):
                data = tiff(pixels, photometric=photometric, **extra, **more)
                yield Case(f"tiff {mode} {bits} {about}", data, *split(whole), reason)
            if mode.endswith("A"):
                kind = "rgb" if mode == "RGBA" else "grey"
                bare = pixels.astype(pixels.dtype)
                for tag, seen in ((0, False), (2, True), (999, True)):
                    data = documents.tiff(bare, kind, [(338, "H", 1, tag, True)])
                    colours, alpha = split(whole)
                    yield Case(
                        f"tiff {mode} {bits} ExtraSamples {tag}",
                        data,
                        colours,
                        alpha if seen else None,
                        reason,
                    )
        if mode in ("L", "RGB", "RGBA"):
            for bits in (8, 16):
                pixels = source(mode, bits)
                yield Case(f"tiff {mode} {bits} OpenCV", by_opencv(".tiff", pixels), *split(pixels))
            pixels = source(mode, 8)
            for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
                data = encode(Image.fromarray(pixels), "TIFF", compression=packing)
                yield Case(f"tiff {mode} 8 {packing} Pillow", data, *split(pixels))
    bits12 = source("L", 16) >> 4
    data = tiff(bits12, photometric="minisblack")
    yield Case("tiff L 12 in 16", data, *split(bits12))


def packed_tiffs() -> Iterator[Case]:
    """TIFFs compressed in ways that Pillow does not unpack."""
    for packing in ("webp", "jpegxl", "jpeg2000", "lerc", "png", "jpegxr"):
        for mode in ("RGB",) if packing == "webp" else ("L", "RGB"):
            options: Any = {"compressionargs": {"lossless": True}} if packing == "webp" else {}
            data = tiff(
                source(mode, 8),
                photometric="minisblack" if mode == "L" else "rgb",
                compression=packing,
                **options,
            )
            yield Case(f"tiff {mode} 8 {packing}", data, *split(source(mode, 8)))


def others() -> Iterator[Case]:
    for mode in ("RGB", "RGBA"):
        pixels = source(mode, 8)
        image = Image.fromarray(pixels)
        for about, profile in PROFILES.items():
            data = encode(image, "WEBP", lossless=True, exact=True, icc_profile=profile or b"")
            yield Case(f"webp {mode} {about} Pillow", data, *split(pixels))
        yield Case(
            f"webp {mode} imagecodecs",
            bytes(imagecodecs.webp_encode(pixels, lossless=True)),
            *split(imagecodecs.webp_decode(imagecodecs.webp_encode(pixels, lossless=True))),
        )
        yield Case(f"bmp {mode} Pillow", encode(image, "BMP"), pixels[:, :, :3])  # no mask makes it alpha
        yield Case(f"bmp {mode} OpenCV", by_opencv(".bmp", pixels), *split(pixels))
        for quality in (40, 90):
            data = encode(image, "WEBP", quality=quality, exact=True)
            yield Case(f"webp {mode} lossy {quality}", data, *split(imagecodecs.webp_decode(data)), "lossy")
            data = encode(image, "AVIF", quality=quality, speed=9)
            yield Case(f"avif {mode} {quality}", data, *split(imagecodecs.avif_decode(data)), "lossy")


def newer() -> Iterator[Case]:
    for mode in ("RGB", "RGBA"):
        pixels = source(mode, 8)
        image = Image.fromarray(pixels)
        data = heic(image, quality=80)
        yield Case(f"heic {mode}", data, *split(np.asarray(pillow_heif.open_heif(data))), "lossy")
        for kind in ("jp2", "j2k") if mode == "RGB" else ("jp2",):
            for bits in (8, 16):
                deep = source(mode, bits)
                data = bytes(imagecodecs.jpeg2k_encode(deep, level=0, codecformat=kind))
                yield Case(f"jp2 {mode} {bits} {kind}", data, *split(deep))
        for bits in (8, 16):
            deep = source(mode, bits)
            yield Case(
                f"jxl {mode} {bits}", bytes(imagecodecs.jpegxl_encode(deep, lossless=True)), *split(deep)
            )
            planes = deep.transpose(2, 0, 1)
            if mode == "RGB":
                for packed in (False, True):
                    yield Case(
                        f"psd {bits} {'packed' if packed else 'raw'}",
                        documents.psd(planes, packed=packed),
                        deep,
                    )
        for packing in (None, "tga_rle"):
            yield Case(f"tga {mode} {packing}", encode(image, "TGA", compression=packing), *split(pixels))


def plain() -> Iterator[Case]:
    """Grey and palettes, and formats that are little more than rows of pixels."""
    grey = source("L", 8)
    yield Case("tga L", encode(Image.fromarray(grey), "TGA"), *split(grey))
    yield Case("bmp L Pillow", encode(Image.fromarray(grey), "BMP"), *split(grey))
    yield Case(
        "bmp 1 Pillow", encode(Image.fromarray(grey > 128), "BMP"), *split((grey > 128) * np.uint8(255))
    )
    yield Case("jp2 L Pillow", encode(Image.fromarray(grey), "JPEG2000"), *split(grey))
    yield Case("jp2 RGB Pillow", encode(Image.fromarray(RGB), "JPEG2000"), RGB)
    indexed = Image.fromarray(RGB).quantize(32)
    yield Case("gif P Pillow", encode(indexed, "GIF"), np.asarray(indexed.convert("RGB")))
    yield Case("bmp P Pillow", encode(indexed, "BMP"), np.asarray(indexed.convert("RGB")))
    for mode, ending in (("RGB", ".ppm"), ("L", ".pgm")):
        for bits in (8, 16):
            pixels = source(mode, bits)
            yield Case(f"pnm {mode} {bits} OpenCV", by_opencv(ending, pixels), *split(pixels))
        yield Case(
            f"pnm {mode} 8 Pillow", encode(Image.fromarray(source(mode, 8)), "PPM"), *split(source(mode, 8))
        )
    text = b"P3\n# written by hand\n%d %d\n255\n" % (WIDTH, HEIGHT) + b" ".join(
        b"%d" % level for level in RGB.ravel()
    )
    text += b"\n"
    yield Case("pnm RGB text", text, RGB)
    yield Case("pnm RGB text + a word that is no number", text + b"x" * 40_000, RGB)
    light = (source("RGB", 16) / 65535).astype(np.float32)
    yield Case("pnm float", by_opencv(".pfm", light), source("RGB", 16), None, "float")


def by_programs() -> Iterator[Case]:
    """What programs that are installed write, in `make corpus`: they take their time."""
    if os.environ.get("MATTINGD_CORPUS"):
        for name, data, pixels, reason in programs.files(source):
            yield Case(name, data, *split(pixels), reason)


def cases() -> Iterator[Case]:
    """All of them, each of them also with something behind its end."""
    for number, case in enumerate(
        [*pngs(), *jpegs(), *tiffs(), *packed_tiffs(), *others(), *newer(), *plain(), *by_programs()]
    ):
        yield case
        tail = TAILS[number % len(TAILS)]
        if tail:
            yield Case(f"{case.name} + {tail}", tailed(case.data, tail), case.rgb, case.alpha, case.reason)
