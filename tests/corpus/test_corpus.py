"""What others read, we read, and the same: hundreds of generated files, each by two readers.

The suite takes every fourth of them (`make corpus` all): none waits, none is refused, opaque pixels are
equal, and what differs is listed with its reason.
"""

import io
import os
import struct
import warnings
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats import further
from mattingd.imaging.formats.decode import PictureError, read
from mattingd.imaging.formats.sniff import READABLE
from mattingd.imaging.formats.structure.arrival import unfinished
from mattingd.imaging.formats.structure.tiff_tags import part_of
from mattingd.imaging.matting.tiles import eight_bits
from tests.corpus.corpus import LISTED, RGB, Case, cases
from tests.imaging import documents

LIMITS = PictureLimits()
ALL = list(cases())
WHOLE = bool(os.environ.get("MATTINGD_CORPUS"))
WITHIN = {
    "": 0,
    "lossy": 2,
    "cmyk": 40,
    "float": 0,
    "tone": 60,
    "half": 16,
    "older": 4,
    "fine": 0,
    "narrow": 20,
}
"""Levels of 8 bits."""


def test_there_are_enough_of_all_kinds() -> None:
    assert len(ALL) >= 400
    assert len({case.name for case in ALL}) == len(ALL)
    kinds = Counter(case.name.split()[0] for case in ALL)
    assert set(kinds) >= READABLE - {"raw"}
    assert {case.reason for case in ALL} <= {"", *LISTED}


@pytest.mark.parametrize("case", ALL if WHOLE else ALL[::4], ids=lambda case: case.name)
def test_it_is_read_as_others_read_it(case: Case) -> None:
    assert unfinished(len(case.data), part_of(case.data)) is None, "it would wait"
    picture = read(case.data, LIMITS)
    assert picture.doubts == ()
    assert picture.rgb.shape == case.rgb.shape
    assert picture.rgb.dtype == case.rgb.dtype
    opaque = np.ones(case.rgb.shape[:2], bool)
    has_alpha = case.alpha is not None and int(case.alpha.min()) < np.iinfo(case.alpha.dtype).max
    assert (picture.alpha is not None) == has_alpha
    if case.alpha is not None and picture.alpha is not None:
        shown, wanted = picture.alpha.astype(int), case.alpha.astype(int)
        if case.reason in ("lossy", "half"):
            shown, wanted = eight_bits(picture.alpha).astype(int), eight_bits(case.alpha).astype(int)
        assert np.abs(shown - wanted).max() <= {"float": 1, "lossy": 2, "half": 2}.get(case.reason, 0)
        opaque = case.alpha == np.iinfo(case.alpha.dtype).max
    if not case.reason:
        np.testing.assert_array_equal(picture.rgb[opaque], case.rgb[opaque])
        return
    apart = np.abs(eight_bits(picture.rgb).astype(int) - eight_bits(case.rgb))[opaque]
    assert apart.max(initial=0) <= WITHIN[case.reason]


def test_a_tiff_that_nothing_here_unpacks_is_refused_with_the_number_of_its_compression() -> None:
    data = documents.tiff(RGB, "rgb", [(259, "H", 1, 34661, True)])
    with pytest.raises(
        PictureError, match=r"compressed in a way that is not read \(number 34661\)"
    ) as refused:
        read(data, LIMITS)
    assert refused.value.kind == "unsupported"


MODES = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "I;16",
    "I;16B",
)


def pillows(kind: str, mode: str) -> bytes | None:
    """A file of Pillow's, None where it does not write that."""
    base, sink = Image.fromarray(RGB), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = base.convert("I" if mode.startswith("I") else mode)
            (image.convert(mode) if mode.startswith("I;") else image).save(sink, kind)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            SystemError,
            NotImplementedError,
            struct.error,
        ):
            return None
    return sink.getvalue()


def end_of(data: bytes) -> str:
    """How reading ends."""
    try:
        picture = read(data, LIMITS)
    except PictureError as error:
        return error.kind if "\n" not in str(error) else "more than one line"
    return "picture" if picture.rgb.shape[2:] == (3,) else "another shape"


def test_whatever_pillow_writes_ends_as_a_picture_or_with_one_line() -> None:
    """Kinds that nobody reads here are among them: PDF, icons, DDS, PCX, SGI, EPS, PALM, MSP, XBM."""
    Image.init()
    further.jxl_is_there()
    files = {
        (kind, mode): pillows(kind, mode) for kind in sorted(set(Image.SAVE) - {"ICNS"}) for mode in MODES
    }
    ends = {name: end_of(data) for name, data in files.items() if data}
    wrong = {name: end for name, end in ends.items() if end not in {"picture", "unsupported"}}
    assert wrong == {}
    assert list(ends.values()).count("picture") > 60
    assert list(ends.values()).count("unsupported") > 20
