"""Phrases for the colour of the background: by name, by code, or as for an ID photo."""

import re
from dataclasses import dataclass

from mattingd.config.spelling import understood
from mattingd.language.rules import Rule, Wishes, rule


@dataclass(frozen=True, slots=True)
class Colour:
    """A named colour."""

    css: str
    """`#rrggbb`."""
    id_photo: str = ""
    """`#rrggbb` for ID photos, where that colour has a value of its own; else empty."""
    is_ground: bool = False
    """Whether it was said as for an ID photo: `蓝底`."""


_NAMES: dict[str, tuple[str, str]] = {
    "pure white|snow white|white|纯白|雪白|白": ("#ffffff", "#ffffff"),
    "black|纯黑|黑": ("#000000", ""),
    "light blue|浅蓝|淡蓝": ("#add8e6", ""),
    "sky[ -]?blue|天蓝": ("#87ceeb", ""),
    "dark blue|深蓝": ("#00008b", ""),
    "navy(?: blue)?|藏青|海军蓝": ("#000080", ""),
    "royal blue|宝蓝": ("#4169e1", ""),
    "blue|蓝": ("#0000ff", "#438edb"),
    "dark red|深红": ("#8b0000", ""),
    "maroon|酒红": ("#800000", ""),
    "red|大红|红": ("#ff0000", "#ff0000"),
    "light green|浅绿|淡绿": ("#90ee90", ""),
    "dark green|深绿|墨绿": ("#006400", ""),
    "lime": ("#00ff00", ""),
    "green|绿": ("#008000", ""),
    "light[ -]?gr[ae]y|浅灰|淡灰": ("#d3d3d3", ""),
    "dark[ -]?gr[ae]y|深灰": ("#a9a9a9", ""),
    "gr[ae]y|灰": ("#808080", ""),
    "off[ -]?white": ("#faf9f6", ""),
    "light yellow|浅黄|淡黄": ("#ffffe0", ""),
    "light pink|浅粉红?|淡粉红?": ("#ffb6c1", ""),
    "lavender|浅紫|淡紫": ("#e6e6fa", ""),
    "yellow|黄": ("#ffff00", ""),
    "orange|橙|橘": ("#ffa500", ""),
    "pink|粉红|粉": ("#ffc0cb", ""),
    "purple|紫": ("#800080", ""),
    "brown|棕|褐": ("#a52a2a", ""),
    "beige|米白|米": ("#f5f5dc", ""),
    "cream|奶油": ("#fffdd0", ""),
    "ivory|象牙白?": ("#fffff0", ""),
    "khaki|卡其": ("#f0e68c", ""),
    "silver|银": ("#c0c0c0", ""),
    "gold(?:en)?|金": ("#ffd700", ""),
    "cyan|青": ("#00ffff", ""),
    "turquoise|绿松石": ("#40e0d0", ""),
    "teal": ("#008080", ""),
    "magenta|洋红|品红": ("#ff00ff", ""),
}
_ALL = "|".join(each for names in _NAMES for each in names.split("|"))
_WORD = rf"(?P<colour>{_ALL})"
_GROUND_EN = r"(?:back\s?ground|back\s?drop|bg)"
_TO_ZH = (
    r"(?:颜色|色)?(?:要|改成|换成|变成|改为|换为|变为|换|设为|设置为|设成|调成|为|是|用|做成|弄成"
    r"|填充?成?)?\s*[:=]?\s*(?:一?个)?"
)
_CODE = (
    r"(?:#(?P<hex>[0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])"
    r"|(?<![0-9a-z#])0x(?P<hex0>[0-9a-f]{6})(?![0-9a-z]))"
)


def _named(found: re.Match[str]) -> Wishes | None:
    word = found["colour"]
    for names, (css, id_photo) in _NAMES.items():
        if re.fullmatch(names, word, re.IGNORECASE):
            is_ground = re.search("底", found[0]) is not None
            return {"background": Colour(css, id_photo, is_ground)}
    return None


def _coded(found: re.Match[str]) -> Wishes:
    digits = (found["hex"] or found["hex0"]).lower()
    whole = digits if len(digits) > 3 else "".join(digit * 2 for digit in digits)  # noqa: PLR2004
    return {"background": Colour(f"#{whole}")}


def _rgb(found: re.Match[str]) -> Wishes | None:
    values = [int(found[name]) for name in ("r", "g", "b")]
    return {"background": Colour("#" + bytes(values).hex())} if max(values) <= 255 else None  # noqa: PLR2004


_AROUND_EN = (
    rf"(?:\b(?:on|with|onto|over)\s+(?:an?\s+|the\s+)?)?(?:\b{_GROUND_EN}\s*(?:colou?r)?\s*(?:to"
    rf"|is|as|should\s+be|[:=])?\s*)?"
)
_AROUND_ZH = rf"(?:(?:背景|底)(?:颜色|色)?{_TO_ZH})?"

_PUT = r"(?:\b(?:put|place|set|show)\s+(?:the|my|our|her|his|this|these|those|an?)\s+[a-z]+\s+)?"


def _css(found: re.Match[str]) -> Wishes | None:
    """Return any other CSS colour."""
    colour = understood({"background": found["name"] or found["name2"]})["background"]
    return {"background": Colour(colour)} if colour is not None and colour.startswith("#") else None


KEPT_GROUND = rule(
    r"\b(?:keep|leave|preserve|retain)\s+(?:the\s+|its\s+)?(?:original\s+|old\s+|existing\s+)?"
    rf"{_GROUND_EN}\b(?:\s+as\s+(?:it\s+)?is)?"
    rf"|(?:\bdon'?t|\bdo\s+not|\bnever)\s+(?:change|touch|remove|replace)\s+(?:the\s+)?{_GROUND_EN}\b"
    r"|(?:不要|别|不用|不)(?:改变?|换掉?|动|去掉?|抠掉?|删除?|替换)(?:原来的?|原)?(?:背景|底色)"
    r"|保留(?:原来的?|原有的?|原)?(?:背景|底色)|(?:背景|底色)(?:不要|别|不用|不)(?:改变?|换|动|变|去)",
    {"unclear": "keeps_ground"},
)
"""Keeping the old background. It comes before all others, which would take its words."""
RULES: tuple[Rule, ...] = (
    rule(
        r"渐变(?:色)?的?(?:背景|底色?)?|\bgradient(?:\s+(?:background|backdrop))?\b|\b(?:background"
        r"|backdrop)\s+gradient\b",
        {"unclear": "gradient"},
    ),
    rule(
        rf"{_AROUND_EN}{_AROUND_ZH}(?:颜色|\bcolou?r\s*)?{_CODE}(?:\s*(?:的?(?:背景|底色?)"
        rf"|{_GROUND_EN}\b))?",
        _coded,
    ),
    rule(
        rf"{_AROUND_EN}{_AROUND_ZH}\brgb\s*[:=(]?\s*(?P<r>\d{{1,3}})\s*[,;/ ]\s*(?P<g>\d{{1,3}})\s*[,;/ "
        rf"]\s*"
        rf"(?P<b>\d{{1,3}})\s*\)?(?:\s*(?:的?(?:背景|底色?)|{_GROUND_EN}\b))?",
        _rgb,
    ),
    rule(
        rf"{_PUT}(?:\b(?:on|with|onto|over|in)\s+)?(?:\b(?:an?|the|plain|solid"
        rf"|clean)\s+)*\b{_WORD}(?:[\s-]+colou?red)?[\s-]+"
        rf"(?:studio\s+)?{_GROUND_EN}s?\b",
        _named,
    ),
    rule(
        rf"\b{_GROUND_EN}(?:\s+colou?r)?\s*(?:(?:in|to|is|as|of|should\s+be|must\s+be|to\s+be"
        rf"|into)\s+)?[:=]?\s*"
        rf"(?:(?:a|the|plain|solid|pure)\s+)*{_WORD}\b",
        _named,
    ),
    rule(rf"{_PUT}\b(?:on|onto|against)\s+(?:plain\s+|solid\s+|pure\s+)?{_WORD}\b(?!\s+[a-z])", _named),
    rule(rf"{_WORD}色?的?(?:纯色)?(?:背景|底色?)(?:图)?", _named),
    rule(rf"(?:背景|底)(?:颜色|色)?{_TO_ZH}(?:纯色的?)?{_WORD}色?的?", _named),
    rule(
        rf"(?:(?<=[,;。\0])|(?<=\bnot)|(?<=不要)|^)\s*(?:和|用|要|换成"
        rf"|改成)?(?:an?\s+)?(?<![a-z]){_WORD}色?\s*(?:please\s*)?(?=[,;。.!\0]|$)",
        _named,
    ),
    rule(
        rf"\b{_GROUND_EN}(?:\s+colou?r)?\s*(?:(?:in|to|is|as"
        rf"|should\s+be)\s+)?[:=]?\s*[\"']?(?P<name>(?!add\b|bad\b|dad\b|fee\b)[a-z]{{3,20}})\b[\"']?"
        rf"|\b(?P<name2>(?!add\b|bad\b|dad\b|fee\b)[a-z]{{3,20}})\s+{_GROUND_EN}\b",
        _css,
    ),
)
