"""What the system says of a failed call is told in the language of the sentence around it."""

import errno
import os

import pytest

from mattingd.domain.reasons import Reason
from mattingd.web.words import phrase
from mattingd.words import what_happened


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOENT, "没有这个文件或文件夹"), (errno.ENOTDIR, "不是文件夹"), (errno.ENOSPC, "磁盘空间不足")],
)
def test_a_reason_is_chinese_throughout(number: int, words: str) -> None:
    said = os.strerror(number)
    assert what_happened("en", "folder_unreadable", {"error": said}).endswith(said)
    told = what_happened("zh", "folder_unreadable", {"error": said})
    assert told.endswith(words)
    assert said not in told


def test_also_within_a_detail() -> None:
    reason = Reason.of("folder_offline", detail="folder_unreadable", error=os.strerror(errno.ENOTDIR))
    assert reason.told("zh") == "它的投放文件夹离线：无法读取投放文件夹：不是文件夹"


def test_the_page_says_it_so() -> None:
    said = phrase("no_space", error=os.strerror(errno.ENOTDIR))
    assert (said.said("en"), said.said("zh")) == (
        "it cannot be stored here: Not a directory",
        "无法保存到服务器：不是文件夹",
    )


def test_what_is_no_system_error_stays_as_it_is() -> None:
    assert what_happened("zh", "folder_unreadable", {"error": "smb: 0xC0000022"}).endswith("smb: 0xC0000022")
