"""Named finishing settings (presets), and the hash that identifies a job's settings.

Avatar, complex, id-photo and product start from the values that users of cv_unet's web page chose: threshold
0 to 255, erosion in pixels, feather on or off. "On" is one pixel here; erosion was dropped because with this
model it removed parts of the subject (`tests/bench/preset_grid.py`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from annotated_types import Ge, Le

OutputFormat = Literal["png", "webp", "tiff", "jpeg", "avif", "jxl"]
EXTENSIONS: dict[OutputFormat, str] = {
    "png": ".png",
    "webp": ".webp",
    "tiff": ".tif",
    "jpeg": ".jpg",
    "avif": ".avif",
    "jxl": ".jxl",
}
"""File name extension of each format."""
DEEP_FORMATS: frozenset[OutputFormat] = frozenset({"png", "tiff"})
"""Formats that support 16 bits per channel."""
TiffCompression = Literal["deflate", "zstd"]
MATTE_ENDING = "_matte.png"
"""Ending of the name of a separate matte file, in place of the extension."""


SIZED_FORMATS: frozenset[OutputFormat] = frozenset({"jpeg", "webp", "avif"})
"""Formats whose files get smaller with lower quality."""

FINISHERS = "mattingd.finishers"
"""The entry-point group of plug-ins that change finished cut-outs."""

REFERENCE_SIDE = 1024
"""Pixels in presets (erosion, feather, shadow) refer to a picture with this long side."""


SecondPass = Literal["auto", "never", "always"]
"""When a picture goes through the network again, as a crop of the subject."""

_HASH = "#sha256="


@dataclass(frozen=True, slots=True)
class Pin:
    """A background picture file; stored presets have it as text, `/a/studio.jpg#sha256=1f3c...`."""

    path: str
    """Absolute."""
    sha256: str = ""
    """SHA-256 of the file's bytes, in hexadecimal; empty before the file was read."""

    def __str__(self) -> str:
        return f"{self.path}{_HASH}{self.sha256}"

    @staticmethod
    def of(background: str | None) -> "Pin | None":
        """Return the background picture of a preset; None for a colour or no background."""
        if background is None or background.startswith("#"):
            return None
        path, _, sha256 = background.partition(_HASH)
        return Pin(path, sha256)


@dataclass(frozen=True, slots=True)
class Preset:
    """Finishing settings: how the matte is processed and how the cut-out is written."""

    model: str | None = None
    """The model that makes the matte, by its name; by default the one in use."""
    second_pass: SecondPass = "auto"  # noqa: S105 - no password
    """A second run of the network, on a crop of a small subject: `auto` where that helps, `never`, or
    `always` where the crop shows more."""
    threshold: Annotated[int, Ge(0), Le(254)] = 0
    """Alpha below this (of 255) becomes 0."""
    threshold_mode: Literal["soft", "hard"] = "soft"
    """`soft` stretches the remaining values over the whole range, `hard` leaves them."""
    erode: Annotated[float, Ge(0), Le(50)] = 0
    """Pixels removed from the edge, for a picture with a long side of 1024; scaled with the picture."""
    feather: Annotated[float, Ge(0), Le(50)] = 0
    """Pixels by which the edge is softened, scaled like `erode`."""
    specks: Annotated[float, Ge(0), Le(0.5)] = 0
    """Separate parts smaller than this share of the subject are removed."""
    holes: Annotated[float, Ge(0), Le(0.5)] = 0
    """Holes in the subject that are smaller than this share of it are filled."""
    despill: Literal["none", "green", "blue"] = "none"
    """Remove the reflected light of a green or blue screen from the subject."""
    content: Literal["cut-out", "matte"] = "cut-out"
    """Publish the cut-out, or only the matte as a grey picture."""
    background: str | None = None
    """`#rrggbb` or a picture file behind the subject; null for transparent."""
    background_anchor: Literal["centre", "top", "bottom", "left", "right"] = "centre"
    """A background picture is scaled to cover the canvas and cropped; this side is kept."""
    shadow: Annotated[float, Ge(0), Le(1)] = 0
    """A soft shadow behind the subject, from 0 (none) to 1 (black)."""
    shadow_blur: Annotated[float, Ge(0), Le(200)] = 24
    """Softness of the shadow, in pixels scaled like `erode`."""
    shadow_x: Annotated[float, Ge(-400), Le(400)] = 0
    """Offset of the shadow to the right, in such pixels."""
    shadow_y: Annotated[float, Ge(-400), Le(400)] = 12
    """Offset of the shadow downwards, in such pixels."""
    trim: bool = False
    """Crop the picture to the subject."""
    canvas: str | None = None
    """Put the subject on a canvas: `1000x1000` pixels, `35x45mm` (at `dpi`), or a shape such as `1:1`."""
    fill: Annotated[float, Ge(0.05), Le(1)] = 0.85
    """Share of the canvas's width or height for the subject; with `anchor: head`, for the head."""
    anchor: Literal["centre", "bottom", "head"] = "centre"
    """Position of the subject on the canvas; `head` is for ID photos: head and shoulders."""
    min_side: Annotated[int, Ge(0), Le(20000)] = 0
    """Smallest long side in pixels of a canvas given as a shape; the subject is enlarged."""
    dpi: Annotated[int, Ge(10), Le(2400)] | None = None
    """Dots per inch to write into the file, and for a canvas in millimetres."""
    max_kb: Annotated[int, Ge(5)] | None = None
    """Largest file in kilobytes for `jpeg`, `webp` and `avif`: first `quality` is lowered, then the size in
    pixels, unless `canvas` or `min_side` sets it."""
    format: OutputFormat = "png"
    """`jpeg` needs a background, `jxl` (JPEG XL) the package `pillow-jxl-plugin`."""
    quality: Annotated[int, Ge(1), Le(100)] = 92
    """For `jpeg`, `webp`, `avif` and `jxl`, 1 to 100; `webp` and `jxl` at 100 are lossless."""
    bits: Literal["auto", 8, 16] = "auto"
    """Bits per channel; `auto` keeps the picture's where the format can: `png` and `tiff` support 16."""
    compression: TiffCompression = "deflate"
    """For `tiff`: all programs read `deflate`, `zstd` is smaller."""
    matte_file: bool = False
    """Also publish the matte as a grey PNG beside the cut-out: `shoe.png` and `shoe_matte.png`."""
    colour: Literal["keep", "srgb"] = "keep"
    """`keep` keeps the picture's colours and profile, `srgb` converts them."""
    metadata: Literal["keep", "all", "strip"] = "keep"
    """EXIF and XMP data: `keep` all but the location, `all`, or `strip`."""
    finisher: str | None = None
    """Your own plug-in that changes the finished cut-out: its name in the group `mattingd.finishers`."""
    own_alpha: Literal["keep", "cut"] = "keep"
    """A picture that is already cut out (transparent at its border, and on more than 5 % of it) keeps its
    alpha; with `cut` each pixel gets the smaller of its alpha and the matte."""
    on_damage: Literal["publish", "fail"] = "publish"
    """For a damaged or possibly incomplete picture: publish the cut-out and list it as one that needs
    checking, or fail."""
    on_empty: Literal["fail", "publish"] = "fail"
    """When no subject is found: fail, or publish the empty cut-out."""


def endings_of(preset: Preset, suffix: str = "") -> tuple[str, ...]:
    """Return the name endings of a preset's outputs: the cut-out, then the matte if it is published."""
    endings = EXTENSIONS[preset.format], *([MATTE_ENDING] if preset.matte_file else [])
    return tuple(suffix + ending for ending in endings)


DEFAULT = "transparent"
"""The default preset: the matte exactly as the model made it, as PNG."""

BUILT_IN: Mapping[str, Preset] = MappingProxyType(
    {
        "avatar": Preset(threshold=6, feather=1.0, specks=0.01, trim=True),
        "complex": Preset(threshold=26, feather=1.0, specks=0.02),
        "hair": Preset(specks=0.005),
        "id-photo": Preset(
            threshold=22, feather=1.0, specks=0.05, holes=0.01, background="#ffffff",
            format="jpeg", canvas="25x35mm", dpi=300, anchor="head", fill=0.62,
        ),
        "marketplace": Preset(
            threshold=8, feather=1.0, specks=0.01, holes=0.001, background="#ffffff",
            format="jpeg", canvas="1:1", fill=0.85, min_side=1000, colour="srgb",
        ),
        "mask-only": Preset(content="matte"),
        "product": Preset(threshold=8, feather=1.0, specks=0.005, holes=0.0005),
        DEFAULT: Preset(),
    }
)  # fmt: skip
"""All built-in presets, in alphabetical order."""

PURPOSE: Mapping[str, str] = MappingProxyType(
    {
        "avatar": "a head or figure for a profile: soft edge, trimmed, transparent",
        "complex": "busy backgrounds: no haze, no specks, transparent",
        "hair": "hair and fur: fine strands are kept",
        "id-photo": "head and shoulders on white, 25 x 35 mm at 300 dpi (295 x 413 px), JPEG",
        "marketplace": "pure white square, the subject fills 85 %, at least 1000 px, sRGB, JPEG",
        "mask-only": "the matte alone, as a grey picture",
        "product": "products: clean edge, no specks or pinholes, transparent",
        DEFAULT: "the matte as the model made it, transparent",
    }
)
"""The purpose of each built-in preset."""


def named(name: str) -> Preset:
    """Return the built-in preset called ``name``.

    Raises:
        LookupError: there is none; the message lists the known ones.
    """
    if name not in BUILT_IN:
        raise LookupError(f"no preset is called {name!r}; known: {', '.join(BUILT_IN)}")
    return BUILT_IN[name]


HASHED_MODEL = "cv-unet"
"""What stands for the model in use in a recipe's hash: its weights are compared by themselves."""


LATER = frozenset({"model"})
"""Fields that came after hashes were stored: at None they are left out, so that those hashes still hold."""


def recipe_hash(recipe: Preset, model: str, also: Sequence[Preset] = ()) -> str:
    """Return the SHA-256, in hexadecimal, of everything that determines the outputs: recipes and model id.

    Equal settings give the same hash on every machine, also for ``1`` and ``1.0``. A new field of ``Preset``
    that is not in ``LATER`` changes all hashes, and so does a changed default.
    """
    values: dict[str, object] = {"model": model, "recipe": _values(recipe)}
    if also:
        values["also"] = [_values(preset) for preset in also]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _values(preset: Preset) -> dict[str, object]:
    given = asdict(preset).items()
    return {name: _canonical(value) for name, value in given if not (name in LATER and value is None)}


def _canonical(value: object) -> object:
    """Return numbers as floats, so that 1 and 1.0 are equal; everything else unchanged."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
