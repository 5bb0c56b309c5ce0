"""Pictures as the page and the API know them: taken in, found again, asked for once more.

Files and journal only; runs on threads, never on the event loop.
"""

import json
import os
import shutil
import uuid
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from mattingd.api.client import ask
from mattingd.api.schemas import requests
from mattingd.config import own_settings
from mattingd.domain.presets import Preset
from mattingd.ingest.uploads import SETTINGS, as_stored, safe_name
from mattingd.system import clock
from mattingd.web.finding import ABOUT, Finder, Found
from mattingd.web.problems import ProblemError

CHUNK = 1 << 20
ABANDONED_SECONDS = 86_400
"""So old, what a killed page had begun to take in is removed."""
FREE = frozenset(each.name for each in fields(Preset)) - {"model", "finisher"}
"""Settings that may come from outside. A background is a colour or was sent: never a path of this machine."""


class Desk(Finder):
    """See the module. Thread-safe: it holds nothing that changes."""

    # --- taking in ---

    def checked(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return what is wanted of a picture, if it can be had.

        Raises:
            ProblemError: it cannot; the detail says what would be right.
        """
        settings = dict(wanted.get("settings") or {})
        if foreign := sorted(settings.keys() - FREE):
            raise ProblemError(422, f"there is no such setting: {', '.join(foreign)}")
        background = settings.get("background")
        if (stored := self.backdrops.path_of(background)) is not None:
            settings["background"] = stored
        elif isinstance(background, str) and any(char in background for char in "/.\\"):
            raise ProblemError(
                422, "background must be a colour, such as white or #438edb, or one of /api/v1/backgrounds"
            )
        asked = {"preset": wanted.get("preset") or None, "settings": settings}
        asked = {name: value for name, value in asked.items() if value}
        try:
            own_settings(self.settings.presets, self.settings.engine.model, asked)
        except ValueError as error:
            raise ProblemError(422, str(error)) from None
        return asked

    def take(
        self,
        name: str,
        source: BinaryIO,
        wanted: dict[str, Any],
        about: dict[str, Any],
        upload: str | None = None,
    ) -> str:
        """Store a picture; when this returns its id, no crash loses it.

        Args:
            name: of the file, as it was sent.
            source: its bytes.
            wanted: as `checked` returned it.
            about: `batch`, and `callback` if there is one.
            upload: the id it gets; by default a new one.

        Raises:
            ProblemError: it is empty or too large, or the disk is full.
        """
        upload = upload or uuid.uuid4().hex
        most = round(self.settings.web.max_upload_mb * 1e6)
        try:
            with self.uploads.receiving(upload) as folder:
                with (folder / safe_name(name)).open("wb") as sink:
                    size = _copied(source, sink, most)
                _refuse_empty(size, name)
                (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")
                (folder / SETTINGS).write_bytes(as_stored(wanted))
        except FileExistsError:
            raise ProblemError(409, "this picture was sent already") from None
        except OSError as error:
            raise ProblemError(507, f"it cannot be stored here: {error.strerror}") from None
        return upload

    def redo(self, job: str, wanted: dict[str, Any] | None = None) -> None:
        """Have a picture made again: one of the page with other settings, unless `wanted` is None.

        Raises:
            ProblemError: it did not come by the page, or is not here any more.
            NoDaemonError, NoAnswerError: as `api.client.ask` says.
        """
        found = self.find(job)
        if found.root == self.root and wanted is not None:
            self.uploads.ask(job, wanted)
        elif wanted:
            raise ProblemError(409, "its settings are those of its hot folder; upload it to choose others")
        answer = ask(self.settings.state_dir, requests.Retry(files=(_key(found),)))
        if not answer.files[0].granted:
            raise ProblemError(409, answer.files[0].said)

    def redo_all(self, jobs: list[str]) -> None:
        """Have pictures made again with the settings they have.

        Raises:
            ProblemError: none of them is here any more.
            NoDaemonError, NoAnswerError: as `api.client.ask` says.
        """
        answer = ask(
            self.settings.state_dir, requests.Retry(files=tuple(_key(self.find(job)) for job in jobs))
        )
        if answer.files and not any(each.granted for each in answer.files):
            raise ProblemError(409, answer.files[0].said)

    def approve(self, job: str) -> None:
        """Keep that somebody looked at a picture's cut-outs and finds them good."""
        found = self.find(job)
        answer = ask(self.settings.state_dir, requests.Approve(files=(_key(found),)))
        if not answer.files[0].granted:
            raise ProblemError(409, answer.files[0].said)

    def strokes(self, job: str, kind: str, png: bytes) -> None:
        """Store what was painted on a picture, beside it; empty removes it."""
        found = self.find(job)
        name = os.path.splitext(found.path)[0] + b".%s.png" % kind.encode()  # noqa: PTH122 - bytes
        place = Path(os.fsdecode(os.path.join(found.root, name)))  # noqa: PTH118
        if not png:
            place.unlink(missing_ok=True)
            return
        temp = place.with_name(f".{uuid.uuid4().hex}.part")
        try:
            temp.write_bytes(png)
            temp.replace(place)
        except OSError as error:
            raise ProblemError(409, f"nothing can be written beside it: {error.strerror}") from None

    def remove(self, job: str) -> None:
        """Take an upload back. Cut-outs that are published stay, as retention says."""
        found = self.find(job)
        if found.root != self.root:
            raise ProblemError(409, "it did not come by the page; take it out of its hot folder")
        shutil.rmtree(self.uploads.root / job, ignore_errors=True)

    # --- tidying ---

    def tidy(self) -> int:
        """Remove uploads whose cut-outs are done for longer than `upload_days`; returns how many."""
        removed = 0
        now = clock.wall().timestamp()
        self.backdrops.tidy(now - 2 * self.settings.web.upload_days * 86_400)
        for folder in list(self.uploads.root.iterdir()):
            with suppress(OSError, ProblemError):
                age = now - folder.stat().st_mtime
                if folder.name.startswith(".") and age > ABANDONED_SECONDS:
                    shutil.rmtree(folder)
                if folder.name.startswith(".") or age < self.settings.web.upload_days * 86_400:
                    continue
                if self._path_of(folder.name) is None or self.job(folder.name).state not in {
                    "waiting",
                    "working",
                }:
                    shutil.rmtree(folder)
                    removed += 1
        return removed


def _key(found: Found) -> tuple[str, str]:
    return found.root.hex(), found.path.hex()


def _refuse_empty(size: int, name: str) -> None:
    if not size:
        raise ProblemError(422, f"{name!r} is empty")


def _copied(source: BinaryIO, sink: BinaryIO, most: int) -> int:
    size = 0
    while part := source.read(CHUNK):
        size += len(part)
        if size > most:
            raise ProblemError(413, f"a picture may have {most / 1e6:g} MB at most; see web.max_upload_mb")
        sink.write(part)
    return size
