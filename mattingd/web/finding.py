"""Pictures as the page and the API know them: found again in the journal and on the disk.

Files and journal only; runs on threads, never on the event loop.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mattingd.config import Settings
from mattingd.core.lifecycle import WORKING, State
from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import told
from mattingd.domain.text import readable
from mattingd.ingest.uploads import SETTINGS, UploadFolder
from mattingd.journal import JobReader, NoJournalError, Record, reading_jobs
from mattingd.runtime.daemon import JOURNAL
from mattingd.web.backdrops import Backdrops
from mattingd.web.problems import ProblemError
from mattingd.web.schemas import Job, JobPage, JobState, OutputFile
from mattingd.words import Language

ABOUT = ".upload.json"
"""What is known of an upload beside its settings: its batch and its callback."""
_STATES: dict[str, JobState] = {
    "done": "done", "unchanged": "done", "failed": "failed", "ignored": "failed",
    "superseded": "gone", "withdrawn": "gone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A picture of which the journal knows, or an upload of which it does not yet."""

    id: str
    root: bytes
    path: bytes
    record: Record | None


class Finder:
    """See the module. Thread-safe: it holds nothing that changes."""

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
        """The picture of an id: the number of a job, or of an upload.

        Raises:
            ProblemError: there is none.
        """
        with suppress(NoJournalError), reading_jobs(self.journal) as journal:
            if job.isascii() and job.isdecimal() and len(job) < 19:  # noqa: PLR2004 - SQLite's integers
                record = journal.record(int(job))
                if record is not None:
                    return Found(job, record.root, record.path, record)
            elif is_upload(job):
                record = journal.newest_below(self.root, os.fsencode(job) + b"/")
                path = record.path if record else self._path_of(job)
                if path is not None:
                    return Found(job, self.root, path, record)
        if is_upload(job) and (path := self._path_of(job)) is not None:
            return Found(job, self.root, path, None)
        raise ProblemError(404, "there is no such job")

    def _path_of(self, upload: str) -> bytes | None:
        """The picture of an upload, as it is on the disk."""
        with suppress(OSError):
            for entry in sorted(each.name for each in (self.uploads.root / upload).iterdir()):
                if not entry.startswith(".") and not entry.endswith((".keep.png", ".drop.png")):
                    return os.fsencode(f"{upload}/{entry}")
        return None

    def job(self, job: str, words: Language = "en") -> Job:
        """A job by its id; `words`: the language of its reason."""
        found = self.find(job)
        with suppress(NoJournalError), reading_jobs(self.journal) as journal:
            known = self._told(found, journal, words)
            if found.record is not None and job.isdecimal():
                newest = journal.records_of(found.root, found.path)[0].job
                successor = None if newest == found.record.job else str(newest)
                return known.model_copy(update={"successor": successor})
            return known
        return self._told(found, None, words)

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
        """Jobs of all folders, the newest first."""
        roots = [root for root, name in self.names.items() if not folder or name == folder]
        try:
            with reading_jobs(self.journal) as journal:
                rows, total = journal.page_of_jobs(
                    limit, int(cursor or 0), states=_states(state), roots=roots,
                    below=NEEDS_A_LOOK if needs_look else None, query=query,
                )  # fmt: skip
                items = [
                    self._told(Found(self._id(row), row.root, row.path, row), journal, words) for row in rows
                ]
        except NoJournalError:
            return JobPage(items=[], next=None, total=0)
        return JobPage(items=items, next=str(rows[-1].job) if len(rows) == limit else None, total=total)

    def _id(self, record: Record) -> str:
        return record.path.split(b"/")[0].decode() if record.root == self.root else str(record.job)

    def batch(self, batch: str, words: Language = "en") -> list[Job]:
        """The jobs of an upload of many."""
        return sorted((self.job(upload, words) for upload in self.members(batch)), key=lambda each: each.name)

    def members(self, batch: str) -> Iterator[str]:
        """The uploads of a batch."""
        if not is_upload(batch):
            raise ProblemError(404, "there is no such batch")
        names = sorted(each.name for each in self.uploads.root.iterdir() if each.name.startswith(batch[:16]))
        found = [name for name in names if self.about(name).get("batch") == batch]
        if not found:
            raise ProblemError(404, "there is no such batch")
        yield from found

    def about(self, upload: str) -> dict[str, Any]:
        """What is known of an upload beside its settings."""
        with suppress(OSError, ValueError):
            known: dict[str, Any] = json.loads((self.uploads.root / upload / ABOUT).read_bytes())
            return known
        return {}

    def wanted(self, upload: str) -> dict[str, Any]:
        """What was asked for with an upload."""
        with suppress(OSError, ValueError):
            wanted: dict[str, Any] = json.loads((self.uploads.root / upload / SETTINGS).read_bytes())
            chosen = wanted.get("settings", {})
            if "background" in chosen:
                chosen["background"] = self.backdrops.name_of(chosen["background"])
            return wanted
        return {}

    def source(self, job: str) -> Path:
        """The original of a job.

        Raises:
            ProblemError: it is not here any more.
        """
        found = self.find(job)
        place = Path(os.fsdecode(os.path.join(found.root, found.path)))  # noqa: PTH118
        if found.root not in self.names or not place.is_file() or place.is_symlink():
            raise ProblemError(410, "its original is not here any more")
        return place

    def result(self, job: str, ordinal: int = 0) -> Path:
        """A finished file of a job.

        Raises:
            ProblemError: there is none (yet), or it is not here any more.
        """
        told = self.job(job)
        if told.state == "failed":
            raise ProblemError(409, told.reason, job=told.model_dump())
        if told.state != "done" or ordinal >= len(told.outputs):
            raise ProblemError(409, "it is not finished yet", {"Retry-After": "1"}, job=told.model_dump())
        place = self.settings.output_dir / told.outputs[ordinal].path
        if not place.is_file() or place.is_symlink():
            raise ProblemError(410, f"{told.outputs[ordinal].path} is not in the output folder any more")
        return place

    def presets(self) -> dict[str, Preset]:
        """All presets by name."""
        return dict(self.settings.presets)

    def differing(self, preset: Preset) -> dict[str, Any]:
        """The settings of a preset that are not the defaults."""
        plain = asdict(Preset())
        return {name: value for name, value in asdict(preset).items() if value != plain[name]}

    # --- telling ---

    def _told(self, found: Found, journal: JobReader | None, words: Language) -> Job:
        upload = found.id if found.root == self.root else ""
        name = readable(found.path.rpartition(b"/")[2])
        wanted, batch = (self.wanted(upload), self.about(upload).get("batch")) if upload else ({}, None)
        folder = self.names.get(found.root, readable(found.root.rpartition(b"/")[2]))
        record = found.record
        if record is None:
            return Job(
                id=found.id,
                name=name,
                folder=folder,
                state="waiting",
                stage="waiting",
                wanted=wanted,
                batch=batch,
            )
        made = record
        if record.state == "unchanged" and journal is not None:
            records = journal.records_of(record.root, record.path)
            made = next((each for each in records if each.state == "done"), record)
        done = record.state in {"done", "unchanged"}
        return Job(
            id=found.id,
            name=name,
            folder=folder,
            state=_state_of(record.state),
            stage=record.state,
            reason=told(record.reasons, words),
            confidence=made.confidence,
            needs_look=done
            and made.approved_at is None
            and made.confidence is not None
            and made.confidence < NEEDS_A_LOOK,
            created=record.admitted_at,
            ended=record.ended_at,
            version=record.job,
            batch=batch,
            wanted=wanted,
            outputs=[
                OutputFile(
                    path=path, url=f"/api/v1/jobs/{found.id}/result" + (f"/{number}" if number else "")
                )
                for number, path in enumerate(made.outputs if done else ())
            ],
        )


def _state_of(state: str) -> JobState:
    return _STATES.get(state, "working" if State(state) in WORKING else "waiting")


def _states(state: str) -> tuple[str, ...]:
    """The journal's states that one of ours stands for."""
    if not state:
        return ()
    return tuple(str(each) for each in State if _state_of(str(each)) == state) or ("",)


def is_upload(text: str) -> bool:
    """Whether this can be the id of an upload or a batch."""
    return len(text) == 32 and all(char in "0123456789abcdef" for char in text)  # noqa: PLR2004 - a UUID
