"""Many people at once: they drop, save again, repair and move in folders; what each brought is known."""

import hashlib
import os
import random
from pathlib import Path

from tests.daemon.harness import people, pictures
from tests.daemon.harness.pictures import Label

PLACES = ("", "", "day 1", "day 1/raw", "Größe")
Identity = tuple[Path, int, int]
"""Path, size and mtime_ns: one content of one file."""


class Crowd:
    """Drops files into hot folders. Seeded."""

    def __init__(self, folders: list[Path], scratch: Path, seed: int) -> None:
        """Nobody has come yet; `scratch` lies on the same file system, outside the hot folders."""
        self._folders = folders
        self._scratch = scratch
        self._random = random.Random(seed)
        self._numbers = 0
        self._trees = 0
        self.lying: dict[Path, Label | None] = {}
        """What each file holds now; None: nothing that could be cut out."""
        self.brought: dict[Identity, Label | None] = {}
        """Every content that ever lay there."""
        self.hashes: dict[Path, str] = {}

    # --- what they do ---

    def newcomers(self, count: int) -> None:
        """New files, in sub-folders too; some have the name of an older one, but for case or suffix."""
        for _ in range(count):
            self._put(self._free_path(), self._next_label())

    def save_again(self, path: Path | None = None) -> None:
        """Other content under an old name, this or any: in place, or by rename; or only touched."""
        files = [path] if path else list(self.lying)
        path = self._random.choice(files) if files else None
        label = self.lying[path] if path else None
        if path is None or label is None or label.version == pictures.LAST_VERSION:
            return
        if self._random.random() < 0.2:
            os.utime(path)
            self._remember(path, label)
        else:
            self._put(path, Label(label.number, label.version + 1))

    def bring_blank(self) -> None:
        """A picture without a subject: it fails, with a note."""
        path = self._free_path()
        self._write(path, pictures.encode(pictures.blank(), path.suffix[1:].lower()))
        self._remember(path, None)

    def repair(self) -> None:
        """The oldest blank picture is replaced by a good one."""
        blank = next((path for path, label in self.lying.items() if label is None), None)
        if blank is not None:
            self._put(blank, self._next_label())

    def move_in_tree(self) -> None:
        """A folder with pictures, moved in whole."""
        self._trees += 1
        name = f"tree{self._trees}"
        labels = {Path("a.png"): self._next_label(), Path("b/c.jpg"): self._next_label()}
        for path, label in labels.items():
            people.save(self._scratch / name / path, self._file(path, label))
        target = self._random.choice(self._folders) / name
        (self._scratch / name).rename(target)
        for path, label in labels.items():
            self._remember(target / path, label)

    # --- how ---

    def _next_label(self) -> Label:
        self._numbers += 1
        return Label(self._numbers)

    def _free_path(self) -> Path:
        while True:
            folder = self._random.choice(self._folders) / self._random.choice(PLACES)
            stem = f"shoe{self._random.randrange(3 + self._numbers // 4)}"
            name = self._random.choice((stem, stem.title())) + self._random.choice((".png", ".jpg", ".PNG"))
            if folder / name not in self.lying:
                return folder / name

    def _put(self, path: Path, label: Label) -> None:
        self._write(path, self._file(path, label))
        self._remember(path, label)

    def _write(self, path: Path, data: bytes) -> None:
        (people.save if self._random.random() < 0.5 else people.save_by_rename)(path, data)

    def _file(self, path: Path, label: Label) -> bytes:
        return pictures.picture(label.number, label.version, path.suffix[1:].lower())

    def _remember(self, path: Path, label: Label | None) -> None:
        status = path.stat()
        self.lying[path] = label
        self.brought[path, status.st_size, status.st_mtime_ns] = label
        self.hashes[path] = hashlib.sha256(path.read_bytes()).hexdigest()
