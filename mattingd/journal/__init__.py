"""The durable journal (SQLite): resume, history, audit. Nothing outside this package knows SQL."""

from mattingd.journal.admission import PlacingRules
from mattingd.journal.queries import Ending, Ledger, Made, Note, Record, Standing, reading
from mattingd.journal.schema import JournalError, NoJournalError
from mattingd.journal.writer import Checkpoint

__all__ = [
    "Checkpoint",
    "Ending",
    "JournalError",
    "Ledger",
    "Made",
    "NoJournalError",
    "Note",
    "PlacingRules",
    "Record",
    "Standing",
    "reading",
]
