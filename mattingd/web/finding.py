"""Finds the pictures of the page and the API in the journal and on the disk.

Everything here blocks: call it on a thread, never on the event loop.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mattingd.config import Settings
from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.domain.presets import Preset
from mattingd.domain.text import readable
from mattingd.inference.model_store import adopted, description_of
from mattingd.inference.registry import DEFAULT
from mattingd.ingest.uploads import SETTINGS, UploadFolder
from mattingd.journal import JobReader, NoJournalError, Record, reading_jobs
from mattingd.runtime.launch import JOURNAL
from mattingd.web.backdrops import Backdrops
from mattingd.web.problems import ProblemError
from mattingd.web.schemas import Job, JobPage
from mattingd.web.telling import Found, job_of, states_of
from mattingd.web.words import phrase
from mattingd.words import Language
from mattingd.workers.entrypoint import model_spec

ABOUT = ".upload.json"
"""The file beside an uploaded picture with its batch and its callback."""
LONGEST_NUMBER = 19
"""Numbers of jobs have fewer digits than this, so that SQLite can store them."""


class Finder:
    """See the module. Thread-safe, because it never changes."""

    def __init__(self, settings: Settings) -> None:
        folder = next((each for each in settings.hot_folders if each.uploads), None)
        if folder is None:
            raise ValueError("the page needs `web: listen:`")
        self.settings = settings
        self.uploads = UploadFolder(folder.path)
        self.root = os.fsencode(folder.path)
        self.backdrops = Backdrops(settings.state_dir)
        self.journal = settings.state_dir / JOURNAL
        self.names = {os.fsencode(each.path): each.name for each in settings.hot_folders}

    # --- finding ---

    def find(self, job: str) -> Found:
        """Return the picture of an id: the number of a job, or an upload.

        Raises:
            ProblemError: there is none.
        """
        with self._reading() as journal:
            return self._find(job, journal)

    @contextmanager
    def _reading(self) -> Iterator[JobReader | None]:
        """Yield a reader of the journal; None before there is one."""
        with ExitStack() as stack:
            journal = None
            with suppress(NoJournalError):
                journal = stack.enter_context(reading_jobs(self.journal))
            yield journal

    def _find(self, job: str, journal: JobReader | None) -> Found:
        if is_upload(job):
            record = journal.newest_below(self.root, os.fsencode(f"{job}/")) if journal else None
            path = record.path if record else self._path_of(job)
            if path is not None:
                return Found(job, self.root, path, record)
        elif journal is not None and job.isascii() and job.isdecimal() and len(job) < LONGEST_NUMBER:
            record = journal.record(int(job))
            if record is not None:
                return Found(job, record.root, record.path, record)
        raise ProblemError(404, phrase("no_job"))

    def _path_of(self, upload: str) -> bytes | None:
        """Return the path of an upload's picture below `root`; None if it is not on the disk."""
        with suppress(OSError):
            for entry in sorted(each.name for each in (self.uploads.root / upload).iterdir()):
                if not entry.startswith(".") and not entry.endswith((".keep.png", ".drop.png")):
                    return os.fsencode(f"{upload}/{entry}")
        return None

    def job(self, job: str, words: Language = "en") -> Job:
        """Return a job by its id, with its reason in a language.

        Raises:
            ProblemError: there is none.
        """
        with self._reading() as journal:
            return self._job(job, journal, words)

    def _job(self, job: str, journal: JobReader | None, words: Language) -> Job:
        found = self._find(job, journal)
        known = self._told(found, journal, words)
        if found.record is None or journal is None or is_upload(job):
            return known
        newest = journal.records_of(found.root, found.path)[0].job
        successor = None if newest == found.record.job else str(newest)
        return known.model_copy(update={"successor": successor})

    def page(
        self,
        limit: int,
        cursor: str,
        *,
        state: str = "",
        folder: str = "",
        needs_look: bool = False,
        query: str = "",
        words: Language = "en",
    ) -> JobPage:
        """Return jobs of all folders, newest first.

        Args:
            limit: maximum number of jobs.
            cursor: `next` of the page before; empty for the first page.
            state: only jobs in this state.
            folder: only jobs of the hot folder with this name.
            needs_look: only cut-outs that need checking.
            query: only files whose path contains this text.
            words: the language of reasons.
        """
        roots = [root for root, name in self.names.items() if not folder or name == folder]
        with self._reading() as journal:
            if journal is None:
                return JobPage(items=[], next=None, total=0)
            rows, total = journal.page_of_jobs(
                limit, int(cursor or 0), states=states_of(state), roots=roots,
                below=NEEDS_A_LOOK if needs_look else None, query=query,
            )  # fmt: skip
            items = [
                self._told(Found(self._id(row), row.root, row.path, row), journal, words) for row in rows
            ]
        return JobPage(items=items, next=str(rows[-1].job) if len(rows) == limit else None, total=total)

    def _id(self, record: Record) -> str:
        return record.path.split(b"/")[0].decode() if record.root == self.root else str(record.job)

    def batch(self, batch: str, words: Language = "en") -> list[Job]:
        """Return the jobs of a batch by file name, with reasons in a language.

        Raises:
            ProblemError: there is no such batch.
        """
        with self._reading() as journal:
            jobs = [self._job(upload, journal, words) for upload in self.members(batch)]
        return sorted(jobs, key=lambda each: each.name)

    def members(self, batch: str) -> list[str]:
        """Return the ids of a batch's uploads.

        Raises:
            ProblemError: there is no such batch.
        """
        if not is_upload(batch):
            raise ProblemError(404, phrase("no_batch"))
        names = sorted(each.name for each in self.uploads.root.iterdir() if each.name.startswith(batch[:16]))
        found = [name for name in names if self.about(name).get("batch") == batch]
        if not found:
            raise ProblemError(404, phrase("no_batch"))
        return found

    def about(self, upload: str) -> dict[str, Any]:
        """Return `batch` of an upload, and `callback` until it is delivered; empty if it is gone."""
        with suppress(OSError, ValueError):
            known: dict[str, Any] = json.loads((self.uploads.root / upload / ABOUT).read_bytes())
            return known
        return {}

    def wanted(self, upload: str) -> dict[str, Any]:
        """Return the preset and settings of an upload; empty if there are none."""
        with suppress(OSError, ValueError):
            wanted: dict[str, Any] = json.loads((self.uploads.root / upload / SETTINGS).read_bytes())
            chosen = wanted.get("settings", {})
            if "background" in chosen:
                chosen["background"] = self.backdrops.name_of(chosen["background"])
            return wanted
        return {}

    def source(self, job: str) -> Path:
        """Return the path of a job's original.

        Raises:
            ProblemError: it is gone.
        """
        found = self.find(job)
        place = Path(os.fsdecode(os.path.join(found.root, found.path)))  # noqa: PTH118
        if found.root not in self.names or not place.is_file() or place.is_symlink():
            raise ProblemError(410, phrase("original_gone"))
        return place

    def result(self, job: str, ordinal: int = 0) -> Path:
        """Return the path of a job's finished file.

        Args:
            job: its id.
            ordinal: which of its outputs, from 0.

        Raises:
            ProblemError: there is none, or not yet, or it is gone.
        """
        told = self.job(job)
        if told.state == "failed":
            raise ProblemError(409, told.reason, job=told.model_dump())
        if told.state != "done" or ordinal >= len(told.outputs):
            raise ProblemError(409, phrase("unfinished"), {"Retry-After": "1"}, job=told.model_dump())
        place = self.settings.output_dir / told.outputs[ordinal].path
        if not place.is_file() or place.is_symlink():
            raise ProblemError(410, phrase("result_gone", path=told.outputs[ordinal].path))
        return place

    def presets(self) -> dict[str, Preset]:
        """Return all presets by name."""
        return dict(self.settings.presets)

    def differing(self, preset: Preset) -> dict[str, Any]:
        """Return the settings of a preset that differ from the defaults."""
        plain = asdict(Preset())
        return {name: value for name, value in asdict(preset).items() if value != plain[name]}

    def installed(self) -> frozenset[str]:
        """Return the names of the installed models."""
        return frozenset({DEFAULT, *(each.name for each in adopted(self.settings.state_dir))})

    # --- telling ---

    def _name_of(self, model: str | None) -> str | None:
        """Return the name of a model; the start of its hash if it is not installed any more."""
        if model is None or model == model_spec().sha256:
            return model and DEFAULT
        return str(description_of(self.settings.state_dir, model).get("name", model[:12]))

    def _told(self, found: Found, journal: JobReader | None, words: Language) -> Job:
        made = record = found.record
        if record is not None and journal is not None and record.state == "unchanged":
            records = journal.records_of(record.root, record.path)
            made = next((each for each in records if each.state == "done"), record)
        upload = found.id if found.root == self.root else None
        return job_of(
            found,
            made,
            folder=self.names.get(found.root, readable(found.root.rpartition(b"/")[2])),
            model=self._name_of(made.model) if made else None,
            batch=self.about(upload).get("batch") if upload else None,
            wanted=self.wanted(upload) if upload else {},
            words=words,
        )


def is_upload(text: str) -> bool:
    """Return whether a text has the form of an upload's or a batch's id."""
    return len(text) == 32 and all(char in "0123456789abcdef" for char in text)  # noqa: PLR2004 - a UUID
