"""`mattingd run --config CONFIG` in a family that is killed on order; see `mattingd_killing`.

`MATTINGD_TEST_BATCH_SECONDS` shortens the deadline of a batch, which is at least two minutes otherwise;
`MATTINGD_TEST_ALONE_SECONDS` sets how long a picture waits that was alone in a crash.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import mattingd_killing

from mattingd.cli.commands import run, serving
from mattingd.core import inference
from mattingd.core.policy import Policy
from mattingd.journal import JournalWriter
from mattingd.runtime import composition
from mattingd.system import clock
from mattingd.workers import resources
from mattingd.workers.spawning import Programs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mattingd.config import Settings
    from mattingd.domain import commands
    from mattingd.runtime.daemon import Daemon

BATCH_SECONDS = "MATTINGD_TEST_BATCH_SECONDS"
ALONE = "MATTINGD_TEST_ALONE_SECONDS"
CHILD = (sys.executable, mattingd_killing.__file__)


def killing_journal(*arguments: Any) -> JournalWriter:
    return cast("JournalWriter", mattingd_killing.KillingJournal(JournalWriter(*arguments)))


def compose(settings: Settings, *, mode: composition.Mode, **more: Any) -> Daemon:
    """The daemon with a killing journal, and a point after the deeds of a turn that had any."""
    daemon = composition.compose(settings, mode=replace(mode, open_journal=killing_journal), **more)
    turns = daemon.parts.turns
    obey = turns.obey

    def obey_and_pass(wanted: Iterable[commands.Command]) -> None:
        asked = list(wanted)
        obey(asked)
        if asked:
            mattingd_killing.passing("deeds done", os.getpid())

    vars(turns)["obey"] = obey_and_pass
    return daemon


if __name__ == "__main__":
    if BATCH_SECONDS in os.environ:
        inference.BATCH_DEADLINE_NS = round(float(os.environ[BATCH_SECONDS]) * clock.SECOND)
    if ALONE in os.environ:
        pause_ns = round(float(os.environ[ALONE]) * clock.SECOND)
        vars(resources)["Policy"] = partial(Policy, alone_pause_ns=pause_ns)
    vars(serving)["compose"] = compose
    vars(run)["Programs"] = partial(Programs, worker=(*CHILD, "worker"), engine=(*CHILD, "engine"))
    sys.exit(run.run(Path(sys.argv[1])))
