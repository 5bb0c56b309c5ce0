"""Words without meaning for settings, and what a sentence says besides them."""

import re

_EN = """
please can could would will shall should must may might you i i'd i'll i'm we we'd us want wants wanted
need needs like likes make makes made making turn turned convert converted change changed set give me it
its it's this these that those the a an my our your their his her photo photos picture pictures image
images pic pics photograph photographs portrait portraits subject to into in on with and of for as at by
from be is are am use using used have has had having get got put add apply save saved export exported
output outputs format formats size sized sizes background backgrounds thanks thank thx hi hello hey just
also then too so all each every them one ones result results final version versions some very really
nice good pixel pixels px let let's do does done kind standard official exactly about around
approximately plus well here now ok okay shot shots only same new there help resize resized scale scaled
canvas colour color colours colored coloured file files send bit little replace replaced swap behind
against instead but & + go take process create produce generate prepare up print printed printing web
website email e-mail out if possible any both which when while instagram facebook linkedin tiktok pinterest
should've i'd quality upload uploading
application clean proper simple plain solid style type person people man woman
"""
_ZH = """
麻烦 请帮我 请 帮我 帮忙 帮 我们 我 你 您 把 将 对 这一张 这张 这些 这个 这组
这几张 那张 一张 几张 张 照片 图片 相片 图像 图 相 照 片 人像 主体 的 了 成 为
换成 换 换上 改成 改为 改 变成 变 做成 做一张 做 转成 转为 转换成 转换 转 弄成 弄
生成 输出 导出 保存为 保存 存为 存成 存 要求 要 需要 想要 想 用于 用 使用 采用 并且
并 和 与 以及 及 还有 还要 还 同时 然后 再 也 都 就行 就好 就 一下 一个 一份 份
给我 给 设为 设置为 设置 设成 设 调整为 调整到 调整 调成 调 到 在 上传用 上传 上 下
是 有 加上 加个 加 带有 带 格式 尺寸 规格 大小 文件 标准 背景 底色 底 谢谢 可以
能不能 能 吗 吧 呢 啊 好的 好 所有 全部 全都 每张 统一 处理 制作 那种 那样 左右
大概 大约 约 让 以 按照 按 适合 效果 版本 版 里面 里 中 内 比例 颜色 色 放 放在
其 它 打印 冲印 印刷 网页 网站 个 由 从 才 应该 应 必须 一律 直接 只 仅 只要 而
来 去 分 为主 画布 画面 后 最后 最终 结果 帮我们 拍 拍的 替 点 些 系统 报名 一点
一些 干净 顺便 批量 电子版 抖音 小红书 速卖通 拼多多 封面 模特
"""


def _any_of(words: str) -> str:
    return "|".join(map(re.escape, sorted(words.split(), key=len, reverse=True)))


_FILLER = re.compile(
    rf"(?:{_any_of(_ZH)}|(?<![a-z0-9])(?:{_any_of(_EN)})(?![a-z0-9'])|[^\w]|_)",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[\0,;.!?。、:()\[\]\n]+")


def left_over(text: str) -> list[str]:
    """Return the parts of ``text`` that were not understood; a NUL replaces what was."""
    return [
        piece for part in _BREAK.split(text) if (piece := part.strip(" \"'“”-")) and _FILLER.sub("", piece)
    ]
