"""`mattingd run --config CONFIG` in a family that is killed on order; see `mattingd_killing`.

`MATTINGD_TEST_BATCH_SECONDS` shortens the deadline of a batch, which is at least two minutes otherwise.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import mattingd_killing

from mattingd.cli.commands import run
from mattingd.core import inference
from mattingd.runtime.daemon import Daemon, Mode
from mattingd.system import clock
from mattingd.workers.supervisor import Programs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mattingd.domain import commands
    from mattingd.journal import JournalWriter

BATCH_SECONDS = "MATTINGD_TEST_BATCH_SECONDS"
CHILD = (sys.executable, mattingd_killing.__file__)


class KillingDaemon(Daemon):
    """The daemon with its killing family, and a point after the deeds of a turn that had any."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        programs = Programs(worker=(*CHILD, "worker"), engine=(*CHILD, "engine"))
        super().__init__(*arguments, mode=Mode(programs=programs), **more)
        self.journal = cast("JournalWriter", mattingd_killing.KillingJournal(self.journal))

    def _obey(self, todo: Iterable[commands.Command]) -> None:
        asked = list(todo)
        super()._obey(asked)
        if asked:
            mattingd_killing.passing("deeds done", os.getpid())


if __name__ == "__main__":
    if BATCH_SECONDS in os.environ:
        inference.BATCH_DEADLINE_NS = round(float(os.environ[BATCH_SECONDS]) * clock.SECOND)
    vars(run)["Daemon"] = KillingDaemon
    sys.exit(run.run(Path(sys.argv[1])))
