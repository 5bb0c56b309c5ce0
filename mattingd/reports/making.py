"""Make the files of a report: as temp files first, renamed once the journal has recorded them."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from mattingd import words
from mattingd.core.retention import GIGABYTE
from mattingd.domain.drops import LOOKS, ReportFile, counts_in_words
from mattingd.domain.text import readable
from mattingd.imaging.checkerboard import Pixels
from mattingd.imaging.formats.errors import PictureError
from mattingd.journal.drops import DropReader, EndedDrop, PictureOfDrop, reading_drops
from mattingd.outputs.error_notes import in_sentences
from mattingd.reports import sheet
from mattingd.reports.files import digest_of, write_tables, write_zip, written
from mattingd.reports.lines import Names, line_of
from mattingd.reports.order import ReportOrder
from mattingd.system import clock
from mattingd.system.filesystem import TEMP_PREFIX, Disk, output_root_marker, wrong_output_root
from mattingd.workers.previews import small

SAY_NS = 1_000_000_000
"""It is said at most so often that it goes on."""
MOST_LOOKS = 1000
"""Links to cut-outs that need a look, of one drop."""
Say = Callable[[dict[str, object]], None]
"""Told of each job (`at`) whose pictures are about to be read, of going on (`at: None`), of `warning`s."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished temp file."""

    temp: Path
    final: Path
    file: ReportFile
    ours: bool
    """Whether an existing file at its path is ours."""


def make(order: ReportOrder, say: Say) -> list[Made]:
    """Make all files of a report in temp files; a failure leaves none.

    Raises:
        OSError: the output folder cannot be written at present, or is not the right one.
        JournalError: the journal cannot be read.
    """
    with reading_drops(Path(order.journal)) as journal:
        drop = journal.drop(order.folder, order.drop)
        if drop is None:
            return []
        making = _Making(order, journal, drop, say)
        try:
            return making.all()
        except BaseException:
            with suppress(OSError):
                making.clear()
            raise


def publish(made: Made, disk: Disk) -> None:
    """Give a file its name.

    Raises:
        OSError: it failed, or another file took the name meanwhile.
    """
    disk.make_directories(str(made.final.parent))
    if made.ours:
        disk.replace(str(made.temp), str(made.final))
        disk.remove(str(made.temp))  # renaming over a hard link to the same file does nothing
    elif not disk.publish(str(made.temp), str(made.final)):
        raise FileExistsError(0, "another file took its name meanwhile", str(made.final))


class _Making:
    def __init__(self, order: ReportOrder, journal: DropReader, drop: EndedDrop, say: Say) -> None:
        self._order = order
        self._say = say
        self._said = 0
        self._journal = journal
        self._drop = drop
        self._root = Path(order.output)
        marker = output_root_marker(journal.instance)
        if journal.is_home(os.fsencode(order.output)) and not (self._root / marker).exists():
            raise OSError(0, wrong_output_root("the output folder", order.output, marker))
        base = self._root / order.base
        base.parent.mkdir(parents=True, exist_ok=True)
        self._temp = base.with_name(f"{TEMP_PREFIX}{journal.instance}-report-{order.folder}-{base.name}")
        self.clear()
        self._names = Names(order.preset, order.model, order.recipe)
        self._unsure = journal.unsure_in(order.folder, order.drop)
        self._counts = journal.counts_of(order.folder, order.drop)

    def clear(self) -> None:
        """Remove the temp files, including those that a crash left."""
        for left in self._temp.parent.glob(f"{self._temp.name}*"):
            left.unlink(missing_ok=True)

    def all(self) -> list[Made]:
        temps: list[tuple[Path, str]] = []
        looks = [*self._looks()] if self._order.look else []
        if self._order.tables:
            temps += self._tables()
        if self._order.bundle and self._counts.get("done") and self._zip_fits():
            temps.append((self._with(".zip"), ".zip"))
            self._zip()
        if self._order.sheet:
            temps += self._sheet()
        return looks + [self._made(temp, self._order.base, ending) for temp, ending in temps]

    def _alive(self) -> None:
        """Report progress without a picture: a child that is silent for too long is ended."""
        if clock.monotonic_ns() - self._said >= SAY_NS:
            self._said = clock.monotonic_ns()
            self._say({"at": None})

    def _with(self, ending: str) -> Path:
        return self._temp.with_name(self._temp.name + ending)

    def _pictures(self) -> Iterator[PictureOfDrop]:
        return self._journal.pictures_of(self._order.folder, self._order.drop)

    def _tables(self) -> list[tuple[Path, str]]:
        order = self._order
        head = {
            "drop": order.drop,
            "folder": order.title,
            "hot_folder": readable(self._drop.root),
            "output_dir": order.output,
            "ended_at": self._drop.ended_at,
            "counts": self._counts,
            "needs_a_look": self._unsure,
        }
        lines = (line_of(picture, self._names, order.language) for picture in self._pictures())
        write_tables(self._with(".json"), self._with(".csv"), head, lines, self._alive)
        return [(self._with(".json"), ".json"), (self._with(".csv"), ".csv")]

    def _outputs(self) -> Iterator[str]:
        for picture in self._pictures():
            for output in picture.record.outputs:
                self._alive()
                yield output

    def _zip_fits(self) -> bool:
        """Whether the disk has room for the ZIP; cut-outs have priority."""
        size = sum(_size(self._root / output) for output in self._outputs())
        room = shutil.disk_usage(self._root).free - self._order.keep_free
        if size <= room:
            return True
        self._say(
            {
                "warning": f"no ZIP: it takes {size / GIGABYTE:.1f} GB, and {max(0, room) / GIGABYTE:.1f} GB"
                " are left above retention.min_free_gb"
            }
        )
        return False

    def _zip(self) -> None:
        outputs = self._outputs()
        above = str(_beside(self._order.base))
        write_zip(self._with(".zip"), self._root, outputs, "" if above == "." else above, self._alive)

    def _looks(self) -> Iterator[Made]:
        """Make links to the cut-outs that need checking, in a folder of their own."""
        above = _beside(self._order.base)
        unsure = (each for each in self._journal.unsure_first(self._order.folder, self._order.drop))
        outputs = (output for each in unsure if each.needs_a_look for output in each.record.outputs)
        for number, output in enumerate(islice(outputs, MOST_LOOKS)):
            name = PurePosixPath(output)
            shown = name.relative_to(above) if name.is_relative_to(above) else name
            temp = self._with(f"-look-{number}")
            if not _linked(self._root / output, temp):
                continue  # another process removed it
            self._alive()
            stem = str(above / LOOKS / shown.with_suffix(""))
            yield self._made(temp, stem, shown.suffix)

    # --- the contact sheet ---

    def _sheet(self) -> list[tuple[Path, str]]:
        shown = min(self._counts.get("done", 0) + self._counts.get("failed", 0), self._order.sheet)
        pages = -(-shown // sheet.PER_PAGE)
        cells = self._cells(shown)
        made = []
        for number in range(1, pages + 1):
            each = [cell for _, cell in zip(range(sheet.PER_PAGE), cells, strict=False)]
            if not each:
                break
            self._say({"at": None})
            ending = f"-sheet-{number}.jpg" if pages > 1 else "-sheet.jpg"
            temp = self._with(ending)
            with written(temp) as file:
                sheet.page(each, self._heading(), number, pages).save(file, "JPEG", quality=sheet.QUALITY)
            made.append((temp, ending))
        return made

    def _heading(self) -> sheet.Heading:
        language, label = self._order.language, words.label
        return sheet.Heading(
            f"{self._order.title} · {self._order.drop}",
            counts_in_words(self._counts, self._unsure, language),
            (label(language, "tile_source"), label(language, "tile_cut_out"), label(language, "tile_matte")),
        )

    def _cells(self, most: int) -> Iterator[sheet.Cell]:
        found = self._journal.unsure_first(self._order.folder, self._order.drop)
        for _, picture in zip(range(most), found, strict=False):
            yield self._cell(picture)

    def _cell(self, picture: PictureOfDrop) -> sheet.Cell:
        record, language = picture.record, self._order.language
        name = readable(record.path)
        if record.state == "failed":
            place = record.root + b"/" + record.path
            why = (each for reason in record.reasons[:1] for each in in_sentences(place, reason, language))
            return sheet.Cell(
                name, words.label(language, "cell_failed"), "failed", reason="\n".join(why) or "-"
            )
        note, alarm = "", ""
        if record.confidence is not None:
            note = words.label(language, "cell_sure", percent=round(100 * record.confidence))
            if picture.needs_a_look:
                note, alarm = f"{note} · {words.label(language, 'cell_look')}", "look"
        if record.job in self._order.skipped:
            return sheet.Cell(name, note, alarm)
        self._say({"at": record.job})
        places = [Path(os.fsdecode(record.root + b"/" + record.path))] if self._order.sources else []
        if places and record.original and self._order.archive:
            places.append(Path(self._order.archive) / record.original)
        source = next((tile for place in places if (tile := _tile(place)) is not None), None)
        return sheet.Cell(name, note, alarm, source, self._result(record.outputs))

    def _result(self, outputs: tuple[str, ...]) -> Pixels | None:
        """Return the first output with alpha; without any, the first."""
        found = None
        for output in outputs:
            tile = _tile(self._root / output)
            if tile is not None and tile.shape[2] == 4:  # noqa: PLR2004 - it has an alpha
                return tile
            found = tile if found is None else found
        return found

    # --- names ---

    def _made(self, temp: Path, stem: str, ending: str) -> Made:
        """Return the file in `temp` with the first name that is free or ours; `stem` is below the root."""
        digest = digest_of(temp, self._alive)
        known = {file.path: file for file in self._journal.report_files(self._order.folder, self._order.drop)}
        version = 1
        while True:
            path = f"{stem}{ending}" if version == 1 else f"{stem}_v{version}{ending}"
            final = self._root / path
            there = _digest(final, self._alive)
            if there is None or (path in known and known[path].sha256 == there):
                file_made = ReportFile(path, temp.stat().st_size, digest)
                return Made(temp, final, file_made, ours=there is not None)
            version += 1


def _beside(base: str) -> PurePosixPath:
    """Return the folder of the cut-outs: it contains `_reports`, which may have a folder per hot folder."""
    above = PurePosixPath(base).parent
    return above.parent if above.name == "_reports" else above.parent.parent


def _size(path: Path) -> int:
    """Return the size in bytes; 0 for a missing file."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _linked(source: Path, temp: Path) -> bool:
    """Make a hard link, or a copy where links are not supported; False when there is no such file."""
    if source.is_symlink() or not source.is_file():
        return False
    try:
        temp.hardlink_to(source)
    except OSError:
        shutil.copy2(source, temp)
    return True


def _tile(place: Path) -> Pixels | None:
    """Return a small picture; None when the file is gone."""
    try:
        return small(place, sheet.TILE)
    except (OSError, PictureError):
        return None


def _digest(path: Path, alive: Callable[[], None]) -> bytes | None:
    """Return the SHA-256 of a file; empty for something else, None when nothing is there."""
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    if path.is_symlink() or not path.is_file():
        return b""
    return digest_of(path, alive)
