"""An output folder with cut-outs that a real journal knows, and other people's files between them."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from because import why

from mattingd.audit import Audit, audit
from mattingd.config import Settings
from mattingd.core import output_paths
from mattingd.core.retention import RetentionPolicy
from mattingd.domain.commands import (
    Admit,
    Move,
    Prepare,
    RecordArchived,
    RecordArtifacts,
    RecordReportFiles,
    Write,
)
from mattingd.domain.drops import ReportFile
from mattingd.domain.events import Admitted, Swept
from mattingd.domain.jobs import Folder, JobRecord, Recipe, Stamp
from mattingd.journal import JournalWriter, PlacingRules
from mattingd.journal.drops import DropReader, reading_drops
from mattingd.outputs.error_notes import note_text
from mattingd.outputs.retention import Line, Sweep
from mattingd.system.filesystem import Disk

RULES = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
FIRST = date(2026, 11, 20)


def day(number: int) -> str:
    """A calendar day; 0 is the first."""
    return (FIRST + timedelta(days=number)).isoformat()


class KilledError(BaseException):
    """The machine goes down here: nothing in our code may catch it."""


class DoomedDisk(Disk):
    """The real file system, until the given operation that changes something."""

    def __init__(self, operations: int, *, after: bool = False) -> None:
        self.left = operations
        self.after = after

    def strike(self, operation: Callable[[], Any]) -> Any:
        """Do an operation, unless this is the one."""
        self.left -= 1
        if self.left == 0 and not self.after:
            raise KilledError
        result = operation()
        if self.left == 0:
            raise KilledError
        return result

    def remove_in(self, folder: int, name: str) -> None:
        self.strike(lambda: Disk.remove_in(self, folder, name))

    def move(
        self, old: str, new: str, *, old_folder: int | None = None, new_folder: int | None = None
    ) -> bool:
        plain = super().move
        return bool(self.strike(lambda: plain(old, new, old_folder=old_folder, new_folder=new_folder)))

    def remove_folder_in(self, folder: int, name: str) -> bool:
        return bool(self.strike(lambda: Disk.remove_folder_in(self, folder, name)))

    def touch_in(self, folder: int, name: str) -> None:
        self.strike(lambda: Disk.touch_in(self, folder, name))


@dataclass
class Shelf:
    """See the module."""

    root: Path
    policy: RetentionPolicy
    layout: str = "{date}/{folder}/{path}"
    today: str = day(0)
    journal: JournalWriter = field(init=False)
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.out, self.state = self.root / "out", self.root / "state"
        self.out.mkdir()
        self.state.mkdir()
        self.archive = self.root / "archive"
        self.settings = Settings(
            output_dir=self.out,
            state_dir=self.state,
            archive_dir=self.archive,
            hot_folders=(),
            presets={},
            retention=self.policy,
        )
        self.open()
        self.journal.folder_id(b"/in")

    def open(self) -> None:
        """The journal, as after a start."""
        self.journal = JournalWriter(
            self.state / "checkpoint.db", RULES, lambda: f"{self.today}T12:00:00+01:00"
        )

    # --- our own files ---

    def make(self, *names: str, made: str | None = None) -> list[Path]:
        """Cut-outs of pictures of these names, published on a day (today)."""
        self.today = made or self.today
        return self.publish(self.admit(names))

    def publish(self, rows: Iterable[JobRecord]) -> list[Path]:
        """Publish what was admitted."""
        paths, writes = [], list[Write]()
        for row in rows:
            (output,) = row.outputs
            path = self.out / output.place.path
            path.parent.mkdir(parents=True, exist_ok=True)
            content = f"cut-out of {row.path!r}".encode()
            path.write_bytes(content)
            whole = replace(output, sha256=hashlib.sha256(content).digest(), size=len(content))
            writes += [Prepare(row.job, (whole,)), Move(row.job, "done")]
            paths.append(path)
        self.journal.apply(writes)
        return paths

    def store(self, name: str) -> Path:
        """A picture whose original came to the archive today."""
        (row,) = self.admit([name])
        where = f"{self.today}/in/{name}"
        path = self.archive / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        self.publish([row])
        digest = hashlib.sha256(b"x").digest()
        self.journal.apply([Move(row.job, "done", sha256=digest), RecordArchived(row.job, where, self.today)])
        return path

    def report(self, drop: str) -> list[Path]:
        """The files of a drop's report, written today."""
        files = []
        for ending in (".csv", ".json"):
            path = self.out / drop[:10] / "in" / "_reports" / f"{drop}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"report of {drop}")
            digest = hashlib.sha256(path.read_bytes()).digest()
            name = str(path.relative_to(self.out))
            files.append((path, ReportFile(name, path.stat().st_size, digest)))
        self.journal.apply([RecordReportFiles(1, drop, tuple(file for _, file in files))])
        return [path for path, _ in files]

    def fail(self, name: str, reason: str = "so it is") -> Path:
        """A picture that failed, with its note."""
        (row,) = self.admit([name])
        self.journal.apply([Move(row.job, "failed", why(reason))])
        path = self.out / row.note
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(note_text(b"/in/" + row.path, why(reason)))
        return path

    def admit(self, names: Any) -> list[JobRecord]:
        """Pictures of these names, taken today."""
        folder, drop = Folder(1, "in", Recipe("as ever"), layout=self.layout), f"{self.today}-1"
        admits = [
            Admit(
                1,
                name,
                Stamp(1, 1),
                folder.recipe,
                output_paths.naming(folder, name, self.today, drop),
                drop,
                0,
            )
            for name in map(os.fsencode, names)
        ]
        return [answer.row for answer in self.journal.apply(admits) if isinstance(answer, Admitted)]

    # --- retention ---

    def sweep(self, today: str | None = None, *, confirmed: bool = False, disk: Disk | None = None) -> Sweep:
        """A sweep on a day (today)."""
        self.today = today or self.today
        return Sweep(self.settings, self.journal.path, self.today, confirmed=confirmed, disk=disk)

    def plan(self, today: str | None = None) -> list[Line]:
        """What would be done."""
        return list(self.sweep(today).lines())

    def clean(self, today: str | None = None, **options: Any) -> list[Line]:
        """Do it."""
        return list(self.walk(today, **options))

    def walk(self, today: str | None = None, **options: Any) -> Iterator[Line]:
        """Do it line by line, with the journal written before and after; a `DoomedDisk` counts that, too."""
        disk = options.get("disk")

        def commit(swept: Swept) -> None:
            def write() -> None:
                self.journal.apply([RecordArtifacts(swept.marks, swept.home)])

            disk.strike(write) if isinstance(disk, DoomedDisk) else write()

        return self.sweep(today, **options).lines(commit)

    @contextmanager
    def ledger(self) -> Iterator[DropReader]:
        """The journal, read-only."""
        with reading_drops(self.journal.path) as ledger:
            yield ledger

    @property
    def trash(self) -> Path:
        """The trash folder."""
        return self.out / f".mattingd-{self.journal.instance}-trash"

    @property
    def mark(self) -> Path:
        """What the output folder is known by."""
        return self.out / f".mattingd-{self.journal.instance}-home"


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder: kind, times, content; a folder's own times are those of its names."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(directory, name)
            status = path.lstat()
            what: object = None
            if path.is_symlink():
                what = path.readlink()
            elif path.is_file():
                what = path.read_bytes()
            times = () if path.is_dir() and not path.is_symlink() else (status.st_ino, status.st_mtime_ns)
            found[str(path.relative_to(root))] = (status.st_mode, what, *times)
    return found


@contextmanager
def shelf(policy: RetentionPolicy, layout: str = "{date}/{folder}/{path}") -> Iterator[Shelf]:
    """A shelf in a folder of its own."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - thousands of syncs
    with tempfile.TemporaryDirectory(prefix="mattingd-shelf-", dir=memory) as root:
        made = Shelf(Path(root), policy, layout)
        try:
            yield made
        finally:
            made.journal.close()


def audited(world: Shelf) -> Audit:
    with world.ledger() as ledger:
        return audit(ledger, world.settings, None, deep=True)
