"""What was understood of a person's sentence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mattingd.domain.presets import DEFAULT

Tongue = Literal["zh", "en"]
"""The language of a sentence, and of what is answered to it."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A preset and settings, to be shown to the person who asked for them and used once they agree."""

    preset: str = DEFAULT
    """The preset's name."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the preset, as in a configuration file. With `preset` it is what `own_settings`
    takes."""
    said: tuple[str, ...] = ()
    """The preset and each setting in words, in the language of the sentence; empty with nothing to do."""
    unclear: tuple[str, ...] = ()
    """Parts of the sentence that were not understood or cannot be done, with the reason if it is known."""
    refused: str = ""
    """Why nothing of it is done, as a sentence; empty where it was not refused."""
    by: Literal["grammar", "language model"] = "grammar"
    """Whether our own grammar or the language model understood it."""
    note: str = ""
    """Why the grammar answered in place of the language model, in one line."""

    @property
    def usable(self) -> bool:
        """Whether there is something to confirm and do."""
        return bool(self.said) and not self.refused
