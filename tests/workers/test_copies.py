"""A copy of earlier cut-outs: only of what is there as it was published, whatever a user put there."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mattingd.core.output_paths import place
from mattingd.domain.commands import Finish, WorkerConfig
from mattingd.domain.events import EarlierGone, Finished
from mattingd.domain.jobs import Geometry, Output, PictureLimits
from mattingd.domain.presets import Preset
from mattingd.system.filesystem import Disk
from mattingd.workers.picture_worker import Worker

CONTENT = b"a whole cut-out"
EARLIER = Output(0, place("first", 1, ".png"), None, hashlib.sha256(CONTENT).digest(), len(CONTENT))
WANTED = Output(0, place("again", 1, ".png"))


def enormous(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 43)


def link(path: Path) -> None:
    path.with_name("elsewhere").write_bytes(CONTENT)
    path.symlink_to("elsewhere")


CHANGED: dict[str, Callable[[Path], object]] = {
    "gone": lambda _: None,
    "edited": lambda path: path.write_bytes(CONTENT[::-1]),
    "enormous": enormous,
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a link": link,
}


def finished(root: Path) -> object:
    bench = WorkerConfig(0, {}, str(root), "x", PictureLimits(), Geometry(416, 32))
    order = Finish(0, 7, (Preset(),), (WANTED,), "", (), (EARLIER,), 1)
    answer = Worker(bench, Disk()).perform(order, None)
    return answer and answer[0]


@pytest.mark.parametrize("change", CHANGED)
def test_what_a_user_changed_is_not_copied(tmp_path: Path, change: str) -> None:
    CHANGED[change](tmp_path / "first.png")
    assert finished(tmp_path) == EarlierGone(0, 7)


def test_what_stands_is_copied_and_can_be_published(tmp_path: Path) -> None:
    (tmp_path / "first.png").write_bytes(CONTENT)
    done = finished(tmp_path)
    assert isinstance(done, Finished)
    (output,) = done.outputs
    assert output == replace(EARLIER, place=WANTED.place, temp=output.temp)
    assert output.temp is not None
    assert (tmp_path / output.temp).read_bytes() == CONTENT
