"""How a phrase becomes wishes: a pattern, and what is wished where it matches."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Wishes = Mapping[str, Any]
"""Names of settings, or of what `combine` knows besides, with the wished values."""
UNCLEAR = "unclear"
"""The wish whose value is the code of a reason in `wording.REASONS`: understood, but it cannot be done."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a phrase means."""

    pattern: re.Pattern[str]
    """With all spellings, Chinese and English."""
    wishes: Callable[[re.Match[str]], Wishes | None]
    """What is wished; None where this match means nothing after all."""
    negated: Wishes | None = None
    """What is wished behind "no" or "不要"; None where that makes no sense."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that a sentence wishes."""

    name: str
    value: Any
    phrase: str
    """The words that say so."""


def rule(
    pattern: str,
    wishes: Wishes | Callable[[re.Match[str]], Wishes | None],
    negated: Wishes | None = None,
) -> Rule:
    """Return a rule; case does not matter, and Chinese characters end an English word."""
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)
    return Rule(compiled, wishes if callable(wishes) else lambda _: wishes, negated)


def number(text: str) -> int | float:
    """`35.0` -> 35, `0.5` -> 0.5."""
    value = float(text)
    return int(value) if value.is_integer() else value
