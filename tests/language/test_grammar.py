"""The grammar on anything that people may type, and what it does not know or cannot do."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.config import own_settings
from mattingd.domain.presets import BUILT_IN, Preset
from mattingd.language import understand
from mattingd.language.numerals import in_digits
from mattingd.language.wording import in_words, wordless

_KNOWN = (
    "white|蓝底|background|底|背景|not|不要|1000|99999999|0|x|×|px|像素|mm|寸|一|百|点|两千|百分之|成|KB|under"
    "|不超过|jpg|png|16 bit|transparent|透明|证件照|id-photo|product|hair|mask only|quality|质量|dpi|feather"
    "|阴影|shadow|margin|留白|#|#fff|:|1:1|delete|/|rm -rf|shoe.jpg|\0|\n|,|。| |landscape|A4|square|%|rgb("
)
PIECES = st.sampled_from(_KNOWN.split("|"))
"""Bits of what the grammar knows: in any order they make more of it work than chance would."""


@given(
    st.one_of(
        st.text(max_size=300),
        st.lists(PIECES, max_size=30).map(" ".join),
        st.lists(PIECES, max_size=30).map("".join),
    )
)
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_it_and_what_it_answers_can_be_used(text: str) -> None:
    got = understand(text)
    own_settings(BUILT_IN, "", {"preset": got.preset, "settings": dict(got.settings)})
    assert got == understand(text)
    assert not got.refused or (not got.settings and not got.said)
    assert got.said or got.refused or (got.unclear and not got.settings)
    assert set(got.settings) <= {item.name for item in fields(Preset)} - {"finisher"}
    assert str(got.settings.get("background") or "#").startswith("#"), "a file"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("white background, /home/ann/beach.jpg", "files are chosen beside the sentence"),
        ("transparent jpg", "JPEG has no transparency"),
        ("png under 100 KB", "only jpeg, webp and avif"),
        ("jpg on white, 16 bit", "only png and tiff have 16 bits"),
        ("png, quality 80", "png and tiff are lossless"),
        ("jpeg on white, lossless", "not lossless"),
        ("1000 px, transparent", "say width and height"),
        ("trim, 10% margin", "needs a canvas"),
        ("on white, at least 50 KB", "only an upper limit"),
        ("feather 900 px, white background", "out of range"),
        ("white background, quality 101", "out of range"),
        ("jpg and png on white", "contradicts another part"),
        ("800x600 on white, square", "contradicts another part"),
        ("gradient background, png", "one colour or transparent"),
        ("white background, as pdf", "written are png"),
        ("jpg, not blue background", "say what you want instead"),
        ("白底，在图上写字", "在图上写字"),
        ("不要改背景，只压缩到300K以内", "背景总是会被去掉或替换"),
        ("keep the original background, under 200 KB", "always removed or replaced"),
        ("get rid of the background but keep the shadow", "shadow goes with its background"),
        ("抠图，保留原来的阴影", "加柔和的阴影"),
        ("商品图去底，长边1500", "请给出宽和高"),
        ("white background, longest edge 2000 px", "say width and height"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_named_with_its_reason(text: str, reason: str) -> None:
    got = understand(text)
    assert [each for each in got.unclear if reason in each], got


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("2寸照片，蓝底，413x579像素", {"background": "#438edb", "canvas": "35x49mm", "dpi": 300}),
        ("一寸 295*413 白底", {"background": "#ffffff", "canvas": "25x35mm", "dpi": 300}),
        ("ID photo 35x45mm, 827x1063 px", {"canvas": "35x45mm", "dpi": 600}),
        ("亚马逊白底图 主体85% jpg", {"background": "#ffffff", "fill": 0.85, "format": "jpeg"}),
        ("帮忙抠个图，背景要纯色浅粉", {"background": "#ffb6c1"}),
        ("抖音商品图 1:1 白底 600像素以上", {"background": "#ffffff", "canvas": "1:1", "min_side": 600}),
        ("批量白底，jpg，质量95", {"background": "#ffffff", "format": "jpeg", "quality": 95}),
        ("把人抠出来放到正中间，画布1200x1600", {"canvas": "1200x1600", "anchor": "centre"}),
        ("please knock out the background and trim tightly", {"trim": True}),
        ("headshot for LinkedIn, 400x400, off-white", {"background": "#faf9f6", "canvas": "400x400"}),
    ],
)
def test_what_shops_and_studios_say_is_understood_whole(text: str, settings: dict[str, object]) -> None:
    got = understand(text)
    assert (dict(got.settings), got.unclear, got.refused) == (settings, (), "")


@pytest.mark.parametrize("text", ["不要磨皮，白底", "don't upscale, white background", "白底，别修图"])
def test_a_deed_that_must_not_be_done_is_no_reason_to_refuse(text: str) -> None:
    got = understand(text)
    assert (got.refused, got.settings["background"]) == ("", "#ffffff")


@pytest.mark.parametrize("text", ["no wrinkles, white background", "白底，不要水印", "white, no tattoos"])
def test_what_is_to_go_from_a_picture_is_refused_however_it_is_said(text: str) -> None:
    assert understand(text).refused


def test_sizes_of_two_shapes_contradict_one_another() -> None:
    got = understand("2寸照片，蓝底，800x600像素")
    assert len([each for each in got.unclear if "互相矛盾" in each]) == 2


def test_words_are_in_the_language_of_the_sentence_and_say_each_setting() -> None:
    got = understand("蓝底证件照，不超过200KB")
    assert got.said == ("预设 id-photo（证件照：头肩构图）", "背景：证件照蓝 #438edb", "文件不超过 200 KB")
    got = understand("ID photo on blue, under 200 KB")
    assert got.said == (
        "preset id-photo (ID photo: head and shoulders)",
        "background: ID-photo blue #438edb",
        "file of at most 200 kB",
    )
    assert (got.by, got.unclear, got.refused) == ("grammar", (), "")


def test_every_setting_has_words_but_the_one_that_runs_a_program() -> None:
    assert wordless() == {"finisher"}
    for preset in BUILT_IN.values():
        values = {item.name: getattr(preset, item.name) for item in fields(Preset) if item.name != "finisher"}
        for tongue in ("zh", "en"):
            words = in_words("transparent", values, tongue)
            assert len(words) == len(values) + 1
            assert not [each for each in words if "{" in each or "null" in each]


def test_refusals_are_in_the_language_of_the_sentence() -> None:
    assert understand("把原图全部删除").refused.startswith("不删除")
    assert understand("delete the originals").refused.startswith("Nothing is deleted")
    assert "at most 600" in understand("white background " * 40).refused


def test_removing_what_our_own_settings_remove_is_no_destruction() -> None:
    for text in (
        "delete the background of these pictures",
        "remove the EXIF data from the files",
        "清除照片里的元数据",
    ):
        assert not understand(text).refused


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("两百KB", "200KB"),
        ("一千零五十像素", "1050像素"),
        ("两百五像素", "250像素"),
        ("八百乘六百", "800乘600"),
        ("三比四", "3:4"),
        ("百分之八十五", "85%"),
        ("八成半", "85%"),
        ("一点五兆", "1.5兆"),
        ("十六位", "16位"),
        ("质量九十", "质量90"),
        ("一万两千像素", "12000像素"),
        ("１０００像素", "1000像素"),
        ("一寸照一张，统一白底", "一寸照一张,统一白底"),
        ("千万不要", "千万不要"),
    ],
)
def test_chinese_numbers(text: str, digits: str) -> None:
    assert in_digits(text) == digits
