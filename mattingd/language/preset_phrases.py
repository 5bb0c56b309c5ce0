"""Phrases for presets, and for documents with a photograph of a fixed size."""

import re
from collections.abc import Iterable

from mattingd.language.rules import Rule, Wishes, rule

_INCHES = {
    ("小", "一"): "22x32mm", ("", "一"): "25x35mm", ("大", "一"): "33x48mm",
    ("小", "二"): "35x45mm", ("", "二"): "35x49mm", ("大", "二"): "35x53mm",
    ("", "三"): "55x84mm", ("", "五"): "89x127mm", ("", "六"): "102x152mm", ("", "七"): "127x178mm",
}  # fmt: skip
"""Chinese photograph sizes, upright; up to two "inches" they are ID photos, from three on prints."""
_DIGIT = {"1": "一", "2": "二", "两": "二", "3": "三", "5": "五", "6": "六", "7": "七"}


def _inches(found: re.Match[str]) -> Wishes | None:
    count = _DIGIT.get(found["count"], found["count"])
    canvas = _INCHES.get((found["kind"] or "", count))
    if canvas is None:
        return None
    return {"canvas": canvas} | ({"preset": "id-photo"} if count in "一二" else {})


def _document(canvas: str | None = None) -> Wishes:
    return {"preset": "id-photo"} | ({"usual_canvas": canvas} if canvas else {})


_THING = r"(?:the|my|our|her|his|their|this|these|those|an?)\s+[a-z]+"
_PHOTO = r"(?:照片?|相片?|证件照|头像)?"
_EN_PHOTO = r"(?:\s*(?:photo(?:graph)?|picture|image|pic)s?)?"

RULES: tuple[Rule, ...] = (
    rule(rf"(?P<kind>[小大])?(?P<count>[一二两三五六七123567])\s*[寸吋]{_PHOTO}", _inches),
    rule(
        rf"\b(?:one|1)[\s-]*inch{_EN_PHOTO}\b(?!\s*(?:x|by)\b)", {"canvas": "25x35mm", "preset": "id-photo"}
    ),
    rule(
        rf"\b(?:two|2)[\s-]*inch{_EN_PHOTO}\b(?!\s*(?:x|by)\b)", {"canvas": "35x49mm", "preset": "id-photo"}
    ),
    rule(
        rf"(?:美国|美签){'(?:护照|签证)?'}{_PHOTO}|\b(?:us|u\.s\.|american)\s+(?:passport"
        rf"|visa){_EN_PHOTO}",
        _document("51x51mm"),
    ),
    rule(
        rf"(?:申根|欧洲|英国)(?:护照|签证){_PHOTO}|\b(?:eu|uk|schengen|european|british|german|french)\s+"
        rf"(?:passport|visa|id){_EN_PHOTO}",
        _document("35x45mm"),
    ),
    rule(
        rf"(?:中国)?(?:护照|港澳通行证|通行证){_PHOTO}|\bchinese\s+(?:passport|visa){_EN_PHOTO}",
        _document("33x48mm"),
    ),
    rule(rf"\bpassport{_EN_PHOTO}", _document("35x45mm")),
    rule(rf"(?:身份证|社保卡?|居住证){_PHOTO}", _document("26x32mm")),
    rule(rf"(?:驾照|驾驶证|行驶证){_PHOTO}", _document("22x32mm")),
    rule(
        rf"证件相片?|证件照片?|证件用?照|登记照|报名照|签证{_PHOTO}|工作?[证牌]{_PHOTO}|学生证{_PHOTO}"
        rf"|简历照|标准照"
        rf"|\b(?:id|identity|identification|visa|biometric|badge|application|cv)[\s-]+(?:card\s+)?"
        rf"(?:photo(?:graph)?|picture|image|pic)s?\b|\bvisa{_EN_PHOTO}\b",
        _document(),
    ),
    rule(
        r"(?:(?:商品|产品|电商|淘宝|天猫|京东)?主图|电商平台|电商|网店|网上商店|商城|淘宝|天猫|京东"
        r"|拼多多|亚马逊"
        r"|上架)(?:商品|产品)?(?:图片?|照片?|用图|标准|平台)?"
        r"|\b(?:market\s?place|amazon|e-?bay|taobao|tmall|jd\.com|shopify|etsy|e-?commerce|(?:on|for)?\s*"
        r"(?:an?|the|our|my)?\s*(?:online|web)[\s-]*(?:shop|store)|(?:shop|store|product)\s+listing"
        r"|listing)\b"
        r"(?:\s+(?:main|hero|listing|product))?(?:\s+(?:photo|picture|image|shot)s?)?",
        {"preset": "marketplace"},
    ),
    rule(
        r"(?:产品|商品|静物)(?:图片?|照片?|抠图|摄影)?|\b(?:product|pack)[\s-]*(?:shots?|photos?"
        r"|pictures?|images?)?\b",
        {"preset": "product"},
    ),
    rule(
        r"(?:微信|社交)?头像(?:图|照)?|\bavatars?\b|\bprofile\s*(?:photo|picture|image|pic)s?\b"
        r"|\bheadshots?\b"
        r"|\buserpics?\b",
        {"preset": "avatar"},
    ),
    rule(
        r"(?:保留|保住|留住|处理好|注意)?(?:细节?|每一根|一根根)?(?:头发丝|发丝|头发|毛发|绒毛"
        r"|毛茸茸)(?:的?细节|边缘|抠图)?"
        r"|(?:\b(?:keep|preserve|with)\s+)?(?:\b(?:the|all|every|each|fine|her|his|their|its|single)\s+)*"
        r"\b(?:strands?\s+of\s+hair|hairs?|fur|furry)\b(?:\s+(?:strands?|details?))?",
        {"preset": "hair"},
    ),
    rule(
        r"(?:复杂|杂乱|凌乱|乱)的?(?:背景|场景)|背景(?:很|比较|太|有点)?(?:复杂|杂乱|凌乱|乱)"
        r"|\b(?:busy|cluttered|complex|complicated|messy)\s+(?:background|backdrop|scene)s?\b"
        r"|\bbackground\s+is\s+(?:very\s+)?(?:busy|cluttered|complex|complicated|messy)\b",
        {"preset": "complex"},
    ),
    rule(
        r"(?:另外|同时|附带|附上|并|再|也|还要|额外)(?:保存|输出|导出|给我|要"
        r"|带上)?(?:一[份张个])?(?:的)?(?:蒙版|遮罩|alpha\s*通道)"
        r"|\b(?:also|plus|and\s+also|additionally|together\s+with|as\s+well\s+as|with)\s+(?:save"
        r"|publish|give\s+me|export)?"
        r"\s*(?:the|an?|its)?\s*(?:separate\s+)?(?:alpha\s+)?(?:matte|mask)s?(?:\s+file)?(?:\s+too"
        r"|\s+as\s+well)?\b"
        r"|\b(?:save|export|publish|keep)\s+the\s+(?:alpha\s+)?(?:matte|mask)\s+(?:too|as\s+well"
        r"|separately|beside\s+it)\b",
        {"matte_file": True},
    ),
    rule(
        r"(?:只|仅|就|单)?(?:要|需要|输出|导出|保留)?(?:黑白|灰度)?(?:蒙版|遮罩|蒙板"
        r"|alpha\s*通道)(?:图|就行|即可)?"
        r"|\b(?:only|just)?\s*(?:the|an?)?\s*(?:alpha\s+)?(?:matte|mask"
        r"|alpha\s+channel)s?(?:\s+(?:only|alone))?\b",
        {"preset": "mask-only"},
        negated={"matte_file": False},
    ),
    rule(
        r"(?:透明|去掉|去除|移除|删除|删掉|清除|去|抠掉|扣掉|剔除|无|没有|不要|不带)(?:原来的?|原有的?"
        r"|原|图片的?|照片的?)?(?:背景|底色)"
        r"|(?:背景|底色?)(?:要|改成|换成|变成|变|设为|为|是|用|做成|弄成|改为)?\s*透明"
        r"|(?:原来的?)?(?:背景|底色?)(?:部分)?(?:全部?|都|给)?(?:去掉|去除|移除|删除|删掉|清除|抠掉"
        r"|扣掉|剔除|去了|不要)"
        r"|透明(?:的)?(?:背景|底色?|通道|图片?)?|免抠图?|去底"
        r"|\b(?:with\s+)?(?:an?\s+)?transparent(?:\s+(?:background|backdrop|bg))?\b|\btransparency\b"
        r"|\b(?:without|with\s+no|no)\s+(?:any\s+|a\s+|the\s+)?(?:background|backdrop|bg)\b"
        r"|\b(?:background|backdrop|bg)(?:\s+(?:should\s+be|is|to\s+be))?\s*[:=]?\s*(?:none"
        r"|transparent)\b",
        lambda found: {"cutout": True} if _only_removes(found[0]) else {"background": None},
    ),
    rule(
        r"(?:把[^,。;!?\0]{1,10}?)?(?:抠|扣|分离|取)(?:出来|下来)|抠图|抠像|抠出来?|扣图|抠(?:人像?"
        r"|主体|商品|产品)|抠|扣出来"
        r"|\bcut(?:ting)?[\s-]*outs?\b|\bcut\s+(?:it|this|them|the\s+subject)\s+out\b"
        r"|\b(?:remove|erase|delete|drop|take\s+away|take\s+out|strip|knock\s+out|get\s+rid\s+of)\s+(?:the\s+"
        r"|its\s+|all\s+)?"
        r"(?:original\s+|old\s+|existing\s+)?(?:background|backdrop|bg)s?\b(?:\s+(?:of|from|in)\b)?"
        r"|\b(?:background|bg)\s+(?:removal|removed)\b|\bisolate(?:d)?(?:\s+the\s+(?:subject|product"
        r"|person|object))?\b",
        {"cutout": True},
    ),
)


def _only_removes(phrase: str) -> bool:
    """Return whether a phrase only removes the old background, without a new one."""
    return re.search("去|移除|删|清除|抠掉|扣掉|剔除|不要$", phrase) is not None


def named(presets: Iterable[str]) -> tuple[Rule, ...]:
    """Return rules for presets by their names; short names count only beside the word "preset"."""
    rules = []
    for name in sorted(presets, key=len, reverse=True):
        word = rf"(?<![\w-])[\"'“「]?{re.escape(name)}[\"'”」]?(?![\w-])"
        said = rf"(?:\bpresets?\s*[:=]?\s*|预设\s*[::]?\s*){word}|{word}\s*(?:preset\b|预设)"
        clear = (len(name) >= 4 and not name.isascii()) or "-" in name or name.endswith("-photo")  # noqa: PLR2004
        rules.append(rule(rf"{said}|{word}" if clear else said, {"preset": name}))
    return tuple(rules)
