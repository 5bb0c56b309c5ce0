"""Takes in pictures for the page and the API, and has them made again.

Everything here blocks: call it on a thread, never on the event loop.
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
from mattingd.config.spelling import understood
from mattingd.domain.presets import Preset
from mattingd.ingest.uploads import SETTINGS, as_stored, safe_name
from mattingd.system import clock
from mattingd.web.finding import ABOUT, Finder
from mattingd.web.problems import ProblemError
from mattingd.web.telling import Found
from mattingd.web.words import phrase

CHUNK = 1 << 20
ABANDONED_SECONDS = 86_400
"""Age at which unfinished uploads of a killed page are removed."""
FREE = frozenset(each.name for each in fields(Preset)) - {"finisher"}
"""Settings that requests may contain. A background is a colour or was sent: never a path of this machine."""


class Desk(Finder):
    """See the module. Thread-safe, because it never changes."""

    # --- taking in ---

    def checked(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return `preset` and `settings` of a request as they are stored with an upload.

        Args:
            wanted: `preset`, a name, and `settings`, what differs from it; both may be missing.

        Raises:
            ProblemError: they cannot be used; the detail says why.
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
        elif isinstance(background, str):
            settings |= understood({"background": background})
        model = settings.get("model")
        if model is not None and model not in (installed := self.installed()):
            raise ProblemError(
                422, f"there is no model {model!r} here; installed: {', '.join(sorted(installed))}"
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
        """Store a picture durably and return its id.

        Args:
            name: the file name that the client sent.
            source: its bytes.
            wanted: as `checked` returned it.
            about: `batch`, and `callback` if there is one.
            upload: its id; by default a new one.

        Raises:
            ProblemError: it is empty or too large, was sent already, or cannot be stored.
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
            raise ProblemError(507, phrase("no_space", error=error.strerror)) from None
        return upload

    def redo(self, job: str, wanted: dict[str, Any] | None = None) -> None:
        """Have a picture made again.

        Args:
            job: its id.
            wanted: other settings for an upload, as `checked` returned them; None keeps those it has.

        Raises:
            ProblemError: a picture of a hot folder cannot get other settings, or the file is gone.
            NoDaemonError, NoAnswerError: as `api.client.ask` says.
        """
        found = self.find(job)
        if found.root == self.root and wanted is not None:
            self.uploads.ask(job, wanted)
        elif wanted:
            raise ProblemError(409, phrase("folders_settings"))
        answer = ask(self.settings.state_dir, requests.Retry(files=(_key(found),)))
        if not answer.files[0].granted:
            raise ProblemError(409, answer.files[0].said)

    def redo_all(self, jobs: list[str]) -> None:
        """Have pictures made again with the settings they have.

        Raises:
            ProblemError: all their files are gone.
            NoDaemonError, NoAnswerError: as `api.client.ask` says.
        """
        answer = ask(
            self.settings.state_dir, requests.Retry(files=tuple(_key(self.find(job)) for job in jobs))
        )
        if answer.files and not any(each.granted for each in answer.files):
            raise ProblemError(409, answer.files[0].said)

    def approve(self, job: str) -> None:
        """Record that a user has checked the cut-outs of a picture and approves them.

        Raises:
            ProblemError: there is no such job, or nothing to approve.
            NoDaemonError, NoAnswerError: as `api.client.ask` says.
        """
        found = self.find(job)
        answer = ask(self.settings.state_dir, requests.Approve(files=(_key(found),)))
        if not answer.files[0].granted:
            raise ProblemError(409, answer.files[0].said)

    def strokes(self, job: str, kind: str, png: bytes) -> None:
        """Store strokes beside a picture.

        Args:
            job: its id.
            kind: `keep` or `drop`.
            png: a PNG that is not transparent where the user painted; empty removes the strokes.

        Raises:
            ProblemError: there is no such job, or they cannot be stored.
        """
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
            raise ProblemError(409, phrase("no_strokes_here", error=error.strerror)) from None

    def remove(self, job: str) -> None:
        """Remove an upload. Published cut-outs stay until retention removes them.

        Raises:
            ProblemError: there is no such job, or it came by a hot folder.
        """
        found = self.find(job)
        if found.root != self.root:
            raise ProblemError(409, "it was not uploaded; remove it from its hot folder")
        shutil.rmtree(self.uploads.root / job, ignore_errors=True)

    # --- tidying ---

    def tidy(self) -> int:
        """Remove uploads that ended more than `upload_days` ago; return how many."""
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
        raise ProblemError(422, phrase("is_empty", name=name))


def _copied(source: BinaryIO, sink: BinaryIO, most: int) -> int:
    size = 0
    while part := source.read(CHUNK):
        size += len(part)
        if size > most:
            raise ProblemError(413, phrase("too_large", mb=f"{most / 1e6:g}"))
        sink.write(part)
    return size
