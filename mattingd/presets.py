"""Named finishing recipes, and the fingerprint by which a job remembers its own.

The four presets beside ``transparent`` start from the sliders people know from cv_unet's web page: threshold
on the 0 to 255 scale, erosion in pixels, feather on or off. "On" is one pixel here. Knows no file, no model
and no pixel.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

from mattingd.values import Preset

DEFAULT = "transparent"
"""The preset of a hot folder that names none: the matte exactly as the model made it, as PNG."""

BUILT_IN: Mapping[str, Preset] = MappingProxyType(
    {
        "avatar": Preset(threshold=6, feather=1.0),
        "complex": Preset(threshold=26, erode=3.0, feather=1.0),
        "id-photo": Preset(threshold=22, erode=2.0, feather=1.0, background="#ffffff", format="jpeg"),
        "product": Preset(threshold=8, feather=1.0),
        DEFAULT: Preset(),
    }
)
"""All presets that come with the package, in alphabetical order.

``avatar`` and ``product`` keep soft detail on a transparent ground; ``complex`` bites deeper into the edge,
for busy backgrounds; ``id-photo`` puts the person on white and writes a JPEG.
"""


def named(name: str) -> Preset:
    """The built-in preset called ``name``.

    Raises:
        LookupError: there is none; its message lists the known ones.
    """
    if name not in BUILT_IN:
        raise LookupError(f"no preset is called {name!r}; known: {', '.join(BUILT_IN)}")
    return BUILT_IN[name]


def recipe_hash(recipe: Preset, model: str) -> str:
    """SHA-256 in hexadecimal of everything that shapes a cut-out: the recipe and the model's id.

    Equal settings give an equal hash in every run and on every machine, whether a number was written ``1`` or
    ``1.0``; a new field of ``Preset`` changes all hashes, as does another default that was relied on.
    """
    values = {name: _canonical(value) for name, value in asdict(recipe).items()}
    text = json.dumps({"model": model, "recipe": values}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: object) -> object:
    """Numbers as floats, so that 1 and 1.0 are one; everything else as it is."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
