"""Write the files of a report line by line: memory does not grow with the number of pictures."""

import csv
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mattingd.reports.lines import COLUMNS, cells

FORMAT = 1
"""Of the JSON file; a change that readers must know of raises it."""
PART = 1 << 20
"""Bytes of a picture that are held while it is put into a ZIP."""


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that is complete when the block ends; a crash's leftover of that name is removed first."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def nothing() -> None:
    """Report no progress."""


def write_tables(
    as_json: Path,
    as_csv: Path,
    head: dict[str, Any],
    lines: Iterable[dict[str, Any]],
    alive: Callable[[], None] = nothing,
) -> None:
    """Write both forms of the table in one walk over its lines.

    Args:
        as_json: the first file.
        as_csv: the second; UTF-8 with a mark, for spreadsheets.
        head: the data of the drop as a whole.
        lines: as returned by `lines.line_of`.
        alive: called regularly while it makes progress.
    """
    with written(as_json) as first, written(as_csv) as second:
        text = json.dumps({"format": FORMAT, **head}, ensure_ascii=False, indent=1)
        first.write(text.removesuffix("\n}").encode() + b',\n "pictures": [')
        table = csv.writer(_Encoded(second), quoting=csv.QUOTE_ALL)
        second.write(b"\xef\xbb\xbf")
        table.writerow(COLUMNS)
        for number, line in enumerate(lines):
            first.write(b",\n  " if number else b"\n  ")
            first.write(json.dumps(line, ensure_ascii=False).encode())
            table.writerow(cells(line))
            alive()
        first.write(b"\n ]\n}\n")


class _Encoded:
    """A file that accepts text, for the csv module."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


def write_zip(
    target: Path, root: Path, outputs: Iterable[str], above: str, alive: Callable[[], None] = nothing
) -> int:
    """Put finished pictures into a ZIP, streamed and not compressed again; returns how many.

    Args:
        target: the file.
        root: the output folder.
        outputs: paths below the root.
        above: the folder that their paths in the ZIP start at, where they are below it.
        alive: called regularly while it makes progress.
    """
    number = 0
    with written(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as bundle:
        for output in outputs:
            path = root / output
            if path.is_symlink() or not path.is_file():
                continue  # another process removed it
            name = PurePosixPath(output)
            shown = name.relative_to(above) if above and name.is_relative_to(above) else name
            info = zipfile.ZipInfo.from_file(path, str(shown), strict_timestamps=False)
            with path.open("rb") as source, bundle.open(info, "w") as entry:
                while part := source.read(PART):
                    entry.write(part)
                    alive()
            number += 1
    return number


def digest_of(path: Path, alive: Callable[[], None]) -> bytes:
    """Return the SHA-256 of a file; `alive` is called regularly while it makes progress."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(PART):
            digest.update(part)
            alive()
    return digest.digest()
