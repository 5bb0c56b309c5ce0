"""How large the picture becomes, and how much of it the subject takes."""

import re

from mattingd.language.rules import UNCLEAR, Rule, Wishes, number, rule

NUMBER = r"\d{1,6}(?:\.\d{1,3})?"
PX = r"(?:px|像素|pixels?\b|pix\b)"
PERCENT = r"(?:%|percent\b|per\s?cent\b)"
_BY = r"\s*(?:x|×|\*|乘以?|by)\s*"
_UNIT = (
    r"(?P<unit>mm|毫米|millimet(?:er|re)s?|cm|厘米|公分|centimet(?:er|re)s?|inch(?:es)?|英寸|寸"
    r"|in\b|\"|px|像素|pixels?)"
)
_MILLIMETRES = {
    "m": 1.0,
    "毫": 1.0,
    "c": 10.0,
    "厘": 10.0,
    "公": 10.0,
    "i": 25.4,
    "英": 25.4,
    "寸": 25.4,
    '"': 25.4,
}


def _canvas(sides: list[float], unit: str) -> str:
    """Return a canvas as the settings have it: `1000x1000`, `35x45mm`."""
    first = "c" if unit.lower().startswith("centi") else unit[:1].lower()
    factor = _MILLIMETRES.get(first)
    if factor is None:
        return f"{sides[0]:.0f}x{sides[1]:.0f}"
    across, down = (number(f"{side * factor:.1f}") for side in sides)
    return f"{across}x{down}mm"


def _sides(found: re.Match[str]) -> Wishes | None:
    unit = found["unit"] or ""
    sides = [float(found["width"]), float(found["height"])]
    is_pixels = unit == "" or unit.lower().startswith("p") or unit == "像素"
    if is_pixels and any(not side.is_integer() for side in sides):
        return None
    return {"canvas": _canvas(sides, unit)}


def _ratio(found: re.Match[str]) -> Wishes:
    return {"shape": f"{number(found['across'])}:{number(found['down'])}"}


def _fill(found: re.Match[str]) -> Wishes:
    return {"fill": float(found["share"]) / 100}


def _margin(found: re.Match[str]) -> Wishes:
    share = float(found["margin"])
    return (
        {"margin_px": share} if re.match(PX, found["kind"], re.IGNORECASE) else {"fill": 1 - 2 * share / 100}
    )


_SUBJECT = (
    r"(?:(?:\b(?:the|let|make)\s+)*\b(?:subject|product|head|object|person|item"
    r"|it)\s+)?(?:\bshould\s+|\bto\s+|\bmust\s+)?"
)
_MARGIN_EN = r"(?:margins?|padding|borders?|white\s?space)"
_MARGIN_ZH = r"(?:留白|边距|留边|白边|留空|空白边?)"

RULES: tuple[Rule, ...] = (
    rule(
        rf"{_SUBJECT}\b(?:fill|occup|tak|cover)(?:y|ies|ying|e|es|ing|s)?(?:\s+up)?\s*(?:about|around"
        rf"|only)?\s*"
        rf"(?P<share>{NUMBER})\s*{PERCENT}(?:\s*of\s+(?:the\s+)?(?:canvas|frame|picture|image|height"
        rf"|width|square))?",
        _fill,
    ),
    rule(rf"\bfill\s*[:=]\s*(?P<share>{NUMBER})\s*{PERCENT}", _fill),
    rule(
        rf"(?:(?:主体|商品|产品|人物|头部|人像|物体|人)?(?:大小)?(?:占比|占据|占|填充|撑满)"
        rf"|(?:主体|商品|产品|人物|头部|人像)(?:大小)?(?=\s*[:=]?\s*\d+\s*%))(?:到"
        rf"|满)?(?:整?个?(?:画面|画布|图片?|高度|宽度))?的?(?:约|大约|[:=])?\s*"
        rf"(?P<share>{NUMBER})\s*%(?:的?(?:画面|画布|高度))?",
        _fill,
    ),
    rule(
        rf"(?P<margin>{NUMBER})\s*(?P<kind>{PERCENT}|{PX})\s*(?:of\s+|-\s*)?{_MARGIN_EN}\b"
        r"(?:\s+(?:on\s+)?(?:all\s+(?:four\s+)?sides|all\s+around|around(?:\s+it)?"
        r"|(?:on\s+)?each\s+side))?",
        _margin,
    ),
    rule(
        rf"\b{_MARGIN_EN}\s*(?:of|[:=]|is)?\s*(?P<margin>{NUMBER})\s*(?P<kind>{PERCENT}|{PX})"
        r"(?:\s+(?:on\s+)?(?:all\s+(?:four\s+)?sides|all\s+around|around(?:\s+it)?|each\s+side))?",
        _margin,
    ),
    rule(
        rf"(?:四周|周围|边缘|上下左右|每边|四边|各边)?(?:都|各)?{_MARGIN_ZH}\s*(?:为|约|各"
        rf"|是)?\s*(?P<margin>{NUMBER})\s*(?P<kind>%|{PX})",
        _margin,
    ),
    rule(
        rf"(?:四周|周围|上下左右|每边|四边)?(?:都|各)?留(?:出|有)?\s*(?P<margin>{NUMBER})\s*(?P<kind>%"
        rf"|{PX})(?:的)?(?:{_MARGIN_ZH}|边|空)?",
        _margin,
    ),
    rule(
        rf"\b(?:no|without(?:\s+any)?|zero)\s+{_MARGIN_EN}\b|\bedge[\s-]to[\s-]edge\b|\bfull[\s-]bleed\b"
        r"|\bfill(?:s|ing)?\s+the\s+(?:whole\s+|entire\s+)?(?:frame|canvas|square|picture)\b"
        r"|(?:不要|不|无|没有|去掉)(?:留白|边距|留边|白边|空白)|满版|(?:撑满|铺满|填满"
        r"|占满)(?:整个)?(?:画面|画布)?|满幅",
        {"fill": 1.0},
    ),
    rule(
        rf"(?:\b(?:width|wide)|宽度?)\s*(?:of|[:=]|为"
        rf"|是)?\s*(?P<width>{NUMBER})\s*(?:{PX})?\s*[,;和]?\s*(?:and\s+|by\s+|x\s*)?"
        rf"(?:\b(?:height|high)|高度?)\s*(?:of|[:=]|为|是)?\s*(?P<height>{NUMBER})\s*{_UNIT}?",
        _sides,
    ),
    rule(
        rf"(?P<width>{NUMBER})\s*(?:{PX})?\s*wide\s*(?:,|and|by"
        rf"|x)?\s*(?P<height>{NUMBER})\s*{_UNIT}?\s*(?:high|tall)\b",
        _sides,
    ),
    rule(
        rf"(?<![\d.])(?P<width>{NUMBER})\s*(?:mm|毫米|cm|厘米|公分|px|像素|pixels|inch(?:es)?"
        rf"|英寸)?{_BY}(?P<height>{NUMBER})"
        rf"(?![\d.])\s*{_UNIT}?(?:\s*(?:的)?(?:尺寸|大小|画布|canvas))?",
        _sides,
    ),
    rule(
        r"(?:\b(?:aspect\s+)?ratio\s*(?:of|[:=])?\s*|比例\s*(?:为"
        r"|是)?\s*)?(?<![\d.])(?P<across>\d{1,3}(?:\.\d)?)\s*(?::|\bto\b)\s*"
        r"(?P<down>\d{1,3}(?:\.\d)?)(?![\d.])(?:\s*(?:aspect\s+)?ratio\b|\s*的?比例|\s*(?:的)?(?:画幅"
        r"|尺寸))?",
        _ratio,
    ),
    rule(
        r"(?<![a-z0-9])(?P<paper>a[3-6])(?![a-z0-9])\s*(?:纸张?|大小|尺寸|paper|size|sheet)*"
        r"|\b(?:us\s+)?(?P<letter>letter)\s*"
        r"(?:size|paper|format)\b|\bus\s+(?P<us>letter)\b",
        lambda found: {"canvas": (found["paper"] or "letter").lower()},
    ),
    rule(r"\blandscape(?:\s+(?:format|orientation))?\b|横版|横向|横幅", {"landscape": True}),
    rule(r"\bportrait\s+(?:format|orientation)\b|\bupright\b|竖版|竖向|纵向", {"landscape": False}),
    rule(
        rf"(?:\b(?:at\s+least|min(?:imum)?(?:\s+of)?|no\s+(?:less|smaller)\s+than|not\s+(?:less"
        rf"|smaller)\s+than)|至少|不小于|不少于|不低于|最少|最小)\s*"
        rf"(?:要|边长)?\s*(?P<n>{NUMBER})\s*{PX}(?:\s*(?:long|on\s+the\s+long(?:est|er)?\s+side|wide"
        rf"|or\s+more))?|(?P<m>{NUMBER})\s*{PX}\s*"
        r"(?:以上|起|or\s+(?:more|larger|bigger))",
        lambda found: {"min_side": int(float(found["n"] or found["m"]))},
    ),
    rule(
        rf"(?:\b(?:at\s+most|no\s+more\s+than|max(?:imum)?(?:\s+of)?|under|below)|不超过|最多|最大"
        rf"|小于)\s*(?:宽|高)?{NUMBER}\s*{PX}"
        rf"|{NUMBER}\s*{PX}\s*(?:以内|以下)"
        rf"|最?(?:长边|短边)\s*(?:为|是|[:=])?\s*{NUMBER}\s*(?:{PX})?"
        rf"|\b(?:long(?:er|est)?|short(?:er|est)?)\s+(?:side|edge)\s*(?:of|[:=])?\s*{NUMBER}\s*(?:{PX})?",
        {UNCLEAR: "largest_side"},
    ),
    rule(
        rf"(?:边长|(?:\b(?:long|longest)\s+(?:side|edge)\s*(?:of)?)|长边)?\s*(?:为|是"
        rf"|[:=])?\s*(?P<n>{NUMBER})\s*{PX}(?:\s*(?:的|边长|见方))?",
        lambda found: {"side": int(float(found["n"]))},
    ),
    rule(
        r"\b(?:an?\s+)?squared?(?:\s+(?:picture|image|photo|format|crop|canvas))?\b|正方形?|方形|方图"
        r"|见方",
        {"shape": "1:1"},
    ),
    rule(
        r"\b(?:in\s+the\s+)?(?:centre|center|middle|centred|centered)(?:\s+(?:the\s+subject|it))?\b"
        r"|居中|放[在到]?正?中(?:间|央)|置中",
        {"anchor": "centre"},
    ),
    rule(
        r"\b(?:at|on|to)\s+the\s+bottom(?:\s+edge)?\b|\bstand(?:s|ing)?\s+on\s+the\s+(?:bottom"
        r"|lower)(?:\s+edge)?\b|靠下|贴底|靠底部|底部对齐",
        {"anchor": "bottom"},
    ),
)
