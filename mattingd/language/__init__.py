"""Turns a sentence, Chinese or English, into a preset and finishing settings for the user to confirm.

Nothing here touches a picture: the user confirms the settings first, and they are checked like all others.
"""

from dataclasses import replace

from mattingd.config import Settings
from mattingd.domain.presets import BUILT_IN
from mattingd.language import grammar, language_model
from mattingd.language.answer import NoAnswerError
from mattingd.language.understood import Understood

__all__ = ["Understood", "understand"]


def understand(text: str, settings: Settings | None = None) -> Understood:
    """Return the preset and settings that ``text`` asks for; never raises.

    With a language model in the settings this waits for its answer, at most `language.seconds`. Without a
    usable answer the grammar decides. A sentence that the grammar refuses is never sent to the model.

    Args:
        text: a sentence such as "white background, 1000 px square, under 200 KB" or "换成蓝底证件照".
        settings: for the team's own presets and the language model; without them the built-in presets.
    """
    if settings is None:
        return grammar.understand(text, BUILT_IN)
    ours = grammar.understand(text, settings.presets)
    if settings.language.base_url is None or ours.refused or not text.strip():
        return ours
    try:
        return language_model.understand(text, settings.presets, settings.language)
    except NoAnswerError as error:
        return replace(ours, note=f"the language model was not used: {error}")
