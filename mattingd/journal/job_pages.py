"""Questions of the page and the API to the journal: jobs by number, uploads by folder, pages of jobs."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mattingd.journal.queries import JournalReader
from mattingd.journal.records import RECORD, Record, record_of
from mattingd.journal.schema import explained


@dataclass(frozen=True, slots=True)
class Week:
    """The cut-outs of one week, and what users did with them since."""

    monday: str
    """The first day of the week, ISO 8601."""
    done: int
    kept: int
    """Of those: cut-outs without a later version of the same file."""
    touched_up: int
    """Of those: cut-outs followed by a version with strokes."""
    redone: int
    """Of those: cut-outs whose file was saved again or requested once more."""
    failed: int


class JobReader(JournalReader):
    """A journal reader that returns pages of jobs."""

    def record(self, job: int) -> Record | None:
        """Return a job by its number."""
        row = self._db.execute(f"{RECORD} WHERE j.id = ?", (job,)).fetchone()
        return None if row is None else self._with_outputs(record_of(row))

    def newest_below(self, root: bytes, folder: bytes) -> Record | None:
        """Return the newest job of the files below `folder` (ending in a slash) in a hot folder."""
        row = self._db.execute(
            f"{RECORD} WHERE f.root = ? AND j.path > ? AND j.path < ? ORDER BY j.id DESC LIMIT 1",
            (root, folder, folder[:-1] + b"0"),
        ).fetchone()
        return None if row is None else self._with_outputs(record_of(row))

    def page_of_jobs(
        self,
        limit: int,
        before: int = 0,
        *,
        states: Sequence[str] = (),
        roots: Sequence[bytes] = (),
        below: float | None = None,
        query: str = "",
    ) -> tuple[list[Record], int]:
        """Return the newest job of each file, newest first, and the number of all that match.

        Args:
            limit: maximum number of jobs.
            before: only job numbers below this one, the last of the previous page; 0 for the first page.
            states: only these; none means all.
            roots: only of these hot folders; none means all.
            below: only cut-outs with less confidence than this that no user has approved.
            query: only files whose path contains this text; ASCII letters match in either case.
        """
        wanted, given = ["j.current"], list[object]()
        for column, values in (("j.state", states), ("f.root", roots)):
            if values:
                wanted.append(f"{column} IN ({', '.join('?' * len(values))})")
                given += values
        if below is not None:
            wanted.append("j.confidence < ? AND j.approved_at IS NULL")
            given.append(below)
        if query:
            wanted.append("instr(lower(CAST(j.path AS TEXT)), lower(?)) > 0")
            given.append(query)
        table = f"JOIN folders f ON f.id = j.folder WHERE {' AND '.join(wanted)}"
        count = f"SELECT count(*) FROM jobs j {table}"  # noqa: S608 - our own words; values are bound
        (number,) = self._db.execute(count, given).fetchone()
        page = " AND j.id < ?" if before else ""
        rows = self._db.execute(
            f"{RECORD} WHERE {' AND '.join(wanted)}{page} ORDER BY j.id DESC LIMIT ?",
            (*given, *([before] if before else ()), limit),
        )
        return [self._with_outputs(record_of(row)) for row in rows.fetchall()], int(number)

    def weeks(self, limit: int, root: bytes | None = None) -> list[Week]:
        """Return what users did with the cut-outs of each week, newest first.

        Args:
            limit: maximum number of weeks.
            root: only of this hot folder.
        """
        folder = "" if root is None else " AND j.folder = (SELECT id FROM folders WHERE root = ?)"
        next_one = (
            "SELECT length(coalesce(n.painted, '')) > 0 FROM jobs n WHERE n.folder = j.folder"
            " AND n.path = j.path AND n.id > j.id AND n.state = 'done' ORDER BY n.id LIMIT 1"
        )
        rows = self._db.execute(
            f"SELECT week, sum(state = 'done'), sum(state = 'done' AND next IS NULL), sum(next = 1),"  # noqa: S608 - our own words
            " sum(next = 0), sum(state = 'failed') FROM ("
            "SELECT date(substr(j.ended_at, 1, 10), 'weekday 0', '-6 days') AS week, j.state,"
            f" CASE WHEN j.state = 'done' THEN ({next_one}) END AS next FROM jobs j"
            f" WHERE j.state IN ('done', 'failed') AND j.ended_at IS NOT NULL{folder})"
            " GROUP BY week ORDER BY week DESC LIMIT ?",
            (*(() if root is None else (root,)), limit),
        )
        return [Week(day, *(number or 0 for number in numbers)) for day, *numbers in rows]


@contextmanager
def reading_jobs(path: Path) -> Iterator[JobReader]:
    """Open the journal for reading.

    Raises:
        JournalError: it cannot be read.
        NoJournalError: there is none yet.
    """
    with explained(path), closing(JobReader(path)) as journal:
        yield journal
