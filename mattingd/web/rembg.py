"""What the clients of rembg's server ask for, in our settings."""

from collections.abc import Collection, Mapping
from typing import Any

from mattingd.web.problems import ProblemError

OURS = {
    "u2net": "u2net",
    "u2netp": "u2netp",
    "u2net_human_seg": "u2net-human",
    "silueta": "silueta",
    "isnet-general-use": "isnet-general",
    "isnet-anime": "isnet-anime",
    "birefnet-general": "birefnet-general",
    "birefnet-general-lite": "birefnet-lite",
    "birefnet-portrait": "birefnet-portrait",
    "birefnet-dis": "birefnet-dis",
    "birefnet-hrsod": "birefnet-hrsod",
    "birefnet-cod": "birefnet-cod",
    "birefnet-massive": "birefnet-massive",
    "bria-rmbg": "rmbg-2.0",
    "withoutbg": "withoutbg",
}
"""rembg's name of each model that cuts out the subject -> its name in `mattingd models`."""
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": {
                            "type": "string",
                            "description": "rembg's name of a model, or one of ours.",
                        },
                        "om": {"type": "boolean", "description": "Only the mask."},
                        "ppm": {"type": "boolean", "description": "Smooth the mask, without specks."},
                        "bgc": {"type": "string", "description": "Background: red,green,blue,alpha."},
                    },
                }
            }
        },
    }
}
"""The body of `POST /api/remove`, for the OpenAPI document."""


def settings_of(fields: Mapping[str, str], installed: Collection[str]) -> dict[str, Any]:
    """Return the settings for a form's fields.

    Args:
        fields: `model`, `om`, `ppm` and `bgc`; all others are ignored.
        installed: names of the installed models.

    Raises:
        ProblemError: the model or the colour cannot be used; the detail says what can.
    """
    settings: dict[str, Any] = {"format": "png"}
    if model := model_for(fields.get("model", ""), installed):
        settings["model"] = model
    if _yes(fields.get("om")):
        settings["content"] = "matte"
    if _yes(fields.get("ppm")):
        settings |= {"specks": 0.005, "feather": 1.0}
    if colour := fields.get("bgc"):
        red, green, blue, alpha = _colour(colour)
        if alpha:
            settings["background"] = f"#{red:02x}{green:02x}{blue:02x}"
    return settings


def model_for(asked: str, installed: Collection[str]) -> str | None:
    """Return the installed model that a client means; None for the one in use.

    The variant that works exactly as rembg comes first. A model of rembg's that is not installed is replaced
    by the one in use: rembg fetches what it lacks, and its clients send `u2net` where the user chose nothing.

    Raises:
        ProblemError: neither rembg nor this machine has such a model, or it does not cut out the subject.
    """
    ours = OURS.get(asked, asked)
    for name in (f"{ours}-rembg", ours, asked):
        if name in installed:
            return name
    if asked in OURS or not asked:
        return None
    raise ProblemError(422, f"there is no model {asked!r} here; installed: {', '.join(sorted(installed))}")


def _colour(text: str) -> list[int]:
    """Return red, green, blue and alpha, each from 0 to 255.

    Raises:
        ProblemError: the text is no such colour.
    """
    try:
        parts = ([int(part) for part in text.split(",")] + [255])[:4]
    except ValueError:
        parts = []
    if len(parts) != 4 or not all(0 <= part <= 255 for part in parts):  # noqa: PLR2004 - bytes
        raise ProblemError(422, "bgc must be red,green,blue,alpha, each from 0 to 255: 255,255,255,255")
    return parts


def _yes(text: str | None) -> bool:
    return (text or "").lower() in {"1", "true", "yes", "on", "t", "y"}
