"""The daemon is killed at every point of its work while people drop files: nothing is lost or doubled.

`MATTINGD_SOAK=1000`, as `make soak` sets it, kills it so often; without it three times at each named point.
`MATTINGD_SOAK_MINUTES` ends that earlier, and everything is checked as after the last kill.
"""

import hashlib
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import mattingd_killing
import numpy as np
import pytest
from PIL import Image

from mattingd.journal import Record
from mattingd.system import clock
from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness import pictures
from tests.daemon.harness.crowd import Crowd, Identity
from tests.daemon.harness.reader import Reader
from tests.daemon.harness.site import ENDED, KILLING, MATTINGD, Site, wait_until

SOAK = int(os.environ.get("MATTINGD_SOAK", "0"))
SOAK_MINUTES = float(os.environ.get("MATTINGD_SOAK_MINUTES", "inf"))
EACH_POINT = 3
AT_RANDOM = "at random"
WRITES = 300
"""So many cut-outs at least appear under the eyes of a reader."""
RIGHT = {"done", "unchanged"}
IN_WORK = {"reading", "ready", "inferring", "matted", "finishing", "prepared"}
QUIET_SECONDS = 8.0
"""A daemon that is up, and whose log and journal say nothing new for so long, does not come to the point."""
LONGEST_LIFE = 90.0
ALONE_SECONDS = 100.0
"""A picture that was alone in a crash waits longer than a life: none is ever alone in two of our kills."""


class Killer:
    """Lets daemons live for a while."""

    def __init__(self, site: Site, crowd: Crowd, seed: int) -> None:
        self.site = site
        self.crowd = crowd
        self.counts: Counter[str] = Counter(dict.fromkeys((*mattingd_killing.POINTS, AT_RANDOM), 0))
        self._random = random.Random(seed)
        self._log = site.root / "killed"
        self._log.touch()
        self._began = clock.monotonic_ns()

    def enough(self) -> bool:
        """Whether every point came often enough, and all together."""
        over = clock.seconds_since(self._began) > 60 * SOAK_MINUTES
        return min(self.counts.values()) >= EACH_POINT and (self.counts.total() >= SOAK or over)

    def one_life(self) -> None:
        """Start a daemon, drop files while it works, and see it die."""
        point = min(self.counts, key=lambda point: (self.counts[point], self._random.random()))
        if point == AT_RANDOM:
            self._live(MATTINGD, point, {}, self._random.uniform(0.3, 3.0))
            return
        nth = 1 if point.startswith("note") else self._random.choice((1, 1, 2, 3))
        order = self.site.root / "order.json"
        order.write_text(json.dumps({"point": point, "nth": nth, "log": str(self._log)}), encoding="utf-8")
        environment = {mattingd_killing.ORDER: str(order), "MATTINGD_TEST_ALONE_SECONDS": str(ALONE_SECONDS)}
        self._live(KILLING, point, environment, LONGEST_LIFE)

    def _live(self, program: Sequence[str], point: str, environment: dict[str, str], seconds: float) -> None:
        passed = len(self._passed())
        said_before = self.site.log.stat().st_size if self.site.log.exists() else 0
        self.crowd.newcomers(4)
        self._drop(point)
        self._save_what_was_in_work()
        process = self.site.start(program, environment=environment, ready=False)
        start = clock.monotonic_ns()
        end, later = (start + round(s * clock.SECOND) for s in (seconds, self._random.uniform(0.5, 1.5)))
        newest, quiet_since = 0, start
        while process.poll() is None and (now := clock.monotonic_ns()) < end:
            if later <= now:
                later = end
                self._drop(point)
            changed = self._changed()
            if changed != newest or not self._is_up(said_before):
                newest, quiet_since = changed, now
            if now - quiet_since > QUIET_SECONDS * clock.SECOND:
                break
            clock.sleep(0.02)
        if process.poll() is None:
            self.site.kill()
        assert process.returncode == -signal.SIGKILL, f"{process.returncode}:\n{self.site.log_tail()}"
        self.counts[(*self._passed()[passed:], AT_RANDOM)[0]] += 1

    def _is_up(self, said_before: int) -> bool:
        """Whether its engine is ready; before that a busy machine may need any time."""
        with self.site.log.open("rb") as log:
            log.seek(said_before)
            return b'"event": "ready"' in log.read()

    def _changed(self) -> int:
        """When the daemon wrote into its log or journal last."""
        files = (self.site.log, *self.site.state.glob("checkpoint.db*"))
        with suppress(FileNotFoundError):
            return max(file.stat().st_mtime_ns for file in files)
        return 0

    def _passed(self) -> list[str]:
        return self._log.read_text(encoding="utf-8").splitlines()

    def _save_what_was_in_work(self) -> None:
        """While no daemon runs, half of what the last one had in hand gets other content."""
        if not self.site.has_journal():
            return
        with self.site.journal() as ledger:
            in_work = [record for record in ledger.all() if record.state in IN_WORK]
        for record in in_work:
            if self._random.random() < 0.5:
                self.crowd.save_again(identity(record)[0])

    def _drop(self, point: str) -> None:
        self.crowd.newcomers(2)
        self.crowd.save_again()
        if point == "note removed":
            self.crowd.repair()
        elif point.startswith("note"):
            self.crowd.bring_blank()
        else:
            self._random.choice((self.crowd.bring_blank, self.crowd.repair, self.crowd.move_in_tree))()


@pytest.fixture
def crowded(make_site: MakeSite, tmp_path: Path) -> Iterator[tuple[Site, Crowd, Reader]]:
    site = make_site(folders=("in", "more"))
    reader = Reader(site.out)
    reader.start()
    yield site, Crowd(site.hot, tmp_path, seed=2), reader
    reader.end()


@pytest.mark.timeout(600 + 20 * SOAK)
def test_killed_at_every_point_nothing_is_lost_or_doubled(
    crowded: tuple[Site, Crowd, Reader], tell: Tell
) -> None:
    site, crowd, reader = crowded
    killer = Killer(site, crowd, seed=2)
    while not killer.enough():
        killer.one_life()
    site.start()
    site.wait_ended(crowd.lying, seconds=120 + SOAK)
    assert site.stop() == 0
    reader.end()
    tell(*(f"{count:4} x killed {point}" for point, count in killer.counts.items()))
    tell(
        f"{killer.counts.total()} kills, {len(crowd.brought)} contents, {reader.opened} cut-outs read at once"
    )
    assert reader.broken == []
    assert reader.opened >= WRITES
    check_everything(site, crowd)


def check_everything(site: Site, crowd: Crowd) -> None:
    """One whole, right cut-out for each content that had its turn, no other files, originals untouched."""
    audit = site.audit()
    assert (audit["taken_away"], audit["changed"], audit["unseen"]) == (0, 0, 0)
    check_ends(site, crowd)
    check_cut_outs(site, crowd)
    assert site.temps() == []
    check_notes(site, crowd)
    check_originals(site, crowd)


def check_ends(site: Site, crowd: Crowd) -> None:
    """Every file came to its right end; no innocent was set aside; no content had two turns."""
    with site.journal() as ledger:
        records = list(ledger.all())
    ends = Counter((*identity(record), record.state) for record in records)
    assert not [record.reason for record in records if "crashed" in record.reason]
    for (path, size, mtime_ns, state), count in ends.items():
        label = crowd.brought[path, size, mtime_ns]
        assert count == 1, f"{path} was {state} {count} times with the same content"
        assert state in (RIGHT if label else {"failed"}) | {"superseded"}, f"{path} was {state}"
    for path, label in crowd.lying.items():
        status = path.stat()
        now = {state for state in ENDED if ends[path, status.st_size, status.st_mtime_ns, state]}
        assert len(now) == 1, f"{path} was {now}"
        assert now <= (RIGHT if label else {"failed"}), f"{path} was {now}"


def identity(record: Record) -> Identity:
    """Which content a job was about."""
    return Path(os.fsdecode(record.root), os.fsdecode(record.path)), record.size, record.mtime_ns


def check_cut_outs(site: Site, crowd: Crowd) -> None:
    """What lies there is just what the journal published, each the right picture, none twice."""
    with site.journal() as ledger:
        made = {site.out / each.path: each.job for each in ledger.made()}
        sources = {record.job: record for record in ledger.all()}
    assert set(site.results()) == set(made)
    labels = []
    for path, job in made.items():
        labels.append(pictures.read(path.read_bytes()))
        assert labels[-1] == crowd.brought[identity(sources[job])], path
    assert len(labels) == len(set(labels))
    assert {label for label in crowd.lying.values() if label} <= set(labels)


def check_notes(site: Site, crowd: Crowd) -> None:
    """A note for each picture that cannot be cut out, and for no other."""
    notes = {note: note.read_text(encoding="utf-8") for note in site.out.rglob("*.error.txt")}
    blank = [path for path, label in crowd.lying.items() if label is None]
    assert sorted(notes) == sorted(site.out / site.records(path)[0].note for path in blank)
    assert all("No subject" in text for text in notes.values())
    for path in blank:
        assert str(path) in notes[site.out / site.records(path)[0].note]


def check_originals(site: Site, crowd: Crowd) -> None:
    """Byte for byte as they were brought."""
    lying = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in crowd.lying}
    assert lying == crowd.hashes
    assert {p for folder in site.hot for p in folder.rglob("*") if p.is_file()} == set(crowd.lying)


@pytest.mark.model
@pytest.mark.timeout(600)
def test_killed_with_the_real_model_each_photograph_has_its_one_cut_out(site: Site) -> None:
    """Once while the engine is loading or working, once when the first cut-out is there."""
    files = drop_photographs(site)
    site.start(test_engine=False, ready=False)
    wait_until(lambda: site.has_journal() and len(site.rows()) == len(files), "all were admitted")
    site.kill()
    site.start(test_engine=False, ready=False)
    wait_until(lambda: len(site.results()) >= 1, "the first cut-out was there", 300)
    site.kill()
    site.start(test_engine=False, ready=False)
    site.wait_ended(files, seconds=300)
    assert site.stop() == 0
    assert len(site.results()) == len(files)
    for file in files:
        with Image.open(file) as original, Image.open(site.result_of(file)) as cut_out:
            assert (cut_out.mode, cut_out.size) == ("RGBA", original.size)
            assert 0.1 < np.asarray(cut_out)[:, :, 3].mean() / 255 < 0.9
    assert site.temps() == []
    assert site.audit()["counts"]["done"] == len(files)


def drop_photographs(site: Site) -> list[Path]:
    """A person and a cat, in four sizes each."""
    skimage = pytest.importorskip("skimage", reason="its photographs are needed: install the extra `dev`")
    files = []
    for name in ("astronaut", "chelsea"):
        photograph = Image.fromarray(getattr(skimage.data, name)())
        for side in (512, 480, 448, 416):
            files.append(site.hot[0] / f"{name}-{side}.jpg")
            photograph.resize((side, side * photograph.height // photograph.width)).save(
                files[-1], quality=92
            )
    return files
