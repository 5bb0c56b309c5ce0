"""Named finishing recipes, and the fingerprint by which a job remembers its own.

Avatar, complex, id-photo and product start from the sliders people know from cv_unet's web page: threshold on
the 0 to 255 scale, erosion in pixels, feather on or off. "On" is one pixel here, and no erosion is left: what
it took off with this model was subject (`tests/bench/preset_grid.py`). Knows no file, no model and no pixel.
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
"""What a finished file's name ends in."""
DEEP_FORMATS: frozenset[OutputFormat] = frozenset({"png", "tiff"})
"""Those that can hold 16 bits a channel."""
TiffCompression = Literal["deflate", "zstd"]
MATTE_ENDING = "_matte.png"
"""What the name of a matte's own file ends in, in place of the extension."""


SIZED_FORMATS: frozenset[OutputFormat] = frozenset({"jpeg", "webp", "avif"})
"""Formats whose files get smaller with less quality."""

FINISHERS = "mattingd.finishers"
"""The entry-point group of plug-ins that change finished cut-outs."""

REFERENCE_SIDE = 1024
"""Pixels in presets (erosion, feather, shadow) are those of a picture whose long side is this."""


SecondPass = Literal["auto", "never", "always"]
"""When a picture goes through the model a second time: its subject by itself, or its mirror image."""

_HASH = "#sha256="


@dataclass(frozen=True, slots=True)
class Pin:
    """A background that is a picture file; frozen presets have it as text, `/a/studio.jpg#sha256=1f3c...`."""

    path: str
    """Absolute."""
    sha256: str = ""
    """Of the file's bytes, in hexadecimal; empty as long as nobody has looked."""

    def __str__(self) -> str:
        return f"{self.path}{_HASH}{self.sha256}"

    @staticmethod
    def of(background: str | None) -> "Pin | None":
        """What a preset's ``background`` names; None where it is a colour, or nothing."""
        if background is None or background.startswith("#"):
            return None
        path, _, sha256 = background.partition(_HASH)
        return Pin(path, sha256)


@dataclass(frozen=True, slots=True)
class Preset:
    """A finishing recipe: what becomes of a matte and in which form the cut-out is written."""

    second_pass: SecondPass = "auto"  # noqa: S105 - no password
    """The model sees a small subject once more, by itself, or an unsure picture as its mirror image: `auto`
    where that helps, `never`, or `always`."""
    threshold: Annotated[int, Ge(0), Le(254)] = 0
    """Alpha below this (of 255) becomes 0."""
    threshold_mode: Literal["soft", "hard"] = "soft"
    """`soft` stretches what is left over the whole range, `hard` leaves a step."""
    erode: Annotated[float, Ge(0), Le(50)] = 0
    """Take this many pixels off the edge, for a picture with a long side of 1024; scaled with the picture."""
    feather: Annotated[float, Ge(0), Le(50)] = 0
    """Soften the edge by this many pixels, scaled like `erode`."""
    specks: Annotated[float, Ge(0), Le(0.5)] = 0
    """Parts apart from the subject that are smaller than this share of it are taken away."""
    holes: Annotated[float, Ge(0), Le(0.5)] = 0
    """Holes in the subject that are smaller than this share of it are filled."""
    despill: Literal["none", "green", "blue"] = "none"
    """Take the glow of a green or blue screen off the subject."""
    content: Literal["cut-out", "matte"] = "cut-out"
    """Publish the cut-out, or only its matte as a grey picture."""
    background: str | None = None
    """`#rrggbb` or a picture file to stand behind the subject; nothing for transparent."""
    background_anchor: Literal["centre", "top", "bottom", "left", "right"] = "centre"
    """A background picture is scaled until it covers the canvas; this side stays, what is over is cut off."""
    shadow: Annotated[float, Ge(0), Le(1)] = 0
    """A soft shadow behind the subject, from 0 (none) to 1 (black)."""
    shadow_blur: Annotated[float, Ge(0), Le(200)] = 24
    """How soft it is, in pixels like those of `erode`."""
    shadow_x: Annotated[float, Ge(-400), Le(400)] = 0
    """How far to the right it falls, in such pixels."""
    shadow_y: Annotated[float, Ge(-400), Le(400)] = 12
    """How far down it falls."""
    trim: bool = False
    """Cut the picture down to the subject."""
    canvas: str | None = None
    """Put the subject on a canvas: `1000x1000` pixels, `35x45mm` (at `dpi`), or a shape such as `1:1`."""
    fill: Annotated[float, Ge(0.05), Le(1)] = 0.85
    """How much of the canvas the subject takes in width or height; with `anchor: head`, its head."""
    anchor: Literal["centre", "bottom", "head"] = "centre"
    """Where the subject stands on the canvas; `head` is for ID photos: head and shoulders."""
    min_side: Annotated[int, Ge(0), Le(20000)] = 0
    """A canvas that is a mere shape has a long side of so many pixels at least; the subject is enlarged."""
    dpi: Annotated[int, Ge(10), Le(2400)] | None = None
    """Dots per inch to write into the file, and for a canvas in millimetres."""
    max_kb: Annotated[int, Ge(5)] | None = None
    """Kilobytes that a `jpeg`, `webp` or `avif` has at most: `quality` is lowered as far as it must be, then
    the size in pixels, unless `canvas` or `min_side` tell it."""
    format: OutputFormat = "png"
    """`jpeg` needs a background, `jxl` (JPEG XL) the package `pillow-jxl-plugin`."""
    quality: Annotated[int, Ge(1), Le(100)] = 92
    """For `jpeg`, `webp`, `avif` and `jxl`, 1 to 100; `webp` and `jxl` at 100 are lossless."""
    bits: Literal["auto", 8, 16] = "auto"
    """Bits a channel; `auto` keeps those of the picture where the format can: `png` and `tiff` hold 16."""
    compression: TiffCompression = "deflate"
    """Of `tiff`: `deflate` is read everywhere, `zstd` is smaller."""
    matte_file: bool = False
    """Publish the matte as well, as a grey PNG beside the cut-out: `shoe.png` and `shoe_matte.png`."""
    colour: Literal["keep", "srgb"] = "keep"
    """`keep` leaves colours and profile as they are in the picture, `srgb` converts them."""
    metadata: Literal["keep", "all", "strip"] = "keep"
    """EXIF and XMP data: `keep` what is there without the place it was taken at, `all`, or `strip`."""
    finisher: str | None = None
    """A plug-in of your own that changes the finished cut-out: its name in the group `mattingd.finishers`."""
    own_alpha: Literal["keep", "cut"] = "keep"
    """A picture that is cut out already (transparent at its border, and on more than 5 % of it) keeps its own
    alpha; with `cut` the model may take away from it, as it may from any other picture's."""
    on_damage: Literal["publish", "fail"] = "publish"
    """A picture that is damaged inside, or perhaps not all there: publish its cut-out and name it as one that
    needs a look, or report it as failed."""
    on_empty: Literal["fail", "publish"] = "fail"
    """When no subject is found: report the picture as failed, or publish the empty cut-out all the same."""


def endings_of(preset: Preset, suffix: str = "") -> tuple[str, ...]:
    """What the names of a preset's outputs end in: the cut-out, then the matte if it is wanted."""
    endings = EXTENSIONS[preset.format], *([MATTE_ENDING] if preset.matte_file else [])
    return tuple(suffix + ending for ending in endings)


DEFAULT = "transparent"
"""The preset of a hot folder that names none: the matte exactly as the model made it, as PNG."""

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
"""All presets that come with the package, in alphabetical order."""

PURPOSE: Mapping[str, str] = MappingProxyType(
    {
        "avatar": "a head or figure for a profile: soft edge, trimmed, transparent",
        "complex": "busy backgrounds: no haze, no specks, transparent",
        "hair": "hair and fur: every wisp is kept",
        "id-photo": "head and shoulders on white, 25 x 35 mm at 300 dpi (295 x 413 px), JPEG",
        "marketplace": "pure white square, the article fills 85 %, at least 1000 px, sRGB, JPEG",
        "mask-only": "the matte alone, as a grey picture",
        "product": "articles: clean edge, no specks or pinholes, transparent",
        DEFAULT: "the matte just as the model made it, transparent",
    }
)
"""What each of them is for."""


def named(name: str) -> Preset:
    """The built-in preset called ``name``.

    Raises:
        LookupError: there is none; its message lists the known ones.
    """
    if name not in BUILT_IN:
        raise LookupError(f"no preset is called {name!r}; known: {', '.join(BUILT_IN)}")
    return BUILT_IN[name]


def recipe_hash(recipe: Preset, model: str, also: Sequence[Preset] = ()) -> str:
    """SHA-256 in hexadecimal of all that shapes a picture's outputs: its recipes and the model's id.

    Equal settings give an equal hash in every run and on every machine, whether a number was written ``1`` or
    ``1.0``; a new field of ``Preset`` changes all hashes, as does another default that was relied on.
    """
    values: dict[str, object] = {"model": model, "recipe": _values(recipe)}
    if also:
        values["also"] = [_values(preset) for preset in also]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _values(preset: Preset) -> dict[str, object]:
    return {name: _canonical(value) for name, value in asdict(preset).items()}


def _canonical(value: object) -> object:
    """Numbers as floats, so that 1 and 1.0 are one; everything else as it is."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
