"""The text of the error note beside the cut-outs, and how to tell that a note is still ours."""

import shlex
from pathlib import PurePosixPath
from typing import Final

from mattingd import words
from mattingd.domain.reasons import ABOUT, Reason
from mattingd.domain.text import readable
from mattingd.words import LANGUAGES, Language

ENDING: Final = ".error.txt"


def note_text(source: bytes, reason: Reason, language: Language = "en") -> bytes:
    """Return the error note of the picture at `source` as plain UTF-8."""
    name, error = readable(source.rpartition(b"/")[2]), str(dict(reason.params).get("error", ""))
    what, do = in_sentences(source, reason, language)
    text = words.label(
        language,
        "note",
        name=name,
        what=what,
        do=do.replace("\n", "\n" + words.label(language, "note_indent")),
        details=words.label(language, "note_details", error=error) if error else "",
        source=readable(source),
    )
    return text.encode()


def in_sentences(source: bytes, reason: Reason, language: Language) -> tuple[str, str]:
    """Return sentences that say what happened to the picture at `source`, and what a designer can do."""
    name, params = readable(source.rpartition(b"/")[2]), dict(reason.params)
    told = params | {"stem": PurePosixPath(name).stem, "command": _command(source)}
    what = words.note_happened(language, reason.code, told)
    if ABOUT in params:
        what = words.label(language, "note_about", file=params[ABOUT], what=what)
    return what, words.note_advice(language, reason.code, told)


def possible_texts(source: bytes, reason: Reason) -> tuple[bytes, ...]:
    """Return every text that this program may have written for it: in all languages, and by version 0.1."""
    return *(note_text(source, reason, language) for language in LANGUAGES), _of_version_3(source, reason)


def is_note_of(source: bytes, text: bytes) -> bool:
    """Whether this is an error note of the picture at `source`."""
    return readable(source).encode() in text


def other_name(note: str, number: int) -> str:
    """Return a further name of a note: `shoe.PNG (2).error.txt`."""
    return f"{note.removesuffix(ENDING)} ({number}){ENDING}"


def _command(source: bytes) -> str:
    return f"mattingd retry --publish-anyway {shlex.quote(readable(source))}"


def _of_version_3(source: bytes, reason: Reason) -> bytes:
    """Return the note as written with version 3 of the journal."""
    name = readable(source.rpartition(b"/")[2])
    return (
        f"No new cut-out was made of {name}.\n\n"
        f"Why:        {reason}.\n"
        f"What to do: put right what is said there. What is saved anew is done by itself; after a change\n"
        f"            of settings `mattingd retry` asks for this picture again.\n"
        f"            This note disappears with the next cut-out.\n"
        f"Original:   {readable(source)} (it was not changed)\n"
    ).encode()
