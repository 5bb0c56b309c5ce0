"""Every reason says in every language what happened, and an error note what a designer can do."""

import re
from string import Formatter
from typing import get_args

import pytest

from mattingd.domain.reasons import Reason
from mattingd.outputs.error_notes import note_text, possible_texts
from mattingd.words import LANGUAGES, Language, en, labels
from mattingd.words.entries import Words

PARAMS: dict[str, str | int | float] = {
    "text": "the sentence of an earlier version",
    "error": "No space left on device",
    "said": "premature end",
    "check": "it is no PNG",
    "name": "brand-frame",
    "names": "a.keep.png",
    "path": "beach.jpg",
    "copy": "/state/beach.jpg",
    "place": "2026-11-20/in/shoe.png",
    "format": "webp",
    "kind": "PQ",
    "mode": "F",
    "samples": "complex64",
    "marker": "C8",
    "signal": "SIGSEGV",
    "root": "/srv/out",
    "point": "/srv",
}
"""Texts; every other parameter is a number."""
SOURCE = "/srv/in/Tisch, Größe 2/对.jpg".encode()
_FAILS = """
empty_file too_heavy too_many_pixels truncated damaged not_read psd_flat raw_extra jxl_extra
all_transparent no_subject damage_fails out_of_memory not_processed no_right cannot_read
strokes_shape strokes_all strokes_photo strokes_no_file strokes_heavy finisher_failed
finisher_not_loaded finisher_missing finisher_result background_small background_large
background_transparent background_missing too_large_for_format too_large_for_tiff jpeg_transparent
over_kb place_refused place_refused_for crashed_alone model_failed as_written
"""
FAILS = _FAILS.split()
"""What a picture can fail for, and so what a note can say."""
CODE_WORDS = re.compile(r"`|\b[a-z]+_[a-z_]+\b|\b[A-Z][a-z]+Error\b|\{|\}|None|NaN")


def fields(words: Words) -> set[str]:
    """The parameters that an entry needs."""
    return {field for text in words for _, field, _, _ in Formatter().parse(text) if field}


def example(code: str, detail: str = "signal") -> Reason:
    """A reason with all the parameters that it needs in any language."""
    needed = {field for table in LANGUAGES.values() for field in fields(table[code])}
    if "detail" in needed:
        needed |= {field for table in LANGUAGES.values() for field in fields(table[detail])}
    params = {name: PARAMS.get(name, 3) for name in needed - {"detail", "stem", "command"}}
    return Reason.of(code, **params, **({"detail": detail} if "detail" in needed else {}))


@pytest.mark.parametrize("language", get_args(Language))
def test_every_language_has_the_same_words(language: Language) -> None:
    assert LANGUAGES[language].keys() == en.REASONS.keys()
    assert labels(language).keys() == labels("en").keys()
    for code, words in LANGUAGES[language].items():
        ours = en.REASONS[code]
        assert fields(words) == fields(ours), code
        assert [bool(text) for text in words] == [bool(text) for text in ours], code


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("code", sorted(en.REASONS))
def test_every_reason_is_one_line(code: str, language: Language) -> None:
    line = example(code).told(language)
    assert line
    assert line == line.strip()
    assert "\n" not in line
    assert "{" not in line


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("code", FAILS)
def test_a_note_names_the_file_says_what_happened_and_what_to_do(code: str, language: Language) -> None:
    details = ["signal"]
    if "{detail}" in en.REASONS[code].what:
        details = [each for each in en.REASONS if each.startswith("is_")] if code == "not_read" else details
    for detail in details:
        note = note_text(SOURCE, example(code, detail), language).decode()
        assert "对.jpg" in note
        assert SOURCE.decode() in note, "and where it is"
        happened, do = parts(note, language)
        assert len(happened) > 4, note
        assert len(do) > 5, note
        assert happened[-1] in ".。", note
        plain = do.replace("mattingd retry --publish-anyway '" + SOURCE.decode() + "'", "")
        told = happened + plain
        for known in ("2026-11-20/in/shoe.png", ".keep.png", "the sentence of an earlier version"):
            told = told.replace(known, "")
        assert not CODE_WORDS.search(told), note
        if language == "zh":
            assert not re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", told), note


def parts(note: str, language: Language) -> tuple[str, str]:
    """What happened, and what to do."""
    what, do, end = (
        ("What happened:", "What to do:", "The picture:")
        if language == "en"
        else ("发生了什么：", "怎么办：", "图片：")  # noqa: RUF001 - Chinese punctuation
    )
    happened, _, rest = note.partition(what)[2].partition(do)
    return happened.strip(), rest.partition(end)[0].strip()


def test_without_a_subject_the_note_names_three_ways_out() -> None:
    note = note_text(b"/in/shoe.jpg", Reason.of("no_subject")).decode()
    assert "shoe.keep.png" in note
    assert "crop the picture" in note
    assert "mattingd retry --publish-anyway /in/shoe.jpg" in note


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("code", ["no_subject", "damage_fails"])
def test_a_command_can_be_copied_as_it_stands(code: str, language: Language) -> None:
    note = note_text(b"/in/shoe.jpg", example(code), language).decode()
    assert "mattingd retry --publish-anyway /in/shoe.jpg" in map(str.strip, note.splitlines())


def test_a_note_that_an_earlier_version_or_another_language_wrote_is_known() -> None:
    old = possible_texts(b"/in/shoe.jpg", Reason.as_written("it is damaged"))
    assert any(b"Why:        it is damaged.\n" in text for text in old)
    now = possible_texts(b"/in/shoe.jpg", Reason.of("no_subject"))
    assert {note_text(b"/in/shoe.jpg", Reason.of("no_subject"), language) for language in LANGUAGES} < set(
        now
    )


def test_a_reason_about_its_strokes_names_them() -> None:
    note = note_text(b"/in/shoe.jpg", Reason.of("strokes_all").about("shoe.keep.png")).decode()
    assert "shoe.keep.png: Nearly all of it is painted." in note
