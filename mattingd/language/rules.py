"""Rules: a pattern, and the settings that a matching phrase asks for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Wishes = Mapping[str, Any]
"""Values by the name of a setting, or another name that `combine` knows."""
UNCLEAR = "unclear"
"""The name of a wish that was understood and is impossible; its value is a code of `wording.REASONS`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern and its meaning."""

    pattern: re.Pattern[str]
    """All spellings, Chinese and English."""
    wishes: Callable[[re.Match[str]], Wishes | None]
    """Returns the wishes of a match; None if the match has no meaning after all."""
    negated: Wishes | None = None
    """The wishes after "no" or "不要"; None if that makes no sense."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One setting that a sentence asks for."""

    name: str
    value: Any
    phrase: str
    """The words of the sentence for it."""


def rule(
    pattern: str,
    wishes: Wishes | Callable[[re.Match[str]], Wishes | None],
    negated: Wishes | None = None,
) -> Rule:
    """Return a rule. Case is ignored, and a Chinese character ends an English word."""
    compiled = re.compile(pattern, re.IGNORECASE | re.ASCII)
    return Rule(compiled, wishes if callable(wishes) else lambda _: wishes, negated)


def number(text: str) -> int | float:
    """Return the number in a text: `35.0` as 35, `0.5` as 0.5."""
    value = float(text)
    return int(value) if value.is_integer() else value
