"""The message about a drop: how many pictures are done, which failed and why, which need checking."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mattingd import words
from mattingd.domain.drops import LOOKS, Notice, counts_in_words
from mattingd.domain.reasons import told
from mattingd.domain.text import readable
from mattingd.journal.drops import DropReader
from mattingd.words import Language

NAMED = 20
"""Pictures that are named one by one, of each kind."""


class DeliveryError(Exception):
    """A digest was not accepted; the message says why, without any secret."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The content of a message about a drop."""

    id: str
    drop: str
    folder: str
    """The hot folder's name."""
    ended_at: str
    counts: Mapping[str, int]
    failed: tuple[tuple[str, str], ...]
    """Path and reason of some of the failed pictures."""
    needs_a_look: int
    unsure: tuple[str, ...]
    """Paths of some of the pictures that need checking."""
    reports: tuple[str, ...]
    """Where the files of its report are."""

    @property
    def places(self) -> tuple[str, ...]:
        """Return the files to open first: the sheet's first page, the table and the ZIP."""
        endings = (".jpg", ".csv", ".zip")
        firsts = (next((each for each in self.reports if each.endswith(ending)), "") for ending in endings)
        return tuple(place for place in firsts if place)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "event": "drop.ended",
            "id": self.id,
            "drop": self.drop,
            "folder": self.folder,
            "ended_at": self.ended_at,
            "counts": dict(self.counts),
            "failed": [{"in": path, "reason": reason} for path, reason in self.failed],
            "needs_a_look": {"number": self.needs_a_look, "in": list(self.unsure)},
            "reports": list(self.reports),
        }

    def subject(self, language: Language) -> str:
        """Return the subject in one line."""
        counts = counts_in_words(self.counts, self.needs_a_look, language)
        return words.label(language, "digest_subject", folder=self.folder, drop=self.drop, counts=counts)

    def text(self, language: Language) -> str:
        """Return the text for users."""
        label = words.label
        lines = [counts_in_words(self.counts, self.needs_a_look, language)]
        if self.failed:
            lines += ["", label(language, "digest_failed")]
            lines += [label(language, "digest_line", name=path, why=why) for path, why in self.failed]
            if (more := self.counts.get("failed", 0) - len(self.failed)) > 0:
                lines.append(label(language, "digest_more", number=more))
        if self.unsure:
            lines += ["", label(language, "digest_look")]
            lines += [f"- {path}" for path in self.unsure]
            if (more := self.needs_a_look - len(self.unsure)) > 0:
                lines.append(label(language, "digest_more", number=more))
        if self.places:
            lines += ["", label(language, "digest_report"), *(f"- {place}" for place in self.places)]
        return "\n".join([*lines, ""])


def digest_of(
    journal: DropReader, notice: Notice, folder: str, output: str, language: Language
) -> Digest | None:
    """Read the digest of a drop; None when the journal does not know it any more.

    Args:
        journal: the journal.
        notice: identifies the drop.
        folder: the hot folder's name.
        output: the output folder.
        language: language of the reasons.
    """
    drop = journal.drop(notice.folder, notice.drop)
    if drop is None:
        return None
    failed, unsure = list[tuple[str, str]](), list[str]()
    for picture in journal.unsure_first(notice.folder, notice.drop):
        record = picture.record
        if record.state == "failed" and len(failed) < NAMED:
            failed.append((readable(record.path), told(record.reasons, language)))
        elif record.state == "done":
            if not picture.needs_a_look or len(unsure) >= NAMED:
                break
            unsure.append(readable(record.path))
    made = [file.path for file in journal.report_files(notice.folder, notice.drop)]
    return Digest(
        notice.id,
        notice.drop,
        folder,
        drop.ended_at,
        journal.counts_of(notice.folder, notice.drop),
        tuple(failed),
        journal.unsure_in(notice.folder, notice.drop),
        tuple(unsure),
        tuple(f"{output}/{path}" for path in made if LOOKS not in PurePosixPath(path).parts),
    )
