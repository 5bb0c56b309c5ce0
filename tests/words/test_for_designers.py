"""What the page says to whoever dropped a picture that failed."""

import pytest

from mattingd.domain.reasons import Reason, told_plainly
from mattingd.words import LANGUAGES, Language
from mattingd.words.entries import Words

TOO_LARGE = Reason.of("too_many_pixels", width=20_000, height=10_000, megapixels=200, limit=120.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_setting_is_named_in_what_happened(language: Language) -> None:
    def happened(entry: Words) -> str:
        return entry.note_what or entry.what

    assert [code for code, entry in LANGUAGES[language].items() if "`" in happened(entry)] == []


def test_what_somebody_else_must_set_is_addressed_to_them() -> None:
    assert told_plainly((TOO_LARGE,), "en") == (
        "The picture has 20000 x 10000 pixels (200 megapixels); at most 120 megapixels are allowed here."
        " Whoever looks after mattingd can help: make it smaller or raise `limits.max_megapixels`."
    )
    assert told_plainly((TOO_LARGE,), "zh") == (
        "图片有 20000 x 10000 像素（200 百万像素），这里最多允许 120 百万像素。"
        "请联系负责 mattingd 的同事处理：请缩小图片或提高 `limits.max_megapixels`。"
    )


def test_what_they_can_do_themselves_is_said_to_them() -> None:
    reasons = (Reason.of("no_subject"), Reason.of("empty_file").about("shoe.keep.png"))
    assert told_plainly(reasons, "en") == (
        "No subject was found in the picture. Crop it so that the subject fills more of it."
        " shoe.keep.png: The file is empty. Copy it again."
    )


def test_nothing_is_said_without_a_reason() -> None:
    assert told_plainly((), "en") == ""
