"""Checks settings from a sentence like those of a configuration file."""

from collections.abc import Mapping
from typing import Any

from mattingd.config import own_settings
from mattingd.config.spelling import understood
from mattingd.domain.presets import Preset

_TOGETHER = ("background", "content", "format", "bits")
"""Settings that may need each other."""


def sound(
    preset: str, settings: Mapping[str, Any], presets: Mapping[str, Preset]
) -> tuple[dict[str, Any], list[str]]:
    """Return the usable settings as they are stored, and the names of the others."""
    spelt = understood(settings, presets[preset].dpi)
    if not fault(preset, spelt, presets):
        return spelt, []
    together = {name: spelt[name] for name in _TOGETHER if name in spelt}
    good: dict[str, Any] = {}
    bad: list[str] = []
    for group in (together, *({name: value} for name, value in spelt.items() if name not in together)):
        if group and fault(preset, good | group, presets):
            bad += group
        else:
            good |= group
    return {name: value for name, value in spelt.items() if name in good}, bad


def fault(preset: str, settings: Mapping[str, Any], presets: Mapping[str, Preset]) -> str:
    """Return why preset and settings cannot be used; empty if they can."""
    try:
        own_settings(presets, "", {"preset": preset, "settings": dict(settings)})
    except ValueError as error:
        return str(error)
    return ""
