"""Chinese words for what the system says of a failed call to it."""

import errno
import os
from typing import Final

_WORDS: Final = {
    errno.EPERM: "操作不被允许",
    errno.ENOENT: "没有这个文件或文件夹",
    errno.EIO: "读写出错",
    errno.ENXIO: "没有这个设备",
    errno.EAGAIN: "资源暂时不可用",
    errno.ENOMEM: "内存不足",
    errno.EACCES: "没有权限",
    errno.EBUSY: "设备或文件正忙",
    errno.EEXIST: "文件已经存在",
    errno.EXDEV: "目标在另一个磁盘上",
    errno.ENODEV: "没有这个设备",
    errno.ENOTDIR: "不是文件夹",
    errno.EISDIR: "是一个文件夹",
    errno.EINVAL: "参数无效",
    errno.EMFILE: "打开的文件太多",
    errno.ENFILE: "系统打开的文件太多",
    errno.EFBIG: "文件太大",
    errno.ENOSPC: "磁盘空间不足",
    errno.EROFS: "文件系统是只读的",
    errno.EMLINK: "链接太多",
    errno.ENAMETOOLONG: "文件名太长",
    errno.ENOTEMPTY: "文件夹不是空的",
    errno.ELOOP: "符号链接层数太多",
    errno.EILSEQ: "文件名的字符无效",
    errno.EDQUOT: "超出了磁盘配额",
    errno.ESTALE: "网络文件的句柄已失效",
    errno.ETIMEDOUT: "连接超时",
    errno.ECONNREFUSED: "连接被拒绝",
    errno.ECONNRESET: "连接被对方重置",
    errno.EHOSTDOWN: "对方主机已关闭",
    errno.EHOSTUNREACH: "无法到达对方主机",
    errno.ENETUNREACH: "网络不可达",
    errno.ENOTCONN: "没有连接",
}

FAULTS: Final = {os.strerror(number): words for number, words in _WORDS.items()}
"""Chinese by the system's own words for the same."""
