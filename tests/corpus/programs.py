"""Files by writers that are programs of their own: ImageMagick, libvips, exiftool, cjxl, heif-enc, avifenc.

Those that are installed take part in `make corpus`; a program of the same family reads back what each wrote.
"""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from mattingd.imaging.formats.colour import icc
from tests.imaging.pictures import encode

Pixels = npt.NDArray[Any]
Source = Callable[[str, int], Pixels]
Written = tuple[str, bytes, Pixels, str]
"""A file's name in the list, its bytes, the pixels another program reads in it, and why ours may differ."""

MODES = tuple((mode, bits) for mode in ("RGB", "RGBA", "L", "LA") for bits in (8, 16))

LISTED = {
    "half": "colours that are stored at half the size are enlarged in other ways",
    "older": "another version of the decoder",
    "fine": "a profile converts 16-bit grey to sRGB: less than a level of 8 bits",
    "narrow": "avifdec 0.11 shows grey of a narrow range too dull",
}
"""Why pixels may differ from what the programs read."""

REASONS = {
    "avif RGB 8 libvips": "half", "avif RGBA 8 libvips": "half", "avif narrow L 8 avifenc": "narrow",
    "jxl from JPEG False cjxl": "older", "jxl from JPEG True cjxl": "older", "jxl L 16 libvips": "fine",
    "jxl LA 16 libvips": "fine", "jxl lossless L 16 cjxl": "fine", "jxl in boxes L 16 cjxl": "fine",
    "jxl modular L 16 cjxl": "fine", "jxl lossless LA 16 cjxl": "fine", "jxl in boxes LA 16 cjxl": "fine",
    "jxl modular LA 16 cjxl": "fine",
}  # fmt: skip
"""Of files that are more than lossy."""


def ran(*command: str | Path) -> bool:
    """Whether the program did it."""
    done = subprocess.run([str(each) for each in command], capture_output=True, check=False, timeout=120)
    return done.returncode == 0


def png(pixels: Pixels, path: Path) -> Path:
    path.write_bytes(bytes(imagecodecs.png_encode(pixels)))
    return path


def pixels_of(path: Path) -> Pixels:
    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def by_imagemagick(folder: Path, source: Source) -> Iterator[Written]:
    kinds = {
        "png": (), "tif": (), "bmp": (), "tga": (), "ppm": (), "psd": (), "jp2": (),
        "webp": ("-define", "webp:lossless=true", "-define", "webp:exact=true"),
    }  # fmt: skip
    for mode, bits in MODES:
        given = png(source(mode, bits), folder / "in.png")
        for ending, options in kinds.items():
            if (bits == 16 and ending in ("bmp", "tga", "webp")) or (mode.endswith("A") and ending == "ppm"):
                continue
            made, back = folder / f"made.{ending}", folder / "back.png"
            if ran("convert", given, *options, made) and ran("convert", made, "-depth", str(bits), back):
                yield (
                    f"{ending} {mode} {bits} ImageMagick",
                    made.read_bytes(),
                    pixels_of(back),
                    "lossy" if ending == "jp2" else "",
                )


def by_vips(folder: Path, source: Source) -> Iterator[Written]:
    kinds = {
        "png": "", "png interlaced": "[interlace]", "png palette": "[palette]", "tif": "[compression=none]",
        "tif lzw": "[compression=lzw,predictor=horizontal]", "tif deflate": "[compression=deflate]",
        "tif zstd": "[compression=zstd]", "tif tiles": "[tile,tile-width=32,tile-height=32]",
        "tif pyramid": "[tile,tile-width=16,tile-height=16,pyramid]", "tif BigTIFF": "[bigtiff]",
        "tif white": "[miniswhite]", "tif premultiplied": "[premultiply]",
        "tif lossless webp": "[compression=webp,lossless]",
        "webp": "[lossless]", "jp2": "[lossless]", "j2k": "[lossless]", "jxl": "[lossless]", "ppm": "",
        "gif": "", "avif": "[lossless]", "heic": "[Q=90]", "jpg": "[Q=92]",
        "jpg progressive": "[Q=92,interlace]", "jpg 4:4:4": "[Q=95,subsample-mode=off]",
        "jpg optimised": "[Q=80,optimize-coding,trellis-quant,quant-table=3]",
    }  # fmt: skip
    for mode, bits in MODES:
        given = png(source(mode, bits), folder / "in.png")
        for name, options in kinds.items():
            ending = name.split()[0]
            if bits == 16 and ending not in ("png", "tif", "jp2", "j2k", "jxl", "ppm"):
                continue
            made, back = folder / f"made.{ending}", folder / "back.png"
            if ran("vips", "copy", given, f"{made}{options}") and ran("vips", "copy", made, back):
                lossy = ending in ("jpg", "heic", "avif", "jp2", "j2k")
                yield (
                    f"{name} {mode} {bits} libvips",
                    made.read_bytes(),
                    pixels_of(back),
                    "lossy" if lossy else "",
                )


def by_exiftool(folder: Path, source: Source) -> Iterator[Written]:
    """Tags that other programs leave behind; a turn is obeyed where the format's readers obey it."""
    profile = folder / "p3.icc"
    profile.write_bytes(icc.DISPLAY_P3)
    changes: dict[str, tuple[str, ...]] = {
        "words": ("-XMP:Title=caption", "-IPTC:Keywords=shoe", "-Comment=by hand"),
        "profile": (f"-icc_profile<={profile}",),
        "everything gone": ("-all=",),
        "turned": ("-IFD0:Orientation#=6",),
        "trailer": ("-GPSLatitude=10", "-GPSLongitude=20", "-UserComment=" + "x" * 70_000),
    }
    image = Image.fromarray(source("RGB", 8))
    files = {
        "jpg": encode(image, "JPEG", quality=95, subsampling=0),
        "png": encode(image, "PNG"),
        "tif": encode(image, "TIFF"),
        "webp": encode(image, "WEBP", lossless=True),
        "jp2": encode(image, "JPEG2000"),
        "gif": encode(image.quantize(32), "GIF"),
    }
    for ending, data in files.items():
        with Image.open(io.BytesIO(data)) as opened:
            whole = np.asarray(opened.convert("RGB"))
        for name, options in changes.items():
            made = _put(folder / f"made.{ending}", data)
            if not ran("exiftool", "-q", "-overwrite_original", *options, made):
                continue
            turned = name == "turned" and ending in ("jpg", "png", "tif", "webp")
            yield (
                f"{ending} {name} exiftool",
                made.read_bytes(),
                np.rot90(whole, -1) if turned else whole,
                "lossy" if ending == "jpg" else "",
            )


def _put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def by_cjxl(folder: Path, source: Source) -> Iterator[Written]:
    kinds = {
        "lossless": ("-d", "0"), "visually lossless": ("-d", "1"), "small": ("-d", "3", "-e", "3"),
        "in boxes": ("-d", "0", "--container=1"), "progressive": ("-d", "1", "-p"),
        "modular": ("-d", "0", "-m", "1"),
    }  # fmt: skip
    for mode, bits in MODES:
        given = png(source(mode, bits), folder / "in.png")
        for name, options in kinds.items():
            made, back = folder / "made.jxl", folder / "back.png"
            if ran("cjxl", given, made, *options) and ran("djxl", made, back):
                lossy = "0" not in options
                yield (
                    f"jxl {name} {mode} {bits} cjxl",
                    made.read_bytes(),
                    pixels_of(back),
                    "lossy" if lossy else "",
                )
    for progressive in (False, True):
        given = _put(
            folder / "in.jpg", encode(Image.fromarray(source("RGB", 8)), "JPEG", progressive=progressive)
        )
        made, back = folder / "made.jxl", folder / "back.png"
        if ran("cjxl", given, made, "--lossless_jpeg=1") and ran("djxl", made, back):
            yield f"jxl from JPEG {progressive} cjxl", made.read_bytes(), pixels_of(back), "lossy"


def by_heif_enc(folder: Path, source: Source) -> Iterator[Written]:
    kinds = {
        "quality 50": ("-q", "50"), "quality 90": ("-q", "90"), "4:4:4": ("-q", "90", "-p", "chroma=444"),
        "thumbnail": ("-q", "90", "-t", "32"), "10 bits": ("-q", "90", "-b", "10"),
        "exact": ("-L", "-p", "chroma=444", "--matrix_coefficients=0"),
    }  # fmt: skip
    for mode, bits in MODES:
        given = png(source(mode, bits), folder / "in.png")
        for name, options in kinds.items():
            made, back = folder / "made.heic", folder / "back.png"
            if ran("heif-enc", *options, "-o", made, given) and ran("heif-convert", made, back):
                yield f"heic {name} {mode} {bits} heif-enc", made.read_bytes(), pixels_of(back), "lossy"


def by_avifenc(folder: Path, source: Source) -> Iterator[Written]:
    kinds = {
        "exact": ("--lossless",), "4:4:4": ("-y", "444"), "4:2:2": ("-y", "422"), "4:2:0": ("-y", "420"),
        "10 bits": ("-d", "10", "-y", "444"), "12 bits": ("-d", "12", "-y", "444"),
        "narrow": ("-r", "limited"), "premultiplied": ("-p",), "tiles": ("--tilerowslog2", "1", "-y", "420"),
    }  # fmt: skip
    for mode, bits in MODES:
        given = png(source(mode, bits), folder / "in.png")
        for name, options in kinds.items():
            made, back = folder / "made.avif", folder / "back.png"
            deep = ("-d", "16") if bits == 16 or "-d" in options else ("-d", "8")
            if ran("avifenc", "-s", "9", *options, given, made) and ran("avifdec", *deep, made, back):
                yield f"avif {name} {mode} {bits} avifenc", made.read_bytes(), pixels_of(back), "lossy"


WRITERS: dict[str, Callable[[Path, Source], Iterator[Written]]] = {
    "convert": by_imagemagick,
    "vips": by_vips,
    "exiftool": by_exiftool,
    "cjxl": by_cjxl,
    "heif-enc": by_heif_enc,
    "avifenc": by_avifenc,
}
"""By the program that must be installed."""


def files(source: Source) -> Iterator[Written]:
    """Whatever the programs that are installed write."""
    for program, write in WRITERS.items():
        if shutil.which(program):
            with tempfile.TemporaryDirectory() as folder:
                for name, data, pixels, reason in write(Path(folder), source):
                    yield name, data, pixels, REASONS.get(name, reason)
