"""Finds the wishes of a sentence, phrase by phrase, and what is left of it."""

import re
from collections.abc import Sequence

from mattingd.language.fillers import left_over
from mattingd.language.rules import UNCLEAR, Rule, Wish, Wishes, rule

_DONE = "\0"
"""Replaces each character that was understood."""
NO = re.compile(
    r"(?:\b(?:not|no|don'?t|do\s+not|does\s+not|without|never|avoid)\b\s*(?:(?:want|need|use|make"
    r"|put|add|have|give|me|it|an?|the|any|in|on|be|as|do|to)\s+)*"
    r"|(?:不要|不用|别用?|不是|不需要|无需|不想要?|别加|不加|不做|勿|没有|不|无)(?:加|用|做|进行"
    r"|有|要)?\s*)$",
    re.IGNORECASE | re.ASCII,
)
"""The end of a text that negates what follows."""
_ENDINGS = "jpe?g|png|webp|tiff?|psd|heic|heif|avif|gif|bmp|jxl|pdf|svg|raw|cr2|nef|arw|dng"
_NAME = r"[^\s,;:\"'。、()<>|\0]"
FILES = rule(
    rf"https?://{_NAME}*(?::\d+)?{_NAME}*|(?:[a-z]:\\|~/|\.{{1,2}}/"
    rf"|(?<![a-z0-9])/(?=[a-z]))(?:{_NAME}|:)*|{_NAME}+/{_NAME}+/{_NAME}*"
    rf"|{_NAME}*{_NAME}(?<![为成存用到是])\.(?:{_ENDINGS})(?![a-z0-9])",
    {UNCLEAR: "file"},
)
"""File names and addresses: they are never opened, and never sent anywhere."""


def scan(text: str, rules: Sequence[Rule]) -> tuple[list[Wish], list[str]]:
    """Return the wishes of a normalised ``text`` in their order, and the parts that no rule understood."""
    wishes: list[tuple[int, Wish]] = []
    for each in (FILES, *rules):
        position = 0
        while found := each.pattern.search(text, position):
            start, end = found.span()
            position = max(end, start + 1)
            if not found[0].strip(" " + _DONE) or _DONE in found[0]:
                continue
            said = each.wishes(found)
            if said is None:
                continue
            if no := NO.search(text[:start]):
                start = no.start()
                said = each.negated if each.negated is not None else _denied(said)
            phrase = text[start:end].strip(" ,")
            wishes += ((start, Wish(name, value, phrase)) for name, value in said.items())
            text = text[:start] + _DONE * (end - start) + text[end:]
    ordered = [wish for _, wish in sorted(wishes, key=lambda item: item[0])]
    return ordered, left_over(text)


def without_files(text: str) -> str:
    """Return ``text`` with each file name and address replaced by `[file]`."""
    return FILES.pattern.sub("[file]", text)


def _denied(said: Wishes) -> Wishes:
    """Return the wishes of a negated phrase without a meaning of its own: not this colour, or unclear."""
    if said.get("background") is not None:
        return {"not_background": said["background"]}
    return {UNCLEAR: "negated"}
