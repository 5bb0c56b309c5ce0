"""`python -m tests.bench.scale`: what a daemon with many remote workers would reach, by a simulation.

Pictures pass through stations one after the other: the scheduler's thread, the link to the workers, Dask's
scheduler, a worker, and the processor of the daemon's machine, which writes, reads back and decodes each
result. Each station serves so many at once, in order. A station's time for a picture is measured or assumed,
as `Assumed` says; nothing is drawn by chance.
"""

import heapq
import sys
from collections.abc import Iterator
from dataclasses import dataclass

SIZES = (3, 12, 24)
"""Megapixels."""
WORKERS = (1, 3, 10, 30, 100, 300, 1000)
PICTURES = 4_000


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the figures rest on."""

    events_per_second: float = 4_500
    """Of the scheduler's thread with its journal: assumed, below what was measured, docs/BENCHMARKS.md."""
    events: int = 6
    """For a remote picture: two looks, admitted, read, finished, published."""
    core_seconds_per_megapixel: float = 0.034
    """On a worker, everything from reading to encoding: measured, 404 ms at 12 megapixels."""
    worker_cores: int = 4
    """And so many pictures at once on each worker."""
    daemon_cores: int = 16
    proof_seconds_per_megapixel: float = 0.0062
    """Hash, write, read back and decode at the daemon: measured, 74 ms at 12 megapixels."""
    in_megabytes_per_megapixel: float = 0.275
    """JPEG in: measured, 3.3 MB at 12 megapixels."""
    out_megabytes_per_megapixel: float = 0.64
    """PNG with transparency out: measured, 15.4 MB at 24 megapixels."""
    link_megabytes_per_second: float = 1_180
    """10 Gbit/s, each way: assumed."""
    dask_megabytes_per_second: float = 400
    """Through Dask's scheduler with TLS, both ways together: assumed, not measured."""


@dataclass(frozen=True, slots=True)
class Station:
    """Serves so many pictures at once, each in so many seconds."""

    name: str
    servers: int
    seconds: float

    @property
    def most(self) -> float:
        """Pictures a second."""
        return self.servers / self.seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one simulation."""

    workers: int
    megapixels: int
    rate: float
    """Pictures a second."""
    limit: str
    """The station that is busiest."""
    busy: dict[str, float]
    """Share of its time that each station works."""
    megabytes: float
    """A second, over the link, both ways together."""


def stations(workers: int, megapixels: int, assumed: Assumed) -> tuple[Station, ...]:
    """The way of a picture."""
    inward = assumed.in_megabytes_per_megapixel * megapixels
    outward = assumed.out_megabytes_per_megapixel * megapixels
    return (
        Station("scheduler and journal", 1, assumed.events / assumed.events_per_second),
        Station("network", 1, max(inward, outward) / assumed.link_megabytes_per_second),
        Station("Dask's scheduler", 1, (inward + outward) / assumed.dask_megabytes_per_second),
        Station("workers", workers * assumed.worker_cores, assumed.core_seconds_per_megapixel * megapixels),
        Station(
            "proof at the daemon", assumed.daemon_cores, assumed.proof_seconds_per_megapixel * megapixels
        ),
    )


def simulate(workers: int, megapixels: int, assumed: Assumed, pictures: int = PICTURES) -> Outcome:
    """Let so many pictures pass, as many at once as the workers have credits."""
    way = stations(workers, megapixels, assumed)
    free = [[0.0] * station.servers for station in way]
    places = workers * (assumed.worker_cores + 2)
    done: list[float] = []
    for number in range(pictures):
        at = heapq.heappop(done) if number >= places else 0.0
        for station, servers in zip(way, free, strict=True):
            at = max(at, heapq.heappop(servers)) + station.seconds
            heapq.heappush(servers, at)
        heapq.heappush(done, at)
    spent = max(done)
    rate = pictures / spent
    busy = {station.name: rate / station.most for station in way}
    limit = max(busy, key=lambda name: busy[name])
    size = (assumed.in_megabytes_per_megapixel + assumed.out_megabytes_per_megapixel) * megapixels
    return Outcome(workers, megapixels, rate, limit, busy, rate * size)


def table(assumed: Assumed) -> Iterator[str]:
    """The lines of docs/SCALE.md."""
    yield "| workers | MP | pictures/s | events/s | journal and scheduler busy | MB/s | limited by |"
    yield "|---|---|---|---|---|---|---|"
    for megapixels in SIZES:
        for workers in WORKERS:
            one = simulate(workers, megapixels, assumed, max(PICTURES, 20 * workers))
            events, busy = one.rate * assumed.events, one.busy["scheduler and journal"]
            yield (
                f"| {workers:,} | {megapixels} | {one.rate:.1f} | {events:,.0f} | {busy:.0%} |"
                f" {one.megabytes:,.0f} | {one.limit} |"
            )


def ceilings(assumed: Assumed) -> Iterator[str]:
    """What each station would reach by itself, and how many workers that keeps busy."""
    yield "| pictures/s at most, by | " + " | ".join(f"{size} MP" for size in SIZES) + " |"
    yield "|---|" + "---|" * len(SIZES)
    ways = [stations(1, size, assumed) for size in SIZES]
    one = [next(each.most for each in way if each.name == "workers") for way in ways]
    for row in zip(*ways, strict=True):
        name = "one worker" if row[0].name == "workers" else row[0].name
        cells = [f"{each.most:,.1f}" for each in row]
        if name != "one worker":
            busy = [f"{each.most / alone:,.0f} workers" for each, alone in zip(row, one, strict=True)]
            cells = [f"{cell} ({many})" for cell, many in zip(cells, busy, strict=True)]
        yield f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write("\n".join([*ceilings(Assumed()), "", *table(Assumed())]) + "\n")
