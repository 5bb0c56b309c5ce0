"""The exit codes of the program."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the program; from 64 on as in BSD's sysexits.h."""

    OK = 0
    PARTIAL = 1
    """Some pictures failed or could not be finished."""
    USAGE = 2
    """The command line is invalid."""
    FAILED = 3
    """No picture could be processed, or the audit found a gap."""
    FOLDER = 66
    """A configured folder is missing or unusable: this may pass, as when a share is mounted late."""
    DEVICE = 69
    """The required GPU, or the model, is missing."""
    CHILD = 70
    """A worker or the engine cannot be kept running."""
    JOURNAL = 74
    """The journal cannot be read or written."""
    LOCKED = 75
    """Another daemon uses this state directory."""
    CONFIG = 78
    """The configuration is wrong."""
