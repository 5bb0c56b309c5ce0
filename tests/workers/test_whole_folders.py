"""What the worker says of originals that are to leave with their whole folder."""

import hashlib
import os
from pathlib import Path

from mattingd.core.output_paths import place
from mattingd.domain.commands import DoChore, WorkerConfig
from mattingd.domain.events import ChoreDone
from mattingd.domain.jobs import Chore, Geometry, Original, Output, PictureLimits
from mattingd.domain.reasons import Reason
from mattingd.system.filesystem import Disk, stamp_of
from mattingd.workers.picture_worker import Worker


def test_cut_outs_that_were_fetched_before_the_drop_ended_keep_no_original(tmp_path: Path) -> None:
    """One that leaves by itself stays then; without it there would be nothing left of the picture here."""
    hot, out, archive = (tmp_path / name for name in ("in", "out", "archive"))
    for folder in (hot / "set", out, archive):
        folder.mkdir(parents=True)
    file = hot / "set" / "1.jpg"
    file.write_bytes(b"a picture")
    roots, limits = {1: os.fsencode(hot)}, PictureLimits()
    worker = Worker(
        WorkerConfig(0, roots, str(out), "x", limits, Geometry(416, 32), archive_root=str(archive)), Disk()
    )
    digest = hashlib.sha256(b"a picture").digest()
    original = Original("archive", "2026-11-20/in/set/1.jpg", stamp_of(file.stat()), digest)
    fetched = Output(0, place("2026-11-20/set/1", 1, ".png"), "", b"?", 1)

    def asked(*, together: bool) -> ChoreDone:
        what = (1, b"set/1.jpg", Reason(), original, together)
        answer = worker.perform(DoChore(0, 7, Chore.ORIGINAL, (fetched,), (), *what), None)
        assert answer is not None
        assert isinstance(answer[0], ChoreDone)
        return answer[0]

    assert asked(together=True) == ChoreDone(0, 7, Chore.ORIGINAL, stays=True)
    assert asked(together=False) == ChoreDone(0, 7, Chore.ORIGINAL)
    file.write_bytes(b"other content")
    assert asked(together=True) == ChoreDone(0, 7, Chore.ORIGINAL), "another file in its place is no original"
