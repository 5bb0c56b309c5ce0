"""A person's sentence, Chinese or English -> a preset and finishing settings, to be shown and confirmed.

Nothing here touches a picture: what is understood goes to the person first, and then the way of all settings.
"""

from dataclasses import replace

from mattingd.config import Settings
from mattingd.domain.presets import BUILT_IN
from mattingd.language import grammar, language_model
from mattingd.language.answer import NoAnswerError
from mattingd.language.understood import Understood

__all__ = ["Understood", "understand"]


def understand(text: str, settings: Settings | None = None) -> Understood:
    """Return what ``text`` asks for; never raises, whatever it says.

    With a language model in the settings this waits for it, at most `language.seconds`; what it cannot answer
    goes by the grammar. What the grammar refuses is never sent.

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
