"""Chinese words for every reason, and for notes, reports and `status`."""

from typing import Final

from mattingd.words.entries import Words
from mattingd.words.zh_details import DETAILS, REMARKS

_COPY = (
    "请把图片重新复制到投放文件夹。如果新的副本仍然失败，说明原图本身就不完整，请从制作它的程序中重新导出。"
)
_SAVE = "请用图片编辑软件打开它，然后以相同的文件名重新保存到投放文件夹。"
_FORMAT = "请另存为 JPEG、PNG、TIFF、WebP、AVIF 或 HEIC"
_ASK = "请告诉负责 mattingd 的同事，下面的详细信息是给他看的。"
_WAITS = "无需操作，程序会自动重试。"

_READING: Final = {
    "as_written": Words("{text}", note_do="请按上面的说明处理，然后重新保存图片。"),
    "empty_file": Words("文件是空的", "请重新复制", _COPY),
    "too_heavy": Words(
        "文件有 {mb} MB，超过 `limits.max_megabytes` 允许的 {limit:g} MB",
        "请缩小图片或提高上限",
        "请把缩小后的副本保存到投放文件夹，或请负责 mattingd 的同事允许更大的文件。",
        "文件有 {mb} MB，这里最多允许 {limit:g} MB",
    ),
    "too_many_pixels": Words(
        "{width} x {height} 像素共 {megapixels} 百万像素，上限是 {limit:g}",
        "请缩小图片或提高 `limits.max_megapixels`",
        "请把缩小后的副本保存到投放文件夹，或请负责 mattingd 的同事允许更大的图片。",
        "图片有 {width} x {height} 像素（{megapixels} 百万像素），这里最多允许 {limit:g} 百万像素",
    ),
    "truncated": Words("图片不完整（{detail}）", "请重新复制", _COPY, "图片只到了一部分"),
    "damaged": Words("图片已损坏（{detail}）", "请用图片编辑软件打开并重新保存", _SAVE, "图片已损坏"),
    "not_read": Words(
        "{detail}", _FORMAT, "请另存为 JPEG、PNG、TIFF、WebP、AVIF 或 HEIC，并放入投放文件夹。"
    ),
    "psd_flat": Words(
        "这个 Photoshop 文档里没有合并后的图像",
        "保存时请勾选“最大兼容”",
        "请在 Photoshop 中勾选“最大兼容”后重新保存，或导出为 PNG 或 TIFF。",
    ),
    "raw_extra": Words(
        "这是相机 RAW 文件，而读取它的扩展没有安装（pip install 'mattingd[raw]'）",
        _FORMAT,
        "请先冲洗并另存为 JPEG 或 TIFF，或请负责 mattingd 的同事安装相机 RAW 支持。",
        "这是相机 RAW 文件，这台电脑没有安装相应的支持",
    ),
    "jxl_extra": Words(
        "这是 JPEG XL 图片，而读取它的扩展没有安装（pip install 'mattingd[jxl]'）",
        _FORMAT,
        "请另存为 JPEG、PNG 或 TIFF，或请负责 mattingd 的同事安装 JPEG XL 支持。",
        "这是 JPEG XL 图片，这台电脑没有安装相应的支持",
    ),
    "all_transparent": Words(
        "整张图片都是透明的", "请显示图层后重新导出", "请显示图片的图层，然后重新导出。"
    ),
    "no_subject": Words(
        "图片中没有找到主体",
        "请裁剪图片，让主体占更大的面积",
        note_do="请任选一种做法：\n"
        "- 把主体涂在名为 {stem}.keep.png 的文件里，并保存在图片旁边；\n"
        "- 裁剪图片，让主体占更大的面积，然后重新保存；\n"
        "- 或请负责 mattingd 的同事用下面的命令按现状发布：\n"
        "  {command}",
    ),
    "try_another": Words("其中没有找到主体", "请换一张有主体的图片"),
    "existed": Words(
        "它在第一次启动之前就在这里，而设置了 `existing: ignore`",
        note_what="它在 mattingd 第一次启动之前就在这里",
    ),
    "upload_settings": Words("它的设置无法使用：{error}"),
    "damage_fails": Words(
        "{detail}；`on_damage` 规定这种情况算失败",
        note_do=_SAVE + "如果需要按现状发布，请负责 mattingd 的同事使用下面的命令：\n  {command}",
        note_what="图片有问题：{detail}。这里不发布这样的图片",
    ),
    "out_of_memory": Words(
        "处理它需要的内存超过了一张图片的上限",
        "请缩小图片",
        "请把缩小后的副本保存到投放文件夹。",
        "处理这张图片需要的内存超过了允许的范围",
    ),
    "not_processed": Words("无法处理（{error}）", note_do=_SAVE + _ASK, note_what="文件中有无法处理的内容"),
    "changed": Words("等待期间文件被重新保存"),
    "strokes_changed": Words("等待期间笔触文件被重新保存"),
    "gone": Words("读取之前文件已从投放文件夹中移走"),
    "no_right": Words(
        "没有读取权限",
        "请给后台程序的用户读取权限",
        "请把图片重新复制到投放文件夹，或请负责 mattingd 的同事开放读取权限。",
        "mattingd 没有读取这张图片的权限",
    ),
    "cannot_read": Words("暂时无法读取：{error}", note_do=_COPY, note_what="图片长时间无法读取"),
    "not_a_file": Words("{detail}", note_do="请把图片文件本身放入投放文件夹。"),
    "strokes_alone": Words(
        "这是笔触文件，但旁边没有它所属的图片", "`shoe.keep.png` 属于同一文件夹中的 `shoe.jpg`"
    ),
    "strokes_shape": Words(
        "它有 {width} x {height} 像素，而图片有 {of_width} x {of_height} 像素",
        "请在覆盖整张图片（或其缩小副本）的图层上涂画，并只保存该图层",
        "请在覆盖整张图片的图层上涂画，并只保存该图层。",
    ),
    "strokes_all": Words(
        "几乎整张都被涂满了", "笔触应涂在透明或黑色背景上", "请在空白的透明图层上涂画，并只保存该图层。"
    ),
    "strokes_photo": Words(
        "它是一张图片，而不只是笔触",
        "笔触应涂在透明或黑色背景上",
        "请在空白的透明图层上涂画，并只保存该图层。",
    ),
    "strokes_no_file": Words("{detail}", "请删除它，或改为保存笔触", "请删除它，或在原处保存笔触。"),
    "strokes_heavy": Words(
        "文件有 {mb} MB，超过 `limits.max_megabytes` 允许的 {limit:g} MB",
        "请在缩小的副本上涂画",
        "请在图片的缩小副本上涂画。",
        "文件有 {mb} MB，这里最多允许 {limit:g} MB",
    ),
}

_FINISHING: Final = {
    "finisher_failed": Words(
        "收尾程序 {name!r} 失败（{error}）", note_do=_ASK, note_what="团队自己的收尾步骤 {name} 失败了"
    ),
    "finisher_not_loaded": Words(
        "收尾程序 {name!r} 无法加载（{error}）", note_do=_ASK, note_what="团队自己的收尾步骤 {name} 无法启动"
    ),
    "finisher_missing": Words(
        "没有收尾程序 {name!r}",
        "请安装包含它的软件包",
        "请告诉负责 mattingd 的同事：需要安装包含这一步骤的软件包。",
        "团队自己的收尾步骤 {name} 没有安装",
    ),
    "finisher_result": Words(
        "收尾程序 {name!r} 返回了 {error}", note_do=_ASK, note_what="团队自己的收尾步骤 {name} 没有返回图片"
    ),
    "background_small": Words(
        "只有 {width} x {height} 像素，太小",
        "每边至少 {least} 像素",
        "请选择更大的背景图片，每边至少 {least} 像素。",
        "背景图片只有 {width} x {height} 像素",
    ),
    "background_large": Words(
        "有 {width} x {height} 像素，太大",
        "最多 {most} 百万像素",
        "请选择较小的背景图片，最多 {most} 百万像素。",
        "背景图片有 {width} x {height} 像素，太大了",
    ),
    "background_transparent": Words(
        "有透明的部分",
        "请合并图层后保存，不要透明通道",
        "请合并背景图片的图层后保存，不要透明部分。",
        "背景图片有透明的部分",
    ),
    "background_missing": Words(
        "背景 {path!r} 无法从 {copy!r} 读取：{error}",
        "`mattingd reload` 会重新复制它",
        "请告诉负责 mattingd 的同事：背景图片不见了，命令 mattingd reload 会重新复制它。",
        "背景图片 {path} 无法读取",
    ),
    "too_large_for_format": Words(
        "{width} x {height} 像素超出 {format} 的范围（每边最多 {limit} 像素）",
        "请选择 png 或 tiff",
        "请把缩小后的副本保存到投放文件夹，或请负责 mattingd 的同事为这个文件夹选择 PNG 或 TIFF。",
    ),
    "too_large_for_tiff": Words(
        "{width} x {height} 像素放不进 TIFF",
        "请选择 png",
        "请把缩小后的副本保存到投放文件夹，或请负责 mattingd 的同事为这个文件夹选择 PNG。",
    ),
    "jpeg_transparent": Words(
        "JPEG 不支持透明",
        "请给预设加上背景",
        "请负责 mattingd 的同事给这个文件夹的预设加上背景，或选择其他格式。",
    ),
    "over_kb": Words(
        "任何质量下都大于 {kb} kB",
        "请提高 `max_kb`，或给预设较小的画布",
        "请负责 mattingd 的同事为这个文件夹允许更大的文件，或设置较小的画布。",
        "无论用什么质量，抠图结果都超过允许的 {kb} kB",
    ),
    "read_back_differs": Words("从输出磁盘读回的内容与写入的不一致", note_do=_WAITS),
    "output_fails": Words("抠图结果无法写入：{error}", note_do=_WAITS, note_what="抠图结果暂时无法写入"),
    "place_refused": Words(
        "抠图结果 {place!r} 无法写入：{error}",
        note_do="请给图片改名，或把下面的详细信息告诉负责 mattingd 的同事。",
        note_what="输出位置不接受文件名 {place}",
    ),
    "place_refused_for": Words(
        "抠图结果 {place!r} 无法写入：{error}；{detail}",
        note_do="请给图片改名，或把下面的详细信息告诉负责 mattingd 的同事。",
        note_what="输出位置不接受文件名 {place}：{detail}",
    ),
    "interrupted": Words("已中断"),
    "daemon_ended": Words("处理期间后台程序结束了"),
    "daemon_ended_before_publishing": Words("发布之前后台程序结束了"),
    "other_settings": Words("现在要求的设置不同"),
    "made_with_other_settings": Words("它是用另外的设置制作的"),
    "saved_again": Words("轮到它之前文件被重新保存"),
    "taken_out": Words("轮到它之前文件已从投放文件夹中移走"),
    "same_content": Words("内容和设置与上次结果相同"),
    "same_picture": Words("与之前的图片相同：复制了抠图 {place}"),
    "same_bytes": Words("现有的抠图结果与新做的完全相同"),
    "temp_file_missing": Words("做好的文件在发布之前被删除了"),
    "remote_left": Words("另一台机器上的处理进程已离开：{said}"),
    "remote_not": Words("其他机器无法处理它：{said}"),
    "remote_lost": Words("其他机器上有 {count} 个处理进程因它而丢失：{said}"),
    "another_crashed": Words("处理它的进程因另一张图片而结束"),
    "other_weights": Words("两次处理之间换用了另一个模型"),
    "crashed_alone": Words(
        "单独处理时进程崩溃了 {times} 次：{detail}",
        note_do=_SAVE,
        note_what="程序处理这张图片时崩溃了 {times} 次，因此把它搁置了",
    ),
    "model_failed": Words(
        "模型处理它时失败：{error}", note_do=_SAVE + _ASK, note_what="模型无法处理这张图片"
    ),
    "version_before": Words("它的上一个版本仍在处理中"),
    "settling": Words("等待复制完成"),
    "being_taken": Words("正在接收"),
    "has_writer": Words("另一个程序仍在写入它"),
    "outside_hours": Words("等待它的投放文件夹的工作时间，{opens} 开始", "用 `mattingd retry` 立即处理"),
    "folder_paused": Words("它的投放文件夹已暂停", "用 `mattingd resume` 继续"),
    "output_tried_again": Words("输出文件夹无法写入，程序会重试"),
    "folder_offline": Words("它的投放文件夹离线：{detail}"),
    "folder_unreadable": Words("无法读取投放文件夹：{error}"),
    "folder_unmounted": Words("无法读取投放文件夹：{error}；{point} 没有挂载"),
    "share_unmounted": Words("{point} 上的磁盘或共享没有挂载"),
    "share_silent": Words("超过 {seconds:g} 秒没有应答：它的服务器在运行吗？"),
    "share_process_failed": Words("访问它的进程失败了：{error}"),
    "output_offline": Words("输出文件夹 {root} 离线：{detail}"),
    "output_unusable": Words("无法使用输出文件夹 {root}：{error}"),
    "output_unmounted": Words("输出文件夹 {root} 不在：{point} 没有挂载"),
    "output_unmarked": Words(
        "输出文件夹 {root} 不是之前使用的那一个：它的磁盘或共享挂载了吗？"
        "如果就是它，请用这条命令确认：touch {marker}"
    ),
    "does_not_return": Words("对离线文件夹的访问没有返回"),
    "hangs": Words("它卡在内核中"),
    "ready_marker": Words("它表示所在文件夹已经齐全"),
    "moved": Words("它是从 {before} 移过来的，沿用原来的抠图结果"),
    "finder_copies": Words("访达仍在复制它"),
    "empty_so_far": Words("目前还是空的"),
    "another_model": Words("等待期间换用了另一个模型"),
    "model_missing": Words(
        "模型 {name} 没有安装",
        "请运行 `mattingd models get {name}`，再运行 `mattingd reload`",
        "请告诉负责 mattingd 的同事：需要运行 mattingd models get {name} 和 mattingd reload。",
    ),
    "model_unusable": Words(
        "模型 {name} 无法使用：{error}",
        note_do=_ASK,
        note_what="这个文件夹要用的模型 {name} 无法使用",
    ),
    "tried_alone": Words("轮到时会单独处理，因为{detail}"),
    "space_low": Words(
        "输出磁盘只剩 {free:.1f} GB，而 `retention.min_free_gb` 要求保留 {floor:g} GB",
        "请腾出空间，之后会自动继续",
        note_what="存放抠图结果的磁盘快满了",
    ),
    "exit_code": Words("进程以代码 {exit_code} 结束"),
    "signal": Words("进程被 {signal} 结束"),
    "took_too_long": Words(
        "耗时超过 `limits.picture_seconds` 允许的 {seconds:g} 秒",
        note_what="耗时超过这里允许的 {seconds:g} 秒",
    ),
    "did_not_come_up": Words("进程没有启动成功"),
    "nonsense": Words("进程的回答无法理解：{said}"),
    "no_answer": Words("模型在 {seconds} 秒内没有回答"),
    "device_out": Words("它所用的设备已停用"),
    "no_gpu_memory": Words("显卡内存连一张图片都放不下"),
    "said_why": Words("{said}"),
}

REASONS: Final = _READING | _FINISHING | DETAILS | REMARKS

LABELS: Final = {
    "what_do": "{what}；{do}",
    "and_then": "；",
    "note": "没有为 {name} 生成新的抠图。\n\n"
    "发生了什么：{what}\n\n"
    "怎么办：{do}\n\n"
    "{details}"
    "图片：{source}（没有被改动）\n\n"
    "重新保存的图片会自动再试一次。下次抠图成功后，这份说明会自动消失。\n",
    "note_indent": " " * 8,
    "note_details": "详细信息：{error}\n\n",
    "note_about": "{file}：{what}",
    "others_do": "请联系负责 mattingd 的同事处理：{do}",
}
