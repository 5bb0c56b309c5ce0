"""Presets, settings, reasons and refusals in words, Chinese and English, for the user to confirm."""

import json
import re
from collections.abc import Mapping
from typing import Any

from mattingd.domain.presets import Preset
from mattingd.language.refusals import LONGEST
from mattingd.language.understood import Tongue

Words = Mapping[str, tuple[str, str]]
"""A key -> its Chinese and its English words."""

SETTINGS: Words = {
    "model": ("模型：{}", "model: {}"),
    "second_pass": ("模型第二遍：{}", "second run of the model: {}"),
    "threshold": ("透明度阈值 {}（0 到 254）", "alpha threshold {} (of 254)"),
    "threshold_mode": ("阈值方式：{}", "threshold mode: {}"),
    "erode": ("边缘向内收缩 {} 像素（按长边 1024 计）", "edge moved inwards by {} px (of 1024)"),
    "feather": ("边缘羽化 {} 像素（按长边 1024 计）", "edge feathered by {} px (of 1024)"),
    "specks": ("去除小于主体 {%} 的杂点", "specks below {%} of the subject removed"),
    "holes": ("填补小于主体 {%} 的小孔", "holes below {%} of the subject filled"),
    "despill": ("去除幕布反光：{}", "colour spill removed: {}"),
    "content": ("输出内容：{}", "content: {}"),
    "background": ("背景：{}", "background: {}"),
    "background_anchor": ("背景图保留的一边：{}", "side of the background that is kept: {}"),
    "shadow": ("阴影强度 {%}", "shadow of {%}"),
    "shadow_blur": ("阴影柔和度 {} 像素", "shadow softness {} px"),
    "shadow_x": ("阴影右移 {} 像素", "shadow {} px to the right"),
    "shadow_y": ("阴影下移 {} 像素", "shadow {} px down"),
    "trim": ("裁剪到主体：{}", "cropped to the subject: {}"),
    "canvas": ("画布：{}", "canvas: {}"),
    "fill": ("主体占画布 {%}", "subject takes {%} of the canvas"),
    "anchor": ("主体位置：{}", "position of the subject: {}"),
    "min_side": ("长边至少 {} 像素", "long side of at least {} px"),
    "dpi": ("分辨率 {} dpi", "{} dpi"),
    "max_kb": ("文件不超过 {} KB", "file of at most {} kB"),
    "format": ("格式：{}", "format: {}"),
    "quality": ("质量 {}", "quality {}"),
    "bits": ("每通道位数：{}", "bits per channel: {}"),
    "compression": ("TIFF 压缩：{}", "TIFF compression: {}"),
    "matte_file": ("另存蒙版文件：{}", "separate matte file: {}"),
    "colour": ("颜色：{}", "colours: {}"),
    "metadata": ("元数据：{}", "metadata: {}"),
    "own_alpha": ("已有的透明通道：{}", "alpha of a picture that has one: {}"),
    "on_damage": ("图片损坏时：{}", "damaged pictures: {}"),
    "on_empty": ("找不到主体时：{}", "pictures without a subject: {}"),
}
"""`{}` is the value, `{%}` the value as a percentage."""

_VALUES: dict[str, Words] = {
    "content": {"matte": ("只有蒙版", "the matte only"), "cut-out": ("抠图结果", "the cut-out")},
    "background": {"null": ("透明", "transparent")},
    "metadata": {
        "keep": ("保留（位置信息除外）", "kept, without the location"),
        "all": ("全部保留，包括位置信息", "kept, with the location"),
        "strip": ("去除", "removed"),
    },
    "colour": {"srgb": ("转换为 sRGB", "converted to sRGB"), "keep": ("保持原样", "as in the picture")},
    "despill": {"green": ("绿", "green"), "blue": ("蓝", "blue"), "none": ("无", "none")},
    "anchor": {
        "centre": ("居中", "centre"),
        "bottom": ("靠底边", "bottom"),
        "head": ("头肩（证件照）", "head and shoulders"),
    },
    "": {"true": ("是", "yes"), "false": ("否", "no"), "null": ("无", "none")},
}
_COLOURS: Words = {
    "#ffffff": ("白色", "white"),
    "#000000": ("黑色", "black"),
    "#438edb": ("证件照蓝", "ID-photo blue"),
    "#ff0000": ("红色", "red"),
    "#0000ff": ("蓝色", "blue"),
}
_PRESETS: Words = {
    "avatar": ("头像：柔和边缘，裁剪到主体，透明", "for a profile: soft edge, trimmed, transparent"),
    "complex": ("复杂背景：去杂点和残影，透明", "busy backgrounds: no haze, no specks, transparent"),
    "hair": ("头发和毛发：保留细丝，透明", "hair and fur: fine strands are kept, transparent"),
    "id-photo": ("证件照：头肩构图", "ID photo: head and shoulders"),
    "marketplace": (
        "电商主图：纯白方图，主体占 85%",
        "marketplace: pure white square, the subject takes 85 %",
    ),
    "mask-only": ("只输出蒙版", "the matte alone"),
    "product": ("商品：边缘干净，无杂点，透明", "products: clean edge, no specks, transparent"),
    "transparent": ("抠图，透明背景", "cut-out as the model made it, transparent"),
}
_OWN = ("团队自己的预设", "the team's own")

REASONS: Words = {
    "": ("", ""),
    "contradiction": ("互相矛盾，请只选一个", "contradicts another part: choose one"),
    "negated": ("只知道不要什么，请说要什么", "say what you want instead"),
    "file": ("文件不在句子里指定", "files are chosen beside the sentence, not in it"),
    "gradient": ("背景只能是一种颜色或透明", "the background is one colour or transparent"),
    "keeps_ground": ("背景总是会被去掉或替换", "the background is always removed or replaced"),
    "own_shadow": (
        "原图的阴影会随背景一起去掉，需要时请说“加柔和的阴影”",
        "the picture's own shadow goes with its background: ask for a soft shadow instead",
    ),
    "one_side": (
        "请给出宽和高，例如 800x600 或 1000 像素正方形",
        "say width and height, such as 800x600 or 1000 px square",
    ),
    "largest_side": ("没有这项设置，请给出宽和高", "there is no such setting: say width and height"),
    "no_canvas": ("还需要画布尺寸，例如 1000x1000", "needs a canvas, such as 1000x1000"),
    "smallest_file": ("文件大小只有上限", "a file size has only an upper limit"),
    "other_format": (
        "只能输出 png、webp、tiff、jpeg、avif、jxl",
        "written are png, webp, tiff, jpeg, avif and jxl",
    ),
    "jpeg_opaque": ("JPEG 不能透明", "JPEG has no transparency"),
    "one_size": ("只有 jpeg、webp、avif 能限制大小", "only jpeg, webp and avif can be made smaller"),
    "eight_bits": ("只有 png 和 tiff 支持 16 位", "only png and tiff have 16 bits"),
    "no_quality": ("png 和 tiff 是无损的", "png and tiff are lossless"),
    "lossy": ("这种格式不是无损的", "this format is not lossless"),
    "range": ("超出允许的范围", "out of range"),
    "by_model": ("语言模型没有理解", "the language model did not understand this"),
}
"""Why a part of a sentence is impossible; the empty code is for parts that were not understood."""

REFUSALS: Words = {
    "destroys": (
        "不删除、不覆盖任何文件，也不执行命令：这里只能说抠图结果的样子。",
        "Nothing is deleted, overwritten or run here: say only what the cut-out should look like.",
    ),
    "sends": (
        "不上传、不发送图片：图片只留在这台机器上。请只说抠图结果的样子。",
        "No picture is uploaded or sent: they stay here. Say only what the cut-out should look like.",
    ),
    "administers": (
        "不能用一句话更改其他文件夹、配置或服务：请在配置文件里修改。",
        "A sentence does not change other folders, the configuration or the service: edit the file.",
    ),
    "retouches": (
        "只做抠图，不修改人物和画面内容（美颜、去皱纹、换衣服、虚化等）。",
        "Only the background is removed or replaced: faces, bodies and the picture itself are not retouched.",
    ),
    "too_long": (
        f"句子太长：最多 {LONGEST} 个字符。",
        f"The sentence is too long: at most {LONGEST} characters.",
    ),
}
"""Why a sentence is refused."""


def tongue_of(text: str) -> Tongue:
    """Return the language of a sentence: Chinese if it contains a Chinese character."""
    return "zh" if re.search("[\u3400-\u9fff]", text) else "en"


def in_words(preset: str, settings: Mapping[str, Any], tongue: Tongue) -> tuple[str, ...]:
    """Return the preset and each setting in words, in their order."""
    index = _index(tongue)
    purpose = _PRESETS.get(preset, _OWN)[index]
    first = f"预设 {preset}（{purpose}）" if tongue == "zh" else f"preset {preset} ({purpose})"
    return first, *(_setting(name, value, index) for name, value in settings.items())


def unclear(phrase: str, reason: str, tongue: Tongue) -> str:
    """Return a part of a sentence with the reason why it is impossible, if known."""
    why = REASONS[reason][_index(tongue)]
    if not why:
        return phrase
    return f"{phrase}（{why}）" if tongue == "zh" else f"{phrase} ({why})"


def refusal(ground: str, tongue: Tongue) -> str:
    """Return why a sentence is refused."""
    return REFUSALS[ground][_index(tongue)]


def _index(tongue: Tongue) -> int:
    return 0 if tongue == "zh" else 1


def _setting(name: str, value: Any, index: int) -> str:
    pattern = SETTINGS[name][index]
    if "{%}" in pattern and isinstance(value, int | float):
        return pattern.replace("{%}", f"{value * 100:g}%" if index == 0 else f"{value * 100:g} %")
    return pattern.replace("{%}", "{}").replace("{}", _value(name, value, index))


def _value(name: str, value: Any, index: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    known = _VALUES.get(name, {}).get(text) or _VALUES[""].get(text)
    if known:
        return known[index]
    if name == "background" and text in _COLOURS:
        return f"{_COLOURS[text][index]} {text}"
    return text


def wordless() -> set[str]:
    """Return the settings without words: no sentence can ask for them."""
    return set(Preset.__dataclass_fields__) - SETTINGS.keys()
