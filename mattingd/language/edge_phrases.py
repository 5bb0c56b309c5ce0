"""How the edge and the surroundings of the subject come out: feather, shadow, trim, specks."""

import re
from collections.abc import Callable

from mattingd.language.rules import UNCLEAR, Rule, Wishes, number, rule
from mattingd.language.size_phrases import NUMBER, PX

_N = rf"(?P<n>{NUMBER})"
_OF = r"\s*(?:by|of|to|[:=]|为|是|设为|大约|约)?\s*"


def _amount(name: str, usual: float) -> Callable[[re.Match[str]], Wishes]:
    def wishes(found: re.Match[str]) -> Wishes:
        amounts = [value for key, value in found.groupdict().items() if key.startswith("n") and value]
        return {name: number(amounts[0]) if amounts else usual}

    return wishes


def _shadow(found: re.Match[str]) -> Wishes:
    words = found[0].lower()
    for each in ("", "2", "3"):
        if share := found[f"share{each}"]:
            return {"shadow": float(share) / (100 if found[f"percent{each}"] else 1)}
    if re.search(r"strong|dark|hard|heavy|深|重|强|浓", words):
        return {"shadow": 0.6}
    return {"shadow": 0.2 if re.search(r"light|subtle|faint|slight|淡|浅|微|轻", words) else 0.35}


_SHADOW = r"(?:drop[\s-]*)?shadows?"

RULES: tuple[Rule, ...] = (
    rule(
        r"\b(?:but\s+)?(?:keep|preserve|retain|leave)\s+(?:the\s+|its\s+)?(?:original\s+|natural\s+|real\s+"
        rf"|existing\s+)?{_SHADOW}\b|保留(?:原来的?|原有的?|原|自然)?的?(?:阴影|投影|影子)",
        {UNCLEAR: "own_shadow"},
    ),
    rule(
        rf"(?:\badd\s+|\bwith\s+)?(?:\b(?:an?|some|the)\s+)?(?:\b(?:very\s+)?(?:soft|light|subtle"
        rf"|faint|slight|natural|strong|dark|hard|heavy|gentle|nice)\s+)*"
        rf"(?:(?P<share2>\d{{1,3}}(?:\.\d{{1,3}})?)\s*(?P<percent2>%"
        rf"|percent\b)?\s*)?\b{_SHADOW}\b(?:\s*(?:of|[:=]"
        rf"|at)?\s*(?P<share>\d{{1,3}}(?:\.\d{{1,3}})?)\s*(?P<percent>%|percent\b)?)?"
        rf"(?:\s+(?:under|below|behind)(?:\s+(?:it|the\s+\w+))?)?"
        r"|(?:加上?|带|添加|要)?(?:一点|一些|一个|点|个)?(?:很)?(?:柔和|自然|轻微|淡淡|淡|浅|微|轻|深"
        r"|重|强|浓)?的?(?:阴影|投影|影子)(?:\s*(?:强度|浓度)?\s*(?:为|是|[:=])?\s*"
        r"(?P<share3>\d{1,3}(?:\.\d{1,3})?)\s*(?P<percent3>%)?)?(?:效果)?",
        _shadow,
        negated={"shadow": 0},
    ),
    rule(
        r"(?:去掉|去除|移除|取消|删除|无)(?:阴影|投影|影子)|\b(?:remove|no)\s+(?:the\s+"
        r"|any\s+)?(?:drop\s*)?shadows?\b",
        {"shadow": 0},
    ),
    rule(
        rf"(?:边缘)?羽化(?:边缘|半径|值)?{_OF}(?:{_N}\s*(?:{PX})?|一下|一点)?"
        rf"|(?P<n2>{NUMBER})\s*(?:{PX})\s*(?:的)?羽化"
        rf"|\bfeather(?:ed|ing)?(?:\s+(?:the\s+)?edges?"
        rf"|\s+radius)?{_OF}(?:(?P<n3>{NUMBER})\s*(?:{PX})?)?"
        rf"|(?P<n4>{NUMBER})\s*(?:{PX}\s*)?(?:of\s+)?feather(?:ing)?\b"
        rf"|\bsoft(?:en|er|ened)?\s+(?:the\s+)?edges?\b(?:{_OF}(?P<n5>{NUMBER})\s*(?:{PX}))?|边缘(?:要"
        rf"|更)?(?:柔和|柔化)(?:一点|一些|些)?|柔化边缘|柔和的?边缘",
        _amount("feather", 2),
        negated={"feather": 0},
    ),
    rule(
        r"\b(?:sharp|hard|crisp)\s+edges?\b|(?:硬|锐利的?|清晰的?)边缘?|边缘(?:要|更)?(?:锐利|清晰"
        r"|硬)(?:一点|一些|些)?",
        {"feather": 0},
    ),
    rule(
        rf"(?:边缘)?(?:向内)?(?:收缩|内缩|腐蚀|收边)(?:边缘)?{_OF}(?:{_N}\s*(?:{PX})?|一点)?"
        rf"|\b(?:erode|shrink|contract|choke)(?:\s+(?:the\s+)?(?:edges?|mask"
        rf"|matte))?{_OF}(?:(?P<n2>{NUMBER})\s*(?:{PX})?)?"
        rf"|\berosion{_OF}(?:(?P<n3>{NUMBER})\s*(?:{PX})?)?",
        _amount("erode", 1),
        negated={"erode": 0},
    ),
    rule(
        r"(?:(?:透明度?|alpha)?阈值|\b(?:alpha\s+)?threshold)" + _OF + r"(?P<n>\d{1,6})",
        _amount("threshold", 0),
    ),
    rule(
        r"\b(?:crop(?:ped)?|trim(?:med)?)(?:\s+(?:it|this|them|the\s+(?:picture|image|photo|canvas)"
        r"|tight(?:ly)?|close(?:ly)?))*(?:\s+(?:to|around)\s+(?:the\s+)?(?:subject|product|object"
        r"|person|edges?|content|outline))?\b"
        r"|\btight\s+crop\b|\btrim\s+(?:the\s+|all\s+)?(?:empty|transparent|extra)\s+(?:space|area"
        r"|edges|margins?)\b|\b(?:remove|cut\s+off)\s+(?:the\s+|all\s+)?(?:empty|transparent"
        r"|extra)\s+(?:space|area|edges|margins?)\b"
        r"|(?:裁剪|裁切|裁掉|裁|修剪|剪裁)(?:到|至|掉|成|出)?(?:紧贴)?(?:主体|边缘|商品|产品|人物"
        r"|多余)?(?:的)?(?:空白|透明区域|边缘|部分)?(?:大小)?|(?:去掉|去除|删除|切掉)(?:四周"
        r"|周围)?(?:多余|空白|透明)的?(?:空白|区域|部分|边)?|紧贴(?:主体|边缘)|切边|裁边",
        {"trim": True},
        negated={"trim": False},
    ),
    rule(
        r"\b(?:remove|clean(?:\s+up)?|delete|no|without)\s+(?:the\s+|any\s+|all\s+"
        r"|small\s+)*(?:specks?|spots|dust|noise|stray\s+(?:pixels|bits))\b|(?:去除|去掉|清除|清理|去"
        r"|消除)(?:小|零碎|多余的?)?(?:杂点|噪点|斑点|碎点|杂质|碎屑|杂边)",
        {"specks": 0.01},
    ),
    rule(
        r"\b(?:fill|close|patch)\s+(?:the\s+|any\s+|all\s+|small\s+)*(?:pin)?holes?\b|(?:填补|填充"
        r"|补上?|修补|填)(?:小)?(?:孔洞|小孔|空洞|漏洞|洞|孔)",
        {"holes": 0.01},
    ),
    rule(
        r"\b(?:remove\s+(?:the\s+)?|despill\s+(?:the\s+)?)?green[\s-]*(?:screen|spill|fringe|glow"
        r"|cast)(?:\s+(?:background|footage|shot))?\b|(?:去除?掉?)?绿(?:幕|边|光)(?:溢色|反光|背景"
        r"|拍摄)?|去绿",
        {"despill": "green"},
    ),
    rule(
        r"\b(?:remove\s+(?:the\s+)?|despill\s+(?:the\s+)?)?blue[\s-]*(?:screen|spill|fringe|glow"
        r"|cast)(?:\s+(?:background|footage|shot))?\b|(?:去除?掉?)?蓝(?:幕|边|光)(?:溢色|反光|背景"
        r"|拍摄)?|去蓝",
        {"despill": "blue"},
    ),
    rule(
        r"\bsecond\s+pass\b|\bdouble[\s-]check\b|\bmost\s+careful(?:ly)?\b|再(?:算|跑)一遍|两遍",
        {"second_pass": "always"},
        negated={"second_pass": "never"},
    ),
)
