"""What a second engine brings: `python -m tests.bench.two_engines [PRECISION]` (Linux, two idle cores).

The real model on the processor, one engine and then two, each on a core of its own, in turns. The pictures
are so small that nearly all of their time is the network's, the more so in `fp32`. Prints pictures a second
and their ratio.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from mattingd.system import clock
from tests.bench.photographs import make
from tests.daemon.harness.site import Site

PICTURES, ROUNDS = 120, 3
SIDE = 256


def rate(devices: Sequence[str], precision: str) -> float:
    """Pictures a second, from a settled pile of them, of a daemon that is ready."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(
            Path(folder) / "site",
            engine={"device": list(devices), "threads": 1, "precision": precision},
            watch={"settle_seconds": 0.1, "reuse_same": False},
        )
        try:
            site.start(test_engine=False)
            for core, engine in enumerate(site.children()["engine"]):
                engine.cpu_affinity([core])
            site.command("pause")
            paths = make(site.hot[0], PICTURES, SIDE, SIDE)
            _queued(site, len(paths))
            started = clock.monotonic_ns()
            site.command("resume")
            site.wait_ended(paths, seconds=300)
            seconds = (clock.monotonic_ns() - started) / clock.SECOND
        finally:
            site.close()
    return PICTURES / seconds


def _queued(site: Site, count: int) -> None:
    while site.status()["waiting"]["paused"] < count:
        clock.sleep(0.1)


def main() -> None:
    """Measure both in turns and print the medians."""
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this needs two processor cores")
    precision = sys.argv[1] if len(sys.argv) > 1 else "auto"
    rates = [(rate(["cpu"], precision), rate(["cpu", "cpu"], precision)) for _ in range(ROUNDS)]
    one, two = (median(column) for column in zip(*rates, strict=True))
    sys.stdout.write(f"one engine {one:.1f} pictures a second, two {two:.1f}: {two / one:.2f} times\n")


if __name__ == "__main__":
    main()
