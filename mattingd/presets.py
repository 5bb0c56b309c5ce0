"""Named finishing recipes, and the fingerprint by which a job remembers its own.

Avatar, complex, id-photo and product start from the sliders people know from cv_unet's web page: threshold on
the 0 to 255 scale, erosion in pixels, feather on or off. "On" is one pixel here, and no erosion is left: what
it took off with this model was subject (`tests/bench/preset_grid.py`). Knows no file, no model and no pixel.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType

from mattingd.values import Preset

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
