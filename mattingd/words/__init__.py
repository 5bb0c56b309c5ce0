"""The texts for users: one table per language, and functions to fill them in.

Knows codes, parameters and templates. Must not know where a code comes from or its consequences.
"""

from collections.abc import Mapping
from typing import Final, Literal

from mattingd.words import en, en_reports, zh, zh_faults, zh_reports
from mattingd.words.entries import Words

Language = Literal["en", "zh"]
"""The languages that notes, reports and `status` are written in."""
Param = str | int | float
"""A parameter of a reason."""

LANGUAGES: Final[dict[Language, dict[str, Words]]] = {"en": en.REASONS, "zh": zh.REASONS}
_LABELS: Final[dict[Language, dict[str, str]]] = {
    "en": en.LABELS | en_reports.LABELS,
    "zh": zh.LABELS | zh_reports.LABELS,
}


def what_happened(language: Language, code: str, params: Mapping[str, Param]) -> str:
    """Return one phrase, without a full stop, for the meaning of a code with its parameters."""
    return _filled(language, LANGUAGES[language][code].what, params)


def what_to_do(language: Language, code: str, params: Mapping[str, Param]) -> str:
    """Return one phrase that says what helps; empty where nothing needs to be done."""
    return _filled(language, LANGUAGES[language][code].do, params)


def note_happened(language: Language, code: str, params: Mapping[str, Param]) -> str:
    """Return a sentence for an error note that says what happened, without technical details."""
    words = LANGUAGES[language][code]
    return _sentence(language, _filled(language, words.note_what or words.what, params))


def note_advice(language: Language, code: str, params: Mapping[str, Param]) -> str:
    """Return sentences for an error note that say what a designer can do."""
    words = LANGUAGES[language][code]
    return _sentence(language, _filled(language, words.note_do or words.do, params))


def for_designers(language: Language, code: str, params: Mapping[str, Param]) -> str:
    """Return sentences for whoever dropped the picture: what happened and what helps.

    They have no technical details; advice that names a setting or a command is addressed to somebody else.
    """
    do = what_to_do(language, code, params)
    if "`" in do:
        do = label(language, "others_do", do=do)
    happened = note_happened(language, code, params)
    return joined(language, happened, _sentence(language, do)) if do else happened


def joined(language: Language, *sentences: str) -> str:
    """Return sentences one after the other."""
    return ("" if language == "zh" else " ").join(sentences)


def label(language: Language, name: str, /, **params: Param) -> str:
    """Return a word or phrase of a report, a note or `status`, filled in."""
    return _LABELS[language][name].format_map(params)


def labels(language: Language) -> Mapping[str, str]:
    """Return all of them."""
    return _LABELS[language]


def system_error(language: Language, said: str) -> str:
    """Return what the system said of a failed call, such as "No such file or directory", in a language."""
    return zh_faults.FAULTS.get(said, said) if language == "zh" else said


def _filled(language: Language, template: str, params: Mapping[str, Param]) -> str:
    told = dict(params)
    if "detail" in params:
        told["detail"] = what_happened(language, str(params["detail"]), _without(params))
    if "error" in params:
        told["error"] = system_error(language, str(params["error"]))
    return template.format_map(told)


def _without(params: Mapping[str, Param]) -> dict[str, Param]:
    """Return the parameters without the detail."""
    return {name: value for name, value in params.items() if name != "detail"}


def _sentence(language: Language, phrase: str) -> str:
    """Begin with a capital and close with a full stop, but not behind a command, which users copy."""
    stop = "。" if language == "zh" else "."
    is_command = phrase.rpartition("\n")[2].startswith(" ")
    closed = phrase if not phrase or phrase[-1] in ".。" or is_command else phrase + stop
    return closed[:1].upper() + closed[1:]
