"""`_STATUS.txt` is renewed now and then, however much happens, and goes with the daemon."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from mattingd.config import HotFolder
from mattingd.domain.commands import Move
from mattingd.domain.jobs import Folder
from mattingd.domain.presets import Preset
from mattingd.reports import status_files
from mattingd.reports.status_files import Now, StatusFiles
from mattingd.reports.status_put import NAME, put
from mattingd.system import clock
from tests.daemon.harness.site import wait_until
from tests.journal.journals import RECIPE, admitted, opened


def test_it_is_renewed_at_most_every_few_seconds_however_much_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot = tmp_path / "in"
    hot.mkdir()
    written: list[int] = []

    def noted(root: Path, text: str) -> None:
        written.append(clock.monotonic_ns())
        put(root, text)

    assert status_files.EVERY_SECONDS == 5
    monkeypatch.setattr(status_files, "EVERY_SECONDS", 0.2)
    monkeypatch.setattr(status_files, "put", noted)
    folder = HotFolder(
        path=hot,
        name="in",
        preset="own",
        recipe=Preset(),
        recipe_hash="as ever",
        existing="process",
        status_file=True,
    )
    with opened(tmp_path / "checkpoint.db") as journal:
        journal.folder_id(bytes(hot))
        row = admitted(journal, b"a.jpg")
        asked: list[int] = []

        def ask() -> Now:
            asked.append(1)
            counted = Counter({1: len(asked)})  # another text each time
            time = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
            return Now({1: folder}, {}, counted, None, Path("/out"), {1: Folder(1, "in", RECIPE)}, "en", time)

        wrong: list[BaseException] = []
        files = StatusFiles(journal.path, ask, wrong.append)
        files.start()

        def four_times() -> bool:
            files.command(Move(row.job, "reading"))
            return len(written) >= 4

        wait_until(four_times, "it was renewed", pause=0.001)
        assert (hot / NAME).read_text("utf-8").startswith("mattingd")
        files.close()
    assert wrong == []
    assert list(hot.iterdir()) == [], "nobody renews it any more"
    pauses = [later - before for before, later in pairwise(written[:4])]
    assert min(pauses) >= 0.19 * clock.SECOND
