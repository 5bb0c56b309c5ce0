"""Writes Chinese numbers as digits where they count something: `两百KB` -> `200KB`, but not `一寸`."""

import re
import unicodedata

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_POWERS = {"十": 10, "百": 100, "千": 1000}
_MYRIAD = 10_000
_RUN = "[零〇一二两三四五六七八九十百千万]+(?:点[零〇一二三四五六七八九]+)?"
_UNITS = r"(?:像素|px|pixel|kb|k\b|mb|m\b|兆|dpi|ppi|毫米|mm|厘米|公分|cm|%|英寸|位(?!数)|比|乘|x|×|:)"
_BEFORE = (
    r"(?:质量|画质|品质|阈值|羽化|分辨率|乘以?|比|[x×:]|至少|不超过|小于|低于|边长|宽度?|高度?|边距|留白)"
)
_SPACES = re.compile(r"[^\S\n]+")
_PERCENT = re.compile(rf"百分之\s*({_RUN}|\d+(?:\.\d+)?)")
_TENTHS = re.compile(r"([一二两三四五六七八九]|\d)\s*成(半)?(?![为功品])")
_RATIO = re.compile(rf"({_RUN})\s*比\s*({_RUN})")
_COUNTED = re.compile(rf"(?<![零〇一二两三四五六七八九十百千万])({_RUN})(?=\s*{_UNITS})", re.IGNORECASE)
_AFTER = re.compile(rf"({_BEFORE}\s*)({_RUN})", re.IGNORECASE)
_LARGE = re.compile(r"[一二两三四五六七八九][百千](?:[零〇一二两三四五六七八九十百千]*)")


def in_digits(text: str) -> str:
    """Return ``text`` with full-width characters as plain ones and Chinese numbers as digits."""
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", text))
    text = _PERCENT.sub(lambda found: f"{_digits(found[1])}%", text)
    text = _TENTHS.sub(lambda found: f"{_digits(found[1])}{'5' if found[2] else '0'}%", text)
    text = _RATIO.sub(lambda found: f"{_digits(found[1])}:{_digits(found[2])}", text)
    text = _COUNTED.sub(lambda found: _digits(found[1]), text)
    text = _AFTER.sub(lambda found: found[1] + _digits(found[2]), text)
    return _LARGE.sub(lambda found: _digits(found[0]), text)


def _digits(text: str) -> str:
    """Return a number in digits; unchanged if it is no number."""
    whole, point, rest = text.partition("点")
    value = _value(whole)
    if value is None:
        return text
    return f"{value}.{''.join(str(_DIGITS[char]) for char in rest)}" if point else str(value)


def _value(text: str) -> int | None:
    """Return `一千零五十` as 1050, `两百五` as 250, `三五` as 35; None if it is no number."""
    if all(char in _DIGITS for char in text):
        return int("".join(str(_DIGITS[char]) for char in text))
    if not (text[0] in _DIGITS or text[0] == "十") or text.count("万") > 1:
        return None
    total, section, digit, power = 0, 0, 0, 1
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
            power = 10 if char in "零〇" else power
        elif char == "万":
            total, section, digit, power = (section + digit) * _MYRIAD, 0, 0, _MYRIAD
        else:
            power = _POWERS[char]
            section += (digit or 1) * power
            digit = 0
    return total + section + digit * (power // 10 if power >= _POWERS["百"] and text[-2] not in "零〇" else 1)
