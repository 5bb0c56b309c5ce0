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
    from mattingd.api.client import NoAnswerError  # noqa: PLC0415
    from mattingd.config import ConfigError  # noqa: PLC0415
    from mattingd.journal import JournalError  # noqa: PLC0415 - after --help
    from mattingd.runtime.lock import LockedError  # noqa: PLC0415

    try:
        code = verb()
    except CommandError as error:
        code = _say(error.lines, error.code)
    except ConfigError as error:
        code = _say(error.lines, ExitCode.CONFIG)
    except LockedError as error:
        code = _say((str(error),), ExitCode.LOCKED)
    except JournalError as error:
        code = _say((str(error),), ExitCode.JOURNAL)
    except NoAnswerError as error:
        code = _say((str(error),), ExitCode.PARTIAL)
    except PermissionError as error:
        code = _say(
            (f"{error.filename} is closed to you; ask as the daemon's user, or with sudo",), ExitCode.PARTIAL
        )
    except OSError as error:
        if error.errno not in DISK_FAULTS:
            raise
        where = f"{error.filename}: " if error.filename else "nothing more can be written: "
        code = _say((f"{where}{error.strerror}; `mattingd doctor` says more",), ExitCode.FOLDER)
    except KeyboardInterrupt:
        code = ExitCode.PARTIAL
    raise typer.Exit(int(code))


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
