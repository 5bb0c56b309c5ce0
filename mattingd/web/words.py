"""The page's words in English and Chinese."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mattingd.words import Language, system_error

LANGUAGES = {"en": "English", "zh": "中文"}
UNITS = {"en": ("s", "min", "h", "days"), "zh": ("秒", "分钟", "小时", "天")}
"""Of durations: seconds, minutes, hours, days."""

WORDS: dict[str, dict[str, str]] = {
    "cut": {"en": "Cut out", "zh": "抠图"},
    "history": {"en": "History", "zh": "历史记录"},
    "now": {"en": "Now", "zh": "运行状态"},
    "api": {"en": "API", "zh": "接口"},
    "sign_out": {"en": "Sign out", "zh": "退出"},
    "language": {"en": "Language", "zh": "语言"},
    "drop_here": {"en": "Drop pictures here", "zh": "把图片拖到这里"},
    "drop_more": {
        "en": "or choose them, paste one, or take a photo. One picture opens at once; many become a batch.",
        "zh": "也可以选择文件、粘贴或拍照。一张图片会直接打开，多张图片会成为一个批次。",
    },
    "choose": {"en": "Choose pictures", "zh": "选择图片"},
    "choose_folder": {"en": "Choose a folder", "zh": "选择文件夹"},
    "take_photo": {"en": "Take a photo", "zh": "拍照"},
    "preset": {"en": "Preset", "zh": "预设"},
    "settings": {"en": "Settings", "zh": "参数"},
    "background": {"en": "Background", "zh": "背景"},
    "transparent": {"en": "Transparent", "zh": "透明"},
    "white": {"en": "White", "zh": "白色"},
    "blue": {"en": "Blue", "zh": "蓝色"},
    "red": {"en": "Red", "zh": "红色"},
    "grey": {"en": "Grey", "zh": "灰色"},
    "colour_of_own": {"en": "Another colour", "zh": "其他颜色"},
    "picture_of_own": {"en": "A picture", "zh": "背景图片"},
    "choose_backdrop": {"en": "Choose a background picture", "zh": "选择背景图片"},
    "format": {"en": "Format", "zh": "格式"},
    "as_preset": {"en": "As the preset", "zh": "同预设"},
    "threshold": {"en": "Alpha threshold", "zh": "透明度阈值"},
    "feather": {"en": "Feather, pixels", "zh": "羽化（像素）"},
    "erode": {"en": "Erosion, pixels", "zh": "腐蚀（像素）"},
    "canvas": {"en": "Canvas", "zh": "画布"},
    "canvas_hint": {"en": "1000x1000, 35x45mm, A4 or 1:1", "zh": "1000x1000、35x45mm、A4 或 1:1"},
    "max_kb": {"en": "At most, KB", "zh": "最大（KB）"},
    "words_title": {"en": "Or say it", "zh": "或用一句话说明"},
    "words_hint": {
        "en": "white background, 1000 px square, under 200 KB",
        "zh": "把这张照片换成蓝底证件照",
    },
    "words_ask": {"en": "Understand", "zh": "理解"},
    "words_use": {"en": "Use these settings", "zh": "使用这些参数"},
    "words_is": {"en": "Understood:", "zh": "理解为："},
    "words_not": {"en": "Not understood:", "zh": "未能理解："},
    "uploading": {"en": "Uploading", "zh": "正在上传"},
    "waiting": {"en": "Waiting", "zh": "等待中"},
    "working": {"en": "In progress", "zh": "处理中"},
    "done": {"en": "Done", "zh": "完成"},
    "failed": {"en": "Failed", "zh": "失败"},
    "gone": {"en": "Removed", "zh": "已移除"},
    "stage_queued": {"en": "queued", "zh": "排队中"},
    "stage_settling": {"en": "being copied", "zh": "正在复制"},
    "stage_reading": {"en": "being read", "zh": "正在读取"},
    "stage_ready": {"en": "waits for the model", "zh": "等待模型"},
    "stage_inferring": {"en": "being cut out", "zh": "模型处理中"},
    "stage_matted": {"en": "waits to be finished", "zh": "等待后期处理"},
    "stage_finishing": {"en": "being finished", "zh": "正在后期处理"},
    "stage_prepared": {"en": "being published", "zh": "正在发布"},
    "stage_held": {"en": "waits for another try", "zh": "等待重试"},
    "engine_ready": {"en": "ready", "zh": "就绪"},
    "engine_asleep": {"en": "asleep until needed", "zh": "休眠中，需要时启动"},
    "engine_starting": {"en": "starting", "zh": "正在启动"},
    "engine_restarting": {"en": "restarting", "zh": "正在重新启动"},
    "any_state": {"en": "Any state", "zh": "所有状态"},
    "any_folder": {"en": "Any folder", "zh": "所有文件夹"},
    "needs_look": {"en": "Needs checking", "zh": "需要检查"},
    "only_needs_look": {"en": "Only what needs checking", "zh": "只看需要检查的"},
    "search": {"en": "Search", "zh": "搜索"},
    "search_names": {"en": "File name", "zh": "文件名"},
    "view": {"en": "View", "zh": "视图"},
    "as_grid": {"en": "As a grid", "zh": "网格"},
    "as_table": {"en": "As a table", "zh": "表格"},
    "ended": {"en": "Finished", "zh": "完成时间"},
    "show": {"en": "Show", "zh": "显示"},
    "more": {"en": "More", "zh": "更多"},
    "nothing": {"en": "Nothing here yet.", "zh": "这里还没有内容。"},
    "pictures": {"en": "pictures", "zh": "张图片"},
    "result": {"en": "Result", "zh": "结果"},
    "matte": {"en": "Matte", "zh": "蒙版"},
    "original": {"en": "Original", "zh": "原图"},
    "compare": {"en": "Compare", "zh": "对比"},
    "compare_at": {"en": "How much of the original is shown", "zh": "原图显示比例"},
    "touch_up": {"en": "Touch up", "zh": "修补"},
    "fit": {"en": "Fit", "zh": "适合窗口"},
    "full_size": {"en": "100 %", "zh": "100 %"},
    "keep_brush": {"en": "Keep", "zh": "保留"},
    "drop_brush": {"en": "Remove", "zh": "去除"},
    "brush_size": {"en": "Brush size", "zh": "画笔大小"},
    "undo": {"en": "Undo", "zh": "撤销"},
    "apply": {"en": "Apply", "zh": "应用"},
    "download": {"en": "Download", "zh": "下载"},
    "download_all": {"en": "Download all (ZIP)", "zh": "全部下载（ZIP）"},
    "copy": {"en": "Copy picture", "zh": "复制图片"},
    "copied": {"en": "Copied", "zh": "已复制"},
    "make_again": {"en": "Make it again", "zh": "重新生成"},
    "looks_good": {"en": "Looks good", "zh": "没有问题"},
    "retry_all": {"en": "Try all failed again", "zh": "重试所有失败的图片"},
    "a_second": {"en": "per second", "zh": "张/秒"},
    "retry": {"en": "Try again", "zh": "重试"},
    "confidence": {"en": "Confidence", "zh": "置信度"},
    "located": {"en": "Where it is", "zh": "文件位置"},
    "next_one": {"en": "Next one to check", "zh": "下一张待检查"},
    "keys_hint": {
        "en": "Keys: G looks good, T touch up, R make again, N next.",
        "zh": "快捷键：G 没有问题，T 修补，R 重新生成，N 下一张。",
    },
    "batch": {"en": "Batch", "zh": "批次"},
    "of": {"en": "of", "zh": "/"},
    "left": {"en": "left", "zh": "剩余"},
    "rate": {"en": "Pictures per second", "zh": "每秒图片数"},
    "eta": {"en": "Ready in", "zh": "预计剩余时间"},
    "engine": {"en": "Engine", "zh": "推理引擎"},
    "model": {"en": "Model", "zh": "模型"},
    "models": {"en": "Models", "zh": "模型"},
    "device": {"en": "Device", "zh": "设备"},
    "precision": {"en": "Precision", "zh": "精度"},
    "use": {"en": "Use", "zh": "启用"},
    "shipped": {"en": "comes with mattingd", "zh": "随程序提供"},
    "in_use": {"en": "in use", "zh": "使用中"},
    "more_models": {"en": "More models", "zh": "更多模型"},
    "get": {"en": "Get", "zh": "获取"},
    "fetching": {"en": "being fetched", "zh": "正在下载"},
    "installed": {"en": "installed", "zh": "已安装"},
    "licence": {"en": "licence", "zh": "许可证"},
    "licence_agreed": {"en": "I agree to its licence", "zh": "我同意其许可证"},
    "memory": {"en": "memory", "zh": "内存"},
    "does_not_fit": {"en": "does not fit here", "zh": "本机内存不足"},
    "roll_back": {"en": "Back to the previous model", "zh": "回退到上一个模型"},
    "folders": {"en": "Hot folders", "zh": "投放文件夹"},
    "folder": {"en": "Folder", "zh": "文件夹"},
    "state": {"en": "State", "zh": "状态"},
    "watched": {"en": "watched", "zh": "监控中"},
    "waits_for": {"en": "stays and waits for", "zh": "未移走，还在等"},
    "from": {"en": "waits for its hours, from", "zh": "等待工作时间，开始于"},
    "paused": {"en": "paused", "zh": "已暂停"},
    "pause": {"en": "Pause", "zh": "暂停"},
    "resume": {"en": "Resume", "zh": "继续"},
    "rescan": {"en": "Scan now", "zh": "立即扫描"},
    "queued": {"en": "Queued", "zh": "排队"},
    "settling": {"en": "Still being copied", "zh": "正在复制"},
    "in_work": {"en": "In progress now", "zh": "正在处理"},
    "doctor": {"en": "Check the set-up", "zh": "检查安装"},
    "doctor_run": {"en": "Run the check", "zh": "开始检查"},
    "retention": {"en": "What will be removed", "zh": "将被清理的文件"},
    "retention_run": {"en": "Show the plan", "zh": "显示清理计划"},
    "log": {"en": "Log", "zh": "日志"},
    "log_problems": {"en": "Only warnings and errors", "zh": "只看警告和错误"},
    "log_empty": {"en": "No line yet.", "zh": "暂无日志。"},
    "all_sound": {"en": "Nothing needs to be done.", "zh": "一切正常，无需处理。"},
    "sound_parts": {"en": "What is fine, or good to know", "zh": "正常和供参考的项目"},
    "level_ok": {"en": "fine", "zh": "正常"},
    "level_note": {"en": "note", "zh": "提示"},
    "level_warning": {"en": "warning", "zh": "警告"},
    "level_problem": {"en": "problem", "zh": "问题"},
    "would_remove": {"en": "Will be removed", "zh": "将被删除"},
    "would_trash": {"en": "will go to the trash", "zh": "移入回收站"},
    "would_leave": {"en": "will be left alone", "zh": "保留不动"},
    "daemon_away": {
        "en": "The daemon does not run. What was uploaded waits for it.",
        "zh": "后台程序没有运行。已上传的图片会等待它启动。",
    },
    "password": {"en": "Password", "zh": "密码"},
    "sign_in": {"en": "Sign in", "zh": "登录"},
    "wrong_password": {"en": "That is not the password.", "zh": "密码不正确。"},
    "too_often": {"en": "Too many tries; wait a minute.", "zh": "尝试次数过多，请稍等一分钟。"},
    "output_folder": {"en": "Output folder", "zh": "输出文件夹"},
    "no_space": {"en": "The output disk has no room", "zh": "输出磁盘空间不足"},
    "skip": {"en": "Skip to the content", "zh": "跳到正文"},
    "error": {"en": "That did not work", "zh": "操作未成功"},
    "strokes_hint": {
        "en": "Paint roughly: green is kept, red is removed. Then apply.",
        "zh": "大致涂抹即可：绿色保留，红色去除，然后点击应用。",
    },
}
"""Every text of the page, by its name."""

PROBLEMS: dict[str, dict[str, str]] = {
    "too_large": {
        "en": "a picture may have {mb} MB at most; see web.max_upload_mb",
        "zh": "单张图片不能超过 {mb} MB（web.max_upload_mb）",
    },
    "too_much": {
        "en": "that is more than {mb} MB at once; send fewer pictures",
        "zh": "一次上传超过了 {mb} MB，请减少图片数量",
    },
    "too_often": {
        "en": "too many pictures in a minute; go on in a moment",
        "zh": "一分钟内上传的图片过多，请稍后再试",
    },
    "too_slow": {
        "en": "it came too slowly, or stopped coming; send it again",
        "zh": "数据传输过慢或已中断，请重新上传",
    },
    "is_empty": {"en": "{name} is empty", "zh": "{name} 是空文件"},
    "no_space": {"en": "it cannot be stored here: {error}", "zh": "无法保存到服务器：{error}"},
    "backdrop_gone": {
        "en": "the background picture is not here any more; send it again",
        "zh": "背景图片已被清理，请重新上传",
    },
    "backdrop_unfit": {"en": "the background {fault}", "zh": "背景图片无法使用：{fault}"},
    "painted_too_large": {
        "en": "the strokes are too large; paint on a smaller copy",
        "zh": "涂抹的数据过大，请在较小的图片上涂抹",
    },
    "no_strokes_here": {
        "en": "the strokes cannot be stored beside the picture: {error}",
        "zh": "无法在图片旁保存涂抹：{error}",
    },
    "folders_settings": {
        "en": "its settings are those of its hot folder; upload it to choose others",
        "zh": "这张图片使用投放文件夹的参数；如需其他参数，请上传图片",
    },
    "no_job": {"en": "there is no such job", "zh": "没有这张图片"},
    "no_batch": {"en": "there is no such batch", "zh": "没有这个批次"},
    "no_page": {"en": "there is no such page", "zh": "没有这个页面"},
    "original_gone": {"en": "its original is not here any more", "zh": "原图已不在原来的位置"},
    "result_gone": {
        "en": "{path} is not in the output folder any more",
        "zh": "输出文件夹中已没有 {path}",
    },
    "unfinished": {"en": "it is not finished yet", "zh": "尚未完成"},
    "none_finished": {"en": "no picture of it is finished yet", "zh": "还没有已完成的图片"},
    "no_daemon": {
        "en": "the daemon does not run; what was uploaded waits for it",
        "zh": "后台程序没有运行；已上传的图片会等待它启动",
    },
}
"""Why a request of the page is refused; API clients get the same texts."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One of `PROBLEMS` with its values, for a reader whose language is known later."""

    name: str
    values: Mapping[str, object]

    def said(self, language: Language) -> str:
        """Return the sentence."""
        values = dict(self.values)
        if "error" in values:
            values["error"] = system_error(language, str(values["error"]))
        return PROBLEMS[self.name][language].format(**values)

    def __str__(self) -> str:
        """Return it in English, for the log."""
        return self.said("en")


def phrase(code: str, /, **values: object) -> Phrase:
    """Return one of `PROBLEMS` with values for its braces."""
    return Phrase(code, values)


def translator(language: str) -> Callable[[str], str]:
    """Return a function that gives a text of `WORDS` by its name in a language."""
    return lambda name: WORDS[name][language]


def chosen(cookie: str | None, accepted: str) -> Language:
    """Return the language to answer in: the chosen one, or the first of the browser's that we have.

    Args:
        cookie: value of the cookie, if there is one.
        accepted: the header `Accept-Language`.
    """
    for code in (cookie or "", *(part.strip()[:2] for part in accepted.lower().split(","))):
        if code in LANGUAGES:
            return "zh" if code == "zh" else "en"
    return "en"
