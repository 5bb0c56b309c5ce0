"""docs/FIDELITY.md: what goes along with the pixels, and what does not."""

import pytest
from PIL import Image

from mattingd.domain.presets import OutputFormat
from mattingd.imaging.formats import metadata
from mattingd.imaging.formats.decode import read
from tests.imaging.faithful import (
    HEIGHT,
    LIMITS,
    ORIENTATION,
    SRGB,
    WIDTH,
    cut,
    opened,
    stored,
    tiff,
    written,
)
from tests.imaging.pictures import encode, photo

PLACE = {1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)}
XMP = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" exif:GPSLatitude="52,30N" photoshop:City="Berlin"
 tiff:Orientation="6" GCamera:MotionPhoto="1"><exif:GPSLongitude>13,24E</exif:GPSLongitude>
<dc:creator><rdf:Seq><rdf:li>the photographer</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def with_everything() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x8298], exif[0x8825] = 1, "the photographer", PLACE
    return encode(
        photo(WIDTH, HEIGHT), "JPEG", dpi=(240, 240), exif=exif.tobytes(), xmp=XMP, icc_profile=SRGB
    )


@pytest.mark.parametrize("wish", ["keep", "all", "strip"])
@pytest.mark.parametrize("output", ["png", "webp", "tiff", "avif", "jpeg"])
def test_what_goes_along_is_chosen(output: OutputFormat, wish: str) -> None:
    preset = {"format": output, "metadata": wish, "background": "#ffffff"}
    _, _, composed = cut(with_everything(), **preset)
    data = written(composed, **preset)
    image = opened(data)
    exif, packet = image.getexif(), image.info.get("xmp", b"")
    assert (exif.get(0x8298) == "the photographer") == (wish != "strip")
    assert bool(exif.get_ifd(0x8825)) == (wish == "all")
    assert (b"the photographer" in packet) == (wish != "strip")
    for place in (b"GPSLatitude", b"GPSLongitude", b"Berlin"):
        assert (place in packet) == (wish == "all")
    assert b"Orientation" not in packet
    assert b"MotionPhoto" not in packet
    assert image.info["icc_profile"] == SRGB
    again = read(data, LIMITS)
    assert again.dpi == pytest.approx((240, 240), abs=0.1)
    assert (b"the photographer" in (again.xmp or b"")) == (wish != "strip")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "TIFF16", "BMP", "WEBP", "AVIF", "HEIF"])
def test_dots_per_inch_are_kept(kind: str) -> None:
    exif, image = Image.Exif(), Image.fromarray(photo(WIDTH, HEIGHT))
    exif[0x011A], exif[0x011B], exif[0x0128] = 300.0, 300.0, 2
    if kind == "TIFF16":
        data = tiff(stored("RGB", 16), resolution=(300, 300), resolutionunit="INCH")
    elif kind in ("PNG", "TIFF", "BMP"):
        data = encode(image, kind, dpi=(300, 300))
    else:
        data = encode(image, kind, exif=exif.tobytes())
    _, _, composed = cut(data)
    assert read(written(composed), LIMITS).dpi == pytest.approx((300, 300), abs=0.1)


def test_damaged_and_dangerous_xmp_is_left_out() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x:x xmlns:x="adobe:ns:meta/">&b;</x:x>'
    wide = bomb.decode().encode("utf-16")
    for packet in (b"", b"no XML", XMP[:400], bomb, wide, XMP + b" " * (1 << 20)):
        assert metadata.kept_xmp(packet, place=True) is None
    assert metadata.kept_xmp(XMP, place=True) is not None
