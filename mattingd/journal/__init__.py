"""The durable journal (SQLite): resume, history, audit. Nothing outside this package knows SQL."""

from mattingd.journal.admission import PlacingRules
from mattingd.journal.job_pages import JobReader, reading_jobs
from mattingd.journal.queries import JournalReader, known_to, reading
from mattingd.journal.records import Ending, Made, Note, PublishedOutput, Record
from mattingd.journal.schema import JournalError, NoJournalError
from mattingd.journal.writer import JournalWriter

__all__ = [
    "Ending",
    "JobReader",
    "JournalError",
    "JournalReader",
    "JournalWriter",
    "Made",
    "NoJournalError",
    "Note",
    "PlacingRules",
    "PublishedOutput",
    "Record",
    "known_to",
    "reading",
    "reading_jobs",
]
