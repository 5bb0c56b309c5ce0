"""What file comes out: format, size in bytes, quality, resolution, colours and metadata."""

import re

from mattingd.language.rules import UNCLEAR, Rule, Wishes, rule
from mattingd.language.size_phrases import NUMBER

_FORMATS = {"jpg": "jpeg", "jpe": "jpeg", "tif": "tiff", "jpegxl": "jxl"}
_LIMIT_EN = (
    r"\b(?:(?:must|should|to)\s+be\s+|keep\s+(?:it|them|the\s+file)?\s*|file\s*size\s*)*(?:under"
    r"|below|less\s+than|smaller\s+than|no\s+more\s+than"
    r"|not\s+(?:more|larger|bigger)\s+than|no\s+(?:larger|bigger)\s+than|at\s+most|max(?:imum|imal"
    r"|\.)?(?:\s+file)?(?:\s+size)?(?:\s+of)?|up\s+to|within|limit(?:ed)?(?:\s+to)?"
    r"|compress(?:ed)?\s+(?:it\s+)?to)"
)
_LIMIT_ZH = (
    r"(?:文件|图片)?(?:大小|体积)?(?:要|必须|请)?(?:控制|限制|压缩|保持|压)?(?:在|到)?(?:不超过"
    r"|不要超过|不能超过|别超过|不得超过|不大于|不高于|小于|低于|少于|最大|最多|上限|以内|控制在"
    r"|限制在|压缩到|压到|压缩至)"
)
_UNIT = r"(?P<unit>kb|kib|kilobytes?|k|千字节|mb|mib|megabytes?|m|兆)(?![a-z])"
_CLEAR_UNIT = r"(?P<unit>kb|kib|kilobytes?|千字节|mb|mib|megabytes?|兆)(?![a-z])"
_OR_LESS = r"\s*(?:以内|以下|之内|or\s+(?:less|smaller)|max(?:imum)?\b|at\s+most\b|limit\b)"


def _kilobytes(found: re.Match[str]) -> Wishes:
    million = found["unit"].lower().startswith(("m", "兆"))
    return {"max_kb": int(float(found["size"]) * (1000 if million else 1))}


def _format(found: re.Match[str]) -> Wishes:
    name = re.sub(r"[\s-]", "", found["format"].lower())
    return {"format": _FORMATS.get(name, name)}


_SAVED = (
    r"(?:(?:\b(?:save|export|output|write|deliver)(?:d|ed)?\s+)?(?:(?:it|this|them"
    r"|the\s+result)\s+)?\b(?:as|to|in|into)\s+(?:an?\s+)?)?"
)
_SAVED_ZH = r"(?:(?:保存|存|导出|输出|转换?)(?:为|成)?|(?:文件)?格式\s*(?:为|是|[:=])?)?"

RULES: tuple[Rule, ...] = (
    rule(
        rf"(?:\b(?:between|from)\s+|文件?大小?在|大小在|在)?(?P<low>{NUMBER})\s*(?:kb|k|mb|m)?\s*(?:-"
        rf"|~|到|至|and|to)\s*(?P<size>{NUMBER})\s*{_UNIT}(?:之间)?",
        lambda found: {**_kilobytes(found), UNCLEAR: "smallest_file"},
    ),
    rule(
        rf"(?:{_LIMIT_EN}|{_LIMIT_ZH}"
        rf"|[<≤]=?)\s*(?P<size>{NUMBER})\s*{_UNIT}(?:{_OR_LESS})?(?:\s*file\s*size\b)?",
        _kilobytes,
    ),
    rule(rf"(?P<size>{NUMBER})\s*{_UNIT}{_OR_LESS}(?:\s*file\s*size\b)?", _kilobytes),
    rule(
        rf"(?:\b(?:at\s+least|more\s+than|over|above|min(?:imum)?(?:\s+of)?)|至少|不小于|不低于|大于"
        rf"|不少于|超过(?<!不超过))\s*{NUMBER}\s*{_UNIT}"
        rf"|{NUMBER}\s*{_UNIT[:3]}{_UNIT[3:].replace('unit', 'unit2')}\s*以上",
        {UNCLEAR: "smallest_file"},
    ),
    rule(rf"(?:文件)?(?:大小|体积)?(?P<size>{NUMBER})\s*{_CLEAR_UNIT}", _kilobytes),
    rule(
        r"\b(?:jpe?g|webp|avif)?\s*quality\s*(?:of|[:=]|at|to|is)?\s*(?P<n>\d{1,6})\s*%?"
        r"|(?P<m>\d{1,6})\s*%?\s*(?:jpe?g\s+)?quality\b"
        r"|(?:图片|压缩)?(?:质量|画质|品质)\s*(?:为|是|[:=]|设为|到)?\s*(?P<k>\d{1,6})\s*%?",
        lambda found: {"quality": int(found["n"] or found["m"] or found["k"])},
    ),
    rule(
        r"\b(?:highest|best|max(?:imum)?|top)\s+(?:possible\s+)?quality\b|(?:最高|最好的?|最佳)(?:画质"
        r"|质量|品质)",
        {"good": 100},
    ),
    rule(r"\b(?:in\s+)?(?:high|good|great)[\s-]+quality\b|高(?:画质|质量|品质|清)", {"good": 95}),
    rule(r"\blossless(?:ly)?\b|无损(?:压缩|格式)?", {"lossless": True}),
    rule(
        r"(?:\b(?:at|with|in|resolution)\s+(?:of\s+)?|分辨率\s*(?:为|是"
        r"|[:=])?\s*)?(?P<n>\d{1,6})\s*(?:dpi|ppi|dots\s+per\s+inch|像素/英寸|像素每英寸)"
        r"|\bdpi\s*(?:of|[:=]|to)?\s*(?P<m>\d{1,6})|分辨率\s*(?:为|是"
        r"|[:=])?\s*(?P<k>\d{2,6})(?!\s*(?:px|像素|[x×*]))",
        lambda found: {"dpi": int(found["n"] or found["m"] or found["k"])},
    ),
    rule(
        rf"{_SAVED}{_SAVED_ZH}\s*\.?(?P<format>jpeg[\s-]?xl|jxl)(?![a-z0-9])\s*(?:格式|图片?|文件"
        rf"|\b(?:files?|format|images?|pictures?)\b)?",
        _format,
    ),
    rule(
        rf"{_SAVED}{_SAVED_ZH}\s*(?<![a-z0-9])\.?(?P<format>png|jpe?g|jpe|webp|tiff?"
        rf"|avif)(?![a-z0-9])\s*(?:格式|图片?|文件|\b(?:files?|format|images?|pictures?)\b)?",
        _format,
    ),
    rule(
        rf"{_SAVED}{_SAVED_ZH}\s*(?<![a-z0-9])\.?(?:gif|bmp|pdf|svg|psd|heic|heif|eps|ico|raw|dng"
        rf"|mp4)(?![a-z0-9])\s*(?:格式|图片?|文件|\b(?:files?|format)\b)?",
        {UNCLEAR: "other_format"},
    ),
    rule(
        r"\b(?:16|sixteen)[\s-]*bits?(?:\s*(?:per|a|/)\s*channel|\s+depth|\s+colou?r)?\b"
        r"|16\s*位(?:深度?|色深?|通道)?",
        {"bits": 16},
    ),
    rule(
        r"\b(?:8|eight)[\s-]*bits?(?:\s*(?:per|a|/)\s*channel|\s+depth|\s+colou?r)?\b|8\s*位(?:深度?"
        r"|色深?|通道)?",
        {"bits": 8},
    ),
    rule(
        r"(?:\b(?:convert|converted)\s+)?(?:\b(?:to|in|as)\s+)?\bs-?rgb\b(?:\s*(?:colou?rs?|profile"
        r"|colou?r\s+space))?(?:色彩空间|颜色|配置文件|色域)?",
        {"colour": "srgb"},
    ),
    rule(
        r"\bkeep\s+(?:the\s+|its\s+)?(?:original\s+)?(?:colou?rs?(?:\s+profile)?|icc(?:\s+profile)?"
        r"|profile)\b|保留(?:原始?|原来的?)?(?:色彩|颜色|icc|色彩配置|颜色配置)(?:文件|空间)?",
        {"colour": "keep"},
    ),
    rule(
        r"\b(?:keep|preserve|retain)\s+(?:all\s+(?:of\s+)?(?:the\s+)?|the\s+complete\s+"
        r"|every\s+)(?:metadata|exif(?:\s+data)?)\b"
        r"|\b(?:keep|preserve|retain)\s+(?:the\s+)?(?:metadata|exif)(?:\s+data)?\s*,?\s*(?:including"
        r"|with|and)\s+(?:the\s+)?(?:gps|location)(?:\s+data)?\b"
        r"|\b(?:keep|preserve|retain)\s+(?:the\s+)?(?:gps|location)(?:\s+data)?\b"
        r"|保留(?:全部|所有|完整)的?(?:元数据|exif)(?:信息|数据)?(?:(?:包括|含|连同)(?:gps|位置"
        r"|定位)(?:信息)?)?|保留(?:元数据|exif)?(?:信息)?(?:和|及|、|,)?(?:gps|位置|定位)(?:信息)?",
        {"metadata": "all"},
    ),
    rule(
        r"\b(?:keep|preserve|retain)\s+(?:the\s+|its\s+)?(?:metadata|exif(?:\s+data)?"
        r"|copyright(?:\s+data)?)\b|保留(?:照片的?|图片的?)?(?:元数据|exif|拍摄信息|版权)(?:信息|数据)?",
        {"metadata": "keep"},
    ),
    rule(
        r"\b(?:strip|remove|delete|clear|drop|erase|no|without)\s+(?:all\s+|any\s+|the\s+"
        r"|its\s+)*(?:metadata|exif(?:\s+data)?|gps(?:\s+data)?|location(?:\s+data)?)\b(?:\s+(?:of"
        r"|from|in)\b)?"
        r"|(?:去掉|去除|删除|清除|移除|抹掉|不要|不保留|不带)(?:照片|图片)?(?:里|中)?的?(?:所有"
        r"|全部)?的?(?:元数据|exif|gps|位置|定位|拍摄信息)(?:信息|数据)?",
        {"metadata": "strip"},
    ),
)
