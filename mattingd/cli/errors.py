"""How a verb ends: an exit code, one clear line for an expected error, a traceback only for defects."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from mattingd.domain.exit_codes import ExitCode

DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENODEV})
"""What is never a defect of ours."""


class CommandError(Exception):
    """An error that the user can fix: its message is printed without a traceback."""

    def __init__(self, *lines: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code = code


def run_verb(verb: Callable[[], ExitCode]) -> None:
    """Run a verb and end the program with its exit code."""
    try:
        code = verb()
    except CommandError as error:
        code = _say(error.lines, error.code)
    except KeyboardInterrupt:
        code = ExitCode.PARTIAL
    except Exception as error:
        ended = _expected(error)
        if ended is None:
            raise
        code = _say(*ended)
    raise typer.Exit(int(code))


def _expected(error: Exception) -> tuple[tuple[str, ...], ExitCode] | None:
    """Return what to say about an error that is no defect of ours, and the exit code; None for others."""
    from mattingd.api.client import NoAnswerError  # noqa: PLC0415 - no verb loads all of them
    from mattingd.config import ConfigError  # noqa: PLC0415
    from mattingd.journal import JournalError  # noqa: PLC0415
    from mattingd.runtime.lock import LockedError  # noqa: PLC0415

    match error:
        case ConfigError():
            return error.lines, ExitCode.CONFIG
        case LockedError():
            return (str(error),), ExitCode.LOCKED
        case JournalError() | NoAnswerError():
            code = ExitCode.JOURNAL if isinstance(error, JournalError) else ExitCode.PARTIAL
            return (str(error),), code
        case PermissionError():
            why = f"{error.filename} is closed to you; ask as the daemon's user, or with sudo"
            return (why,), ExitCode.PARTIAL
        case OSError() if error.errno in DISK_FAULTS:
            where = f"{error.filename}: " if error.filename else "nothing more can be written: "
            return (f"{where}{error.strerror}; `mattingd doctor` says more",), ExitCode.FOLDER
        case _:
            return None


def _say(lines: tuple[str, ...], code: ExitCode) -> ExitCode:
    for line in lines:
        print(f"mattingd: {line}", file=sys.stderr)  # noqa: T201
    return code


def find_config(given: Path | None) -> Path:
    """Find the configuration file to use.

    Raises:
        CommandError: there is none in the usual places.
    """
    if given is not None:
        return given
    places = (
        Path("config.yaml"),
        Path("~/.config/mattingd/config.yaml").expanduser(),
        Path("/etc/mattingd/config.yaml"),
    )
    for place in places:
        if place.exists():
            return place
    raise CommandError(
        f"there is no configuration in {', '.join(map(str, places))}: `mattingd init` writes one,"
        " `--config FILE` names another",
        code=ExitCode.CONFIG,
    )
