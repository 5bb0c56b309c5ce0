"""Requests from users, and changed settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """A user wants these weights (as in `Models`) to make the mattes from now on."""

    model: str
    ticket: int = 0
    """Identifies the outcome."""
    anew: bool = False
    """Whether to start another process even if they are in use."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The daemon shall end after the running work."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Another configuration was read and is in use; says what changed and what needs a restart."""

    taken: tuple[str, ...]
    restart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """Another configuration was read and has these mistakes: the old one stays."""

    mistakes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """A user wants a picture retried, whatever its state."""

    folder: int
    path: bytes
    anyway: bool = False
    """Whether to publish even if no subject is found or the file is damaged."""


@dataclass(frozen=True, slots=True)
class ApproveAsked:
    """A user has checked the newest cut-outs of a file: see `commands.Approve`."""

    folder: int
    path: bytes
    approved: bool


@dataclass(frozen=True, slots=True)
class ForgetAsked:
    """A user wants a file forgotten, so that it counts as new."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """A user pauses a hot folder, or (not `paused`) resumes it."""

    folder: int
    paused: bool
