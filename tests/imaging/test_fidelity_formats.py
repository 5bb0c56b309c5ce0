"""docs/FIDELITY.md: what each format holds comes out as it was meant."""

import itertools
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from mattingd.imaging.formats import metadata
from mattingd.imaging.formats.colour import icc
from mattingd.imaging.formats.decode import read
from tests.imaging import documents
from tests.imaging.faithful import (
    HEIGHT,
    LIMITS,
    MAKERS,
    ORIENTATION,
    UPRIGHT,
    WIDTH,
    Pixels,
    cut,
    exif_of,
    in_srgb,
    jpeg,
    opened,
    pixels_in,
    same,
    stored,
    tiff,
    written,
)
from tests.imaging.pictures import encode, heic, photo


@pytest.mark.parametrize("kind", ["tiff", "jpeg", "psd", "psd packed"])
def test_cmyk_comes_out_as_srgb_by_its_profile(kind: str) -> None:
    ink = np.asarray(Image.fromarray(photo(WIDTH, HEIGHT)).convert("CMYK"))
    press = documents.cmyk_profile()
    for profile in (press, None):
        if kind == "jpeg":  # Pillow writes it inverted, as Adobe's programs do
            data = encode(
                Image.fromarray(ink, "CMYK"), "JPEG", quality=100, subsampling=0, icc_profile=profile
            )
            assert b"Adobe" in data
            inks = np.asarray(opened(data))
        elif kind == "tiff":
            data, inks = tiff(ink, 1, profile, photometric="separated", extrasamples=None), ink
        else:
            blocks = {1039: profile} if profile else {}
            planes = (255 - ink).transpose(2, 0, 1)
            data, inks = documents.psd(planes, "CMYK", packed=" " in kind, resources=blocks), ink
        picture, matte, composed = cut(data)
        expected = (
            in_srgb(inks, profile, "CMYK")
            if profile
            else np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
        )
        same(pixels_in(written(composed))[matte == 255][:, :3], expected[matte == 255], within=1)
        assert any("CMYK" in str(note) for note in picture.notes)


def test_the_ycck_of_photoshops_jpegs_is_not_inverted() -> None:
    rgb = photo(WIDTH, HEIGHT)
    ink = np.asarray(Image.fromarray(rgb).convert("CMYK"))
    data = imagecodecs.jpeg8_encode(
        255 - ink, level=100, colorspace="CMYK", outcolorspace="YCCK", subsampling="444"
    )
    assert b"Adobe\0d\0\0\0\0\2" in data
    _, matte, composed = cut(bytes(data))
    same(pixels_in(written(composed))[matte == 255][:, :3], rgb[matte == 255], within=12)


def test_cmyk_of_16_bits_comes_out_with_16() -> None:
    ink = np.asarray(Image.fromarray(photo(WIDTH, HEIGHT)).convert("CMYK"))
    press = documents.cmyk_profile()
    deep = ink.astype(np.uint16) * 257
    for data in (
        tiff(deep, 1, press, photometric="separated", extrasamples=None),
        documents.psd((65535 - deep).transpose(2, 0, 1), "CMYK", resources={1039: press}),
    ):
        _, matte, composed = cut(data)
        out = pixels_in(written(composed))
        assert out.dtype == np.uint16
        expected = in_srgb(ink, press, "CMYK").astype(np.int64) * 257
        same(out[matte == 255][:, :3], expected[matte == 255], within=257)


@pytest.mark.parametrize("turn", UPRIGHT)
@pytest.mark.parametrize("kind", ["jpeg", "avif", "heic", "bmp", "gif", "dng"])
def test_every_turn_of_the_other_formats(kind: str, turn: int) -> None:
    pixels = stored("RGB", 8)
    if kind in ("bmp", "gif") and turn > 1:
        return  # these hold no EXIF data
    data = {
        "jpeg": lambda: jpeg(pixels, turn),
        "avif": lambda: encode(
            Image.fromarray(pixels), "AVIF", quality=100, subsampling="4:4:4", exif=exif_of(turn)
        ),
        "heic": lambda: heic(Image.fromarray(pixels), quality=-1, chroma=444, exif=exif_of(turn)),
        "bmp": lambda: encode(Image.fromarray(pixels), "BMP"),
        "gif": lambda: encode(Image.fromarray(pixels).quantize(200), "GIF"),
        "dng": lambda: documents.dng(120, 80, turn),
    }[kind]()
    picture, matte, composed = cut(data)
    out = written(composed, bits=8)
    assert opened(out).getexif().get(ORIENTATION, 1) == 1
    if kind == "dng":
        red = UPRIGHT[turn](np.arange(120 * 80).reshape(80, 120) % 120 < 55)
        found = picture.rgb[:, :, 0] > picture.rgb[:, :, 2]
        assert (found == red).mean() > 0.9
        return
    plain = (
        opened(jpeg(pixels)).convert("RGB")
        if kind == "jpeg"
        else opened(encode(Image.fromarray(pixels).quantize(200), "GIF")).convert("RGB")
        if kind == "gif"
        else None
    )
    expected = UPRIGHT[turn](pixels if plain is None else np.asarray(plain))
    opaque = matte == 255
    same(
        pixels_in(out)[opaque][:, :3], expected[opaque], within={"jpeg": 1, "avif": 6, "heic": 3}.get(kind, 0)
    )


def test_no_output_has_a_turn_left() -> None:
    for kind, turn in itertools.product(("png", "tiff", "webp", "jpeg"), (3, 6)):
        _, _, composed = cut(MAKERS[kind](stored("RGB", 8), turn), background="#ffffff")
        for output in ("png", "tiff", "webp", "jpeg", "avif"):
            image = opened(written(composed, format=output))
            assert image.getexif().get(ORIENTATION, 1) == 1
            assert image.size == composed.pixels.shape[1::-1]


@pytest.mark.parametrize("bits", [10, 12])
def test_all_bits_of_avif_and_heic(bits: int) -> None:
    levels = (stored("RGBA", 16) >> (16 - bits)).astype(np.uint16)
    exact = np.rint(levels * (65535 / (2**bits - 1))).astype(np.int64)
    files = [imagecodecs.avif_encode(levels, level=100, bitspersample=bits, pixelformat="444", speed=9)]
    if bits == 10:
        files.append(heic(levels << 6, quality=-1, chroma=444))
    for data in files:
        _, matte, composed = cut(bytes(data))
        out = pixels_in(written(composed))
        opaque = (matte == 255) & (exact[:, :, 3] == 65535)
        assert out.dtype == np.uint16
        same(out[opaque][:, :3], exact[opaque][:, :3], within=1 if data is files[0] else 1100)
        same(out[:, :, 3], np.minimum(exact[:, :, 3], matte.astype(np.int64) * 257), within=1)


def test_colours_that_avif_and_heic_only_name() -> None:
    data = imagecodecs.avif_encode(
        stored("RGB", 8), level=100, primaries=12, transfer=13, matrix=0, pixelformat="444"
    )
    picture, _, composed = cut(bytes(data))
    assert picture.icc == icc.DISPLAY_P3
    assert opened(written(composed)).info["icc_profile"] == icc.DISPLAY_P3
    hdr = imagecodecs.avif_encode(stored("RGB", 8), level=90, primaries=9, transfer=16)
    assert "its brightness is coded for HDR (PQ)" in str(read(bytes(hdr), LIMITS).notes[0])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["psd", "psd packed", "psb", "psb packed"])
def test_photoshop_documents(bits: int, kind: str) -> None:
    pixels, exif = stored("RGBA", bits), Image.Exif()
    whole = np.iinfo(pixels.dtype).max
    exif[0x8298] = "the photographer"
    resources = {
        1005: struct.pack(">I2HI2H", 300 << 16, 1, 1, 300 << 16, 1, 1),
        1039: icc.DISPLAY_P3,
        1058: exif.tobytes().removeprefix(b"Exif\0\0"),
    }
    shape: Any = {"packed": " " in kind, "large": "psb" in kind, "resources": resources}
    picture, matte, composed = cut(documents.psd(pixels[:, :, :3].transpose(2, 0, 1), **shape))
    same(pixels_in(written(composed))[matte == 255][:, :3], pixels[matte == 255][:, :3])
    assert (picture.icc, picture.dpi) == (icc.DISPLAY_P3, (300, 300))
    assert metadata.load_exif(composed.exif or b"")[0x8298] == "the photographer"
    selection = read(documents.psd(pixels.transpose(2, 0, 1), **shape), LIMITS)
    assert selection.alpha is None
    cover = pixels[:, :, 3:] / whole
    on_white = np.dstack([np.rint(pixels[:, :, :3] * cover + whole * (1 - cover)), pixels[:, :, 3]])
    clear = read(documents.psd(on_white.astype(pixels.dtype).transpose(2, 0, 1), layers=-1, **shape), LIMITS)
    assert clear.alpha is not None
    same(clear.alpha, pixels[:, :, 3])
    straight = read(documents.psd(pixels.transpose(2, 0, 1), layers=-1, **shape), LIMITS)
    same(straight.rgb, pixels[:, :, :3])
    solid = pixels[:, :, 3] > whole // 2
    same(clear.rgb[solid], pixels[:, :, :3][solid], within=1)


def test_the_other_modes_of_photoshop_documents() -> None:
    pixels = stored("RGB", 8)
    grey = pixels[:, :, 1]
    palette = bytes(range(256)) + bytes(256) + bytes(range(255, -1, -1))
    for planes, mode, expected in (
        (grey[None], "L", np.dstack([grey] * 3)),
        ((grey[None] > 99).astype(np.uint8), "1", np.dstack([(grey <= 99) * 255] * 3)),
        (grey[None] // 8, "P", np.dstack([grey // 8, grey * 0, 255 - grey // 8])),
    ):
        _, matte, composed = cut(documents.psd(planes, mode, palette=palette))
        same(pixels_in(written(composed))[matte == 255][:, :3], expected[matte == 255])
    lab = documents.lab_of(pixels)
    for data in (
        encode(lab, "TIFF"),
        documents.psd((np.asarray(lab) ^ np.array([0, 128, 128], np.uint8)).transpose(2, 0, 1), "LAB"),
    ):
        _, matte, composed = cut(data)
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        expected = in_srgb(np.asarray(lab), profile, "LAB")
        same(pixels_in(written(composed))[matte == 255][:, :3], expected[matte == 255], within=1)


def test_pictures_with_a_palette_and_of_one_bit() -> None:
    flat = Image.fromarray(stored("RGB", 8)).quantize(100)
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        _, matte, composed = cut(encode(flat, kind))
        same(pixels_in(written(composed))[matte == 255][:, :3], np.asarray(flat.convert("RGB"))[matte == 255])
    for kind in ("PNG", "GIF"):
        _, matte, composed = cut(encode(flat, kind, transparency=7))
        hole = np.asarray(flat) == 7
        same(composed.pixels[:, :, 3], np.where(hole, 0, matte))
    line = Image.fromarray(stored("RGB", 8)).convert("1")
    for kind in ("PNG", "TIFF", "BMP"):
        _, matte, composed = cut(encode(line, kind))
        same(pixels_in(written(composed))[matte == 255][:, :3], np.asarray(line.convert("RGB"))[matte == 255])


@pytest.mark.parametrize("bits", [8, 16])
def test_tiffs_of_all_kinds(bits: int) -> None:
    pixels = stored("RGB", bits)
    whole = np.iinfo(pixels.dtype).max
    grey = np.ascontiguousarray(pixels[:, :, 1])
    kinds: list[tuple[bytes, Pixels]] = [
        *(
            (tiff(pixels, compression=name), pixels)
            for name in ("none", "lzw", "adobe_deflate", "zstd", "packbits")
        ),
        (tiff(pixels, compression="lzw", predictor=True), pixels),
        (tiff(pixels, byteorder=">"), pixels),
        (tiff(pixels, bigtiff=True), pixels),
        (
            tiff(np.pad(pixels, ((0, 26), (0, 11), (0, 0))), tile=(16, 16)),
            np.pad(pixels, ((0, 26), (0, 11), (0, 0))),
        ),
        (tiff(pixels.transpose(2, 0, 1).copy(), planarconfig="separate", photometric="rgb"), pixels),
        (tiff(whole - grey, photometric="miniswhite"), np.dstack([grey] * 3)),
    ]
    for data, expected in kinds:
        _, matte, composed = cut(data)
        same(pixels_in(written(composed))[matte == 255][:, :3], expected[matte == 255])
    alpha = stored("RGBA", bits)[:, :, 3]
    multiplied = np.rint(pixels * (alpha[:, :, None] / whole)).astype(pixels.dtype)
    picture = read(tiff(np.dstack([multiplied, alpha]), extrasamples=["assocalpha"]), LIMITS)
    assert picture.alpha is not None
    same(picture.alpha, alpha)
    same(picture.rgb[alpha > whole // 2], pixels[alpha > whole // 2], within=1)


def test_of_animations_the_first_frame_and_it_is_said() -> None:
    frames = [Image.fromarray(photo(WIDTH, HEIGHT, seed)) for seed in range(3)]
    for kind, options in (
        ("GIF", {}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("HEIF", {"quality": -1, "chroma": 444}),
    ):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        picture = read(data, LIMITS)
        said = "the main one of 3 pictures in it" if kind == "HEIF" else "first of 3 frames"
        assert str(picture.notes[0]) == said, kind
        if kind != "GIF":
            same(picture.rgb, np.asarray(frames[0]), within=6)
