"""Commands for the whole run."""

from dataclasses import dataclass

from mattingd.domain.exit_codes import ExitCode


@dataclass(frozen=True, slots=True)
class ContinueRetention:
    """Retention may continue: the journal holds what it reported last."""


@dataclass(frozen=True, slots=True)
class AnnounceShutdown:
    """Report that the end was requested, and which jobs are finished first within how many seconds."""

    jobs: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """End the daemon: all children, then the process, with this exit code."""

    code: ExitCode
    reason: str
