"""The durable journal (SQLite): resume, history, audit. Nothing outside this package knows SQL."""

from mattingd.journal.admission import PlacingRules
from mattingd.journal.queries import Ending, JournalReader, Made, Note, PublishedOutput, Record, reading
from mattingd.journal.schema import JournalError, NoJournalError
from mattingd.journal.writer import JournalWriter

__all__ = [
    "Ending",
    "JournalError",
    "JournalReader",
    "JournalWriter",
    "Made",
    "NoJournalError",
    "Note",
    "PlacingRules",
    "PublishedOutput",
    "Record",
    "reading",
]
