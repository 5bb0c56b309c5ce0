"""The durable journal (SQLite): resume, history, audit. Nothing outside this package knows SQL."""

from mattingd.checkpoint.admission import PlacingRules
from mattingd.checkpoint.journal import Checkpoint
from mattingd.checkpoint.reading import Ending, Ledger, Made, Note, Record, Standing, reading
from mattingd.checkpoint.schema import JournalError, NoJournalError

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
