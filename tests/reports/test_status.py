"""What `_STATUS.txt` says, in both languages, and how it is put into a folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mattingd.core.snapshot import StayingView
from mattingd.domain.reasons import Reason
from mattingd.journal import Record
from mattingd.journal.drops import FolderStanding
from mattingd.reports.status_put import NAME, NotOursError, put
from mattingd.reports.status_text import Situation, first_line, status_text
from mattingd.system.filesystem import TEMP_PREFIX
from mattingd.words import LANGUAGES, Language


def situation(
    live: dict[str, int] | None = None, failed: int = 0, settling: int = 0, eta: float = 200.0, **more: Any
) -> Situation:
    records = tuple(
        Record(
            number,
            b"/in",
            b"set/%d.jpg" % number,
            1,
            1,
            "failed",
            (Reason.of("empty_file"),),
            "",
            "",
            None,
            0,
            "n",
        )
        for number in range(min(failed, 3))
    )
    standing = FolderStanding(
        live or {},
        "2026-11-20-1",
        is_open=False,
        counts={"done": 36, "failed": failed},
        unsure=2,
        unsure_paths=(b"set/hair.jpg",),
        failed=records,
        all_failed=failed,
    )
    return Situation(standing, settling, "/srv/out", eta, **more)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_from_when_on_pictures_are_done_that_wait_for_their_hours(language: Language) -> None:
    waits = status_text(situation({"queued": 1}, opens="20:00"), language)
    assert waits is not None
    assert "20:00" in waits
    assert "20:00" not in (status_text(situation({"inferring": 1}, opens="20:00"), language) or "")
    assert "20:00" not in (status_text(situation({"queued": 1}, opens="20:00", paused=True), language) or "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_what_waits_runs_failed_and_what_to_do(language: Language) -> None:
    text = status_text(situation({"queued": 10, "inferring": 2, "held": 1}, failed=5, settling=4), language)
    assert text is not None
    told = [line for line in text.splitlines() if line]
    numbers = ["".join(letter for letter in line if letter.isdigit()) for line in told[:5]]
    assert numbers == ["2", "15", "36", "2", "3"], text
    assert "/srv/out" in told[2]
    failures, _, _ = text.partition({"en": "Please look at the cut-outs", "zh": "请检查这些图片"}[language])
    assert failures.count("set/") == 3
    do = {"en": "What to do:", "zh": "怎么办"}[language]
    assert text.count(do) == 3
    assert "{" not in text, "no parameter is left over"


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_names_what_needs_a_look_and_what_to_do_then(language: Language) -> None:
    text = status_text(situation(failed=1), language) or ""
    look = text.partition({"en": "Please look at the cut-outs", "zh": "请检查这些图片"}[language])[2]
    assert {"en": "correct it", "zh": "修改"}[language] in look
    assert "\n  set/hair.jpg\n" in look
    assert {"en": "and 1 more", "zh": "还有 1 张"}[language] in look


@pytest.mark.parametrize(
    ("eta", "told"), [(20.0, "less than a minute"), (200.0, "about 3 min"), (3 * 3600.0, "about 3 h")]
)
def test_the_time_left_is_said_roughly(eta: float, told: str) -> None:
    assert f"Time left:          {told}\n" in (status_text(situation(settling=1, eta=eta), "en") or "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_which_folder_stays_for_which_picture_and_how_to_let_it_go(language: Language) -> None:
    text = status_text(situation(failed=1, staying=(StayingView(b"set", (b"set/0.jpg",)),)), language)
    assert text is not None
    about = text.partition({"en": "The folder set stays", "zh": "文件夹 set 会留在这里"}[language])[2]
    assert "set/0.jpg" in about
    assert {"en": "take it out of the folder", "zh": "移出该文件夹"}[language] in about


def test_a_file_that_has_nothing_to_say_is_not_there() -> None:
    assert status_text(situation(), "en") is None
    assert status_text(situation(failed=1), "en") is not None
    assert status_text(situation(settling=1), "en") is not None
    assert "paused" in (status_text(situation({"queued": 1}, paused=True), "en") or "")
    assert "cannot be read" in (status_text(situation({"queued": 1}, offline=True), "en") or "")


def as_a_program(root: Path, text: str) -> None:
    """The same as `put`, as it is done for folders on shares."""
    command = [sys.executable, "-m", "mattingd.reports.status_put", str(root)]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise NotOursError(done.stderr.decode())


@pytest.mark.parametrize("write", [put, as_a_program])
@pytest.mark.parametrize("language", LANGUAGES)
def test_only_a_file_of_ours_is_renewed_or_removed(
    tmp_path: Path, write: Callable[[Path, str], None], language: Language
) -> None:
    text = f"{first_line('14:05', language)}\n"
    for each in (text, text + "more"):
        write(tmp_path, each)
        assert (tmp_path / NAME).read_text("utf-8") == each
    write(tmp_path, "")
    write(tmp_path, "")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / NAME).write_text("notes of mine")
    for each in (text, ""):
        with pytest.raises(NotOursError, match="left alone"):
            write(tmp_path, each)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["notes of mine"]


def test_neither_a_pipe_nor_a_link_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(NotOursError, match="left alone"):
        put(tmp_path, "mattingd")
    (tmp_path / NAME).unlink()
    theirs = tmp_path / "theirs"
    theirs.write_text("mine")
    (tmp_path / f"{TEMP_PREFIX}status").symlink_to(theirs)
    put(tmp_path, "mattingd")
    assert (theirs.read_text(), (tmp_path / NAME).read_text()) == ("mine", "mattingd")
