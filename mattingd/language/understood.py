"""The meaning of a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mattingd.domain.presets import DEFAULT

Tongue = Literal["zh", "en"]
"""The language of a sentence, and of the answer."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A preset and settings, to be shown to the user and used once they agree."""

    preset: str = DEFAULT
    """The preset's name."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Differences from the preset, as in a configuration file; `own_settings` takes both."""
    said: tuple[str, ...] = ()
    """The preset and each setting in the language of the sentence; empty if there is nothing to do."""
    unclear: tuple[str, ...] = ()
    """Parts of the sentence that were not understood or are impossible, with the reason if known."""
    refused: str = ""
    """Why the sentence is refused, as a sentence; empty if it is not."""
    by: Literal["grammar", "language model"] = "grammar"
    """What understood it."""
    note: str = ""
    """Why the grammar answered instead of the language model, in one line; else empty."""

    @property
    def usable(self) -> bool:
        """Whether there is something to confirm and do."""
        return bool(self.said) and not self.refused
