"""mattingd: drop a picture into a folder, its cut-out appears in a dated folder."""

__version__ = "0.1.0"
