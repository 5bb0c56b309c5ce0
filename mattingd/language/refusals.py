"""What no sentence may ask for: it destroys, sends, administers, or is no matting."""

import re
from typing import Literal

from mattingd.language.scan import NO

Ground = Literal["destroys", "sends", "administers", "retouches", "too_long"]

LONGEST = 600
"""Maximum number of characters of a sentence."""

_SAFE = re.compile(
    r"background|backdrop|\bbg\b|metadata|exif|gps|location|speck|hole|spill|shadow|fringe|noise"
    r"|dust|margin|border|profile|padding"
    r"|empty\s+space|transparent|背景|底色|元数据|阴影|投影|杂点|噪点|空白|白边|边距|绿|蓝幕|位置",
    re.IGNORECASE,
)
"""What may be removed from a picture, because settings do that."""
_OBJECT_EN = (
    r"(?:originals?(?!\s+(?:background|backdrop|colou?rs?|size|format|resolution|profile|metadata"
    r"|quality))|source\s+files?|(?:raw\s+)?files?|folders?"
    r"|director(?:y|ies)|disks?|drives?|journal|database|tables?|photos?|pictures?|images?"
    r"|everything|archives?|backups?|history|logs?|cut-?outs|results)"
)
_OBJECT_ZH = (
    r"(?:原图|原件|原片|原照|原始图片|原始照片|原始文件|原文件|源文件|文件夹?|目录|硬盘|磁盘"
    r"|数据库?|备份|日志|历史|一切|所有(?:东西|图|照片|图片|文件))"
)
_VERB_ZH = r"(?:删除|删掉|删了|删光|全删|清空|清除|销毁|覆盖|抹掉|移除|丢掉|粉碎|格式化|毁掉|替换掉?|扔掉)"

_VERB_EN = (
    r"(?:delet|remov|eras|destroy|wip|overwrit|replac|trash|purg|shred|empty|unlink|discard"
    r"|get\s+rid\s+of|throw\s+away)"
)

_DESTROYS = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"\b{_VERB_EN}\w*\b[^.;,!?\n]{{0,40}}?\b{_OBJECT_EN}\b",
        rf"{_VERB_ZH}[^,。;!?]{{0,10}}?(?:{_OBJECT_ZH}|(?:照片|图片|图像)(?=$|[,。;!?\s]))",
        rf"(?:{_OBJECT_ZH}|这些?张?(?:照片|图片))[^,。;!?]{{0,6}}?{_VERB_ZH}",
    )
)
_ALWAYS_DESTROYS = re.compile(
    r"\brm\s+-|\bsudo\b|\bmkfs|\bdd\s+if=|\bdel\s+/|\bformat\s+(?:[cd]:|(?:the|my)\s+(?:disk|drive"
    r"|hard))|\bshut\s?down\b|\breboot\b|\bdrop\s+(?:table|database)"
    r"|\bchmod\b|\bchown\b|\$\(|&&|\|\s*(?:sh|bash)\b|<\s*script|__import__|\b(?:eval|exec"
    r"|system)\s*\(|;\s*--|关机|重启(?:电脑|机器|系统)",
    re.IGNORECASE | re.ASCII,
)
_SENDS = re.compile(
    r"(?<!for )(?<!to be )\bupload(?:ed|ing)?\s+(?:it|them|this|these|those|the|my|our|everything"
    r"|all|to\b|pictures?|photos?|images?|results?)|(?<!for )(?<!an )\b(?:e-?)?mail\s+(?:it|them"
    r"|this|these|the|my|to|me|him|her)\b"
    r"|\bsend(?:ing)?\b(?!\s+(?:me|us)\b)|\bpublish\s+(?:it|them|this|these|on|to)\b|\btweet\b"
    r"|\bpost\s+(?:it|them|this|these|the|on|to)\b|\bshare\s+(?:it|them|this|these|with|on|to)\b"
    r"|\bftp\b|\bcurl\b|\bwget\b"
    r"|(?<!用于)(?<!适合)(?<!方便)(?<!供)(?<!为了)上传(?!用|要求|标准)|发送|发给(?!我)|发到|发邮件"
    r"|邮件给|寄给|分享到|分享给|传到|传给(?!我)|发布到|发朋友圈|发微信|推送",
    re.IGNORECASE | re.ASCII,
)
_ADMINISTERS = re.compile(
    r"\b(?:other|another|all|every|everyone'?s?|each)\s+(?:the\s+)?(?:hot\s+"
    r"|watched\s+)?folders?\b|\b(?:stop|restart|kill|pause|disable|resume)\s+(?:the\s+)?(?:daemon"
    r"|service|server|mattingd|worker)"
    r"|/etc/|\bpasswd\b|\bpasswords?\b|\bapi[\s_-]?key|\bsecrets?\b|\bconfig(?:uration)?(?:\.yaml"
    r"|\s+file)?\b|\bretention\b|\b(?:run|execute)\s+(?:the\s+|a\s+|this\s+)?(?:command|script"
    r"|code|program)"
    r"|\bignore\s+(?:(?:all|any|the|your|my|previous|prior|above|earlier|of)\s+)*(?:instructions?"
    r"|rules|prompts?|settings)\b|\bsystem\s+prompt\b|\byou\s+are\s+now\b|\bjailbreak"
    r"|(?:其他|其它|别的|所有|全部|每个)(?:监视|监控|热)?文件夹|配置文件|停止(?:服务|守护|程序"
    r"|后台)|重启(?:服务|守护|程序|后台)|密码|密钥|(?:忽略|无视)[^,。]{0,8}(?:指令|规则|提示|要求"
    r"|设置)|系统提示|执行[^,。]{0,4}(?:命令|脚本|代码)",
    re.IGNORECASE | re.ASCII,
)
_RETOUCHES = re.compile(
    r"\b(?:wrinkles?|pimples?|acne|blemish(?:es)?|freckles?|face\s*-?swaps?|slim(?:mer|ming)?"
    r"|thinner|skinn(?:y|ier)|younger|lipstick|make-?up|beautif\w+|retouch\w*|smil\w+|whiten\w*"
    r"|hairstyle|haircut|watermarks?|tattoos?"
    r"|upscal\w*|colou?ri[sz]e|relight\w*|brighten\w*|cartoon\w*|anime|instagram\s+filter|vintage)\b"
    r"|\b(?:change|swap|replace|alter|edit|modify|fix|reshape|remove|erase|delete|enlarge|open"
    r"|make)\s+(?:(?:the|my|her|his|their|its|this|all|person'?s?|of|woman'?s?|man'?s?|bigger)\s+)*"
    r"(?:faces?|head|eyes?|nose|lips|mouth|teeth|skin|ears?|chin|body|legs?|clothes|clothing|shirt"
    r"|suit|dress|tie|glasses|logo|text|expression|people|person|passers-?by|tourists?|beard|car"
    r"|sky)\b"
    r"|\bsmooth(?:en|er)?\s+(?:the\s+|her\s+|his\s+|my\s+)?skin\b|\bblur(?:red|ry"
    r"|ring)?\s+(?:the\s+)?(?:background|backdrop)\b|\b(?:background|backdrop)\s+blur(?:red)?\b"
    r"|\b(?:increase|more|raise)\s+(?:the\s+)?(?:contrast|brightness|saturation)\b"
    r"|皱纹|美颜|磨皮|瘦脸|瘦身|祛痘|去痘|祛斑|去斑|换脸|化妆|美白|换发型|换装|大眼|整容|微笑"
    r"|变年轻|年轻点|变瘦|瘦一点|长腿|水印|换头|改脸|修脸|五官|表情|修图|滤镜|卡通|动漫|上色|超分"
    r"|锐化|调色|调亮|提亮|亮度|对比度|饱和度|双下巴|黑眼圈"
    r"|(?:删除|去掉|去除|移除|抹去|P掉|擦掉)[^,。]{0,6}(?:路人|行人|人物|文字|logo|眼镜|痣|胡子"
    r"|人$|的人)|(?:衣服|裙子|上衣|衬衫|头发|皮肤|嘴唇|眼睛|脸)[^,。]{0,4}(?:换|改|变|染|放大|缩小)"
    r"|换[^,。]{0,4}(?:衣服|西装|正装|脸|发型)|(?:背景)(?:虚化|模糊)|(?:虚化|模糊)(?:一下)?背景",
    re.IGNORECASE | re.ASCII,
)

_DEEDS = re.compile(
    r"retouch\w*|upscal\w*|beautif\w+|slim(?:mer|ming)?|whiten\w*|brighten\w*|relight\w*|colou?ri[sz]e"
    r"|smooth.*|blur.*|change.*|swap.*|replace.*|alter.*|edit.*|modify.*"
    r"|美颜|磨皮|瘦脸|瘦身|美白|修图|滤镜|锐化|调色|调亮|提亮|上色|超分|换脸|换装|化妆|修脸|改脸|(?:虚化|模糊).*",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
"""Actions that a sentence may forbid: `don't upscale` and `不要磨皮` are no reason to refuse."""


def why_refused(whole: str, text: str) -> Ground | None:
    """Return why a sentence is refused; None if it is not.

    Args:
        whole: the sentence, normalised.
        text: the same without file names, which may contain any word.
    """
    if len(whole) > LONGEST:
        return "too_long"
    if _ALWAYS_DESTROYS.search(whole):
        return "destroys"
    if any(not _is_denied(found, text) for found in _RETOUCHES.finditer(text)):
        return "retouches"
    if any(not _SAFE.search(found[0]) for pattern in _DESTROYS for found in pattern.finditer(text)):
        return "destroys"
    if _ADMINISTERS.search(text):
        return "administers"
    return "sends" if _SENDS.search(text) else None


def _is_denied(found: re.Match[str], text: str) -> bool:
    """Return whether an action is named only to forbid it."""
    return bool(_DEEDS.fullmatch(found[0])) and NO.search(text[: found.start()]) is not None
