"""The program of the child that makes reports: `python -m mattingd.reports PARENT`. Not for people.

It is told an order in one line. It names each job before it reads its pictures, then the files that it made;
at the next line it gives them their names. It decodes pictures, so it may die of one.
"""

import json
import os
import sys

from mattingd.journal import JournalError
from mattingd.reports import making
from mattingd.reports.order import ReportOrder
from mattingd.system.filesystem import Disk
from mattingd.workers.entrypoint import silence_decoders
from mattingd.workers.process import end_with


def serve() -> None:
    """Make one report."""
    os.nice(10)  # pictures have priority
    order = ReportOrder.of(json.loads(sys.stdin.readline()))
    made = making.make(order, _say)
    _say(
        {
            "files": [
                {"path": each.file.path, "size": each.file.size, "sha256": each.file.sha256.hex()}
                for each in made
            ]
        }
    )
    if not sys.stdin.readline():
        return
    for each in made:
        making.publish(each, Disk())
    for folder in {each.final.parent for each in made}:
        Disk().sync_directory(str(folder))
    _say({"done": len(made)})


def _say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    end_with(sys.argv[1])
    silence_decoders()
    try:
        serve()
    except (OSError, JournalError) as error:
        _say({"error": str(error)})
