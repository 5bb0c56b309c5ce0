"""The folder for uploads from the page and the API: one sub-folder per upload, with its settings.

Our server writes the picture and its settings into a hidden folder, then renames the folder to the upload's
name. So an upload is complete or absent, even if the server is killed, and an upload that is sent again is
either the first to arrive or known to exist.
"""

import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import OwnSettings
from mattingd.domain.reasons import Reason
from mattingd.ingest.ignore_rules import why_ignored
from mattingd.ingest.inspection import FileInspector
from mattingd.system.filesystem import Disk, put

SETTINGS = ".settings.json"
_LONGEST_NAME = 180  # bytes; 255 minus a version and a suffix
_REPLACED = str.maketrans(dict.fromkeys('/\\:*?"<>|' + "".join(map(chr, range(32))) + "\x7f", "_"))

Asked = Callable[[dict[str, Any]], OwnSettings]
"""Checks what was asked for and makes settings of it.

Raises:
    ValueError: it cannot be used; the message says why.
"""


def safe_name(name: str) -> str:
    """Return a safe file name for an upload whose name a browser sent.

    Only the last part of a path counts. A name that a scan would skip, such as `.a.png`, gets the prefix `_`.
    """
    last = name.replace("\\", "/").rpartition("/")[2].translate(_REPLACED).strip(" .") or "picture"
    stem, ending = os.path.splitext(last)
    ending = ending[:16]
    stem = stem.encode("utf-8", "replace")[: _LONGEST_NAME - len(ending.encode())].decode(errors="ignore")
    safe = stem + ending
    if why_ignored(os.fsencode(safe), is_dir=False):
        safe = "_" + stem.replace(".", "_") + ending
    return safe if why_ignored(os.fsencode(safe), is_dir=False) is None else "picture" + ending


def as_stored(wanted: dict[str, Any]) -> bytes:
    """Return the content of `SETTINGS` for an upload's options."""
    return json.dumps(wanted, ensure_ascii=False).encode()


class UploadFolder:
    """The writing side; `root` is the hot folder of the uploads."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def receiving(self, upload: str) -> Iterator[Path]:
        """Yield a hidden folder for a picture and its settings; afterwards it becomes the upload, durably.

        A failure leaves nothing behind.

        Raises:
            FileExistsError: this upload is here already.
            OSError: it cannot be written.
        """
        hidden = self.root / f".{uuid.uuid4().hex}"
        hidden.mkdir(parents=True, mode=0o750)
        try:
            yield hidden
            for each in (*hidden.iterdir(), hidden):
                _sync(each)
            try:
                hidden.rename(self.root / upload)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                raise FileExistsError(errno.EEXIST, "is here already", upload) from None
            _sync(self.root)
        except BaseException:
            shutil.rmtree(hidden, ignore_errors=True)
            raise

    def ask(self, upload: str, wanted: dict[str, Any]) -> None:
        """Store the options of an upload, durably; the next inspection of its picture uses them."""
        put(self.root / upload / SETTINGS, as_stored(wanted))


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class UploadInspector(FileInspector):
    """Inspects the files in the folder of the uploads."""

    def __init__(self, root: bytes, disk: Disk, asked: Asked) -> None:
        super().__init__(root, disk)
        self._asked = asked

    def full(self, path: bytes) -> FileObservation | None:
        """Inspect a file like one of any hot folder, and add the settings that came with the picture."""
        look = super().full(path)
        if look is None or look.odd:
            return look
        settings = os.path.join(self._root, os.path.dirname(path), SETTINGS.encode())
        try:
            wanted = json.loads(self._disk.read_back(os.fsdecode(settings)))
            return replace(look, delivered=True, own=self._asked(wanted))
        except FileNotFoundError:
            return replace(look, delivered=True)
        except (OSError, ValueError) as error:
            return replace(look, odd=Reason.of("upload_settings", error=str(error)))

    def with_strokes(self, path: bytes, look: FileObservation) -> FileObservation:
        """Do the same as for any hot folder."""
        return replace(super().with_strokes(path, look), delivered=True)

    def listed(self, path: bytes, entry: "os.DirEntry[bytes]", *, strokes: bool) -> FileObservation | None:
        """Do the same as for any hot folder."""
        look = super().listed(path, entry, strokes=strokes)
        return look and replace(look, delivered=True)
