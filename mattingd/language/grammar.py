"""Understands Chinese and English phrases about our settings by rules; deterministic."""

from collections.abc import Mapping

from mattingd.domain.presets import Preset
from mattingd.language import (
    colour_phrases,
    edge_phrases,
    file_phrases,
    preset_phrases,
    size_phrases,
    wording,
)
from mattingd.language.checked import sound
from mattingd.language.combine import Unclear, combine
from mattingd.language.numerals import in_digits
from mattingd.language.refusals import why_refused
from mattingd.language.rules import Wish
from mattingd.language.scan import scan, without_files
from mattingd.language.understood import Understood

_RULES = (
    colour_phrases.KEPT_GROUND,
    *edge_phrases.RULES[-3:-1],  # green and blue screens, before colours
    *preset_phrases.RULES,
    *file_phrases.RULES,
    *edge_phrases.RULES,
    *size_phrases.RULES,
    *colour_phrases.RULES,
)
"""In order: an earlier rule takes its words before a later one sees the sentence."""


def understand(text: str, presets: Mapping[str, Preset]) -> Understood:
    """Return the preset and settings that ``text`` asks for; never raises.

    Args:
        text: the sentence.
        presets: by name, the built-in ones and the team's own.
    """
    tongue = wording.tongue_of(text)
    plain = in_digits(text)
    if ground := why_refused(plain, without_files(plain)):
        return Understood(refused=wording.refusal(ground, tongue))
    wishes, rest = scan(plain, (*preset_phrases.named(presets), *_RULES))
    preset, settings, cannot = combine(wishes, presets)
    good, bad = sound(preset, settings, presets)
    cannot += _out_of_range(bad, wishes)
    told = tuple(
        dict.fromkeys(wording.unclear(*each, tongue) for each in [*cannot, *((piece, "") for piece in rest)])
    )
    if not good and not _says_something(wishes, cannot):
        return Understood(unclear=told or (text.strip() or "?",))
    return Understood(preset, good, wording.in_words(preset, good, tongue), told)


def _says_something(wishes: list[Wish], cannot: list[Unclear]) -> bool:
    """Return whether at least one wish can be fulfilled."""
    failed = {phrase for phrase, _ in cannot}
    return any(wish.phrase not in failed for wish in wishes)


def _out_of_range(names: list[str], wishes: list[Wish]) -> list[Unclear]:
    """Return the phrases behind settings that the check refused."""
    sources = {
        "canvas": ("canvas", "shape", "side"),
        "fill": ("fill", "margin_px"),
        "quality": ("quality", "good"),
    }
    found = [
        (wish.phrase, "range") for name in names for wish in wishes if wish.name in sources.get(name, (name,))
    ]
    return found or [(name, "range") for name in names]
