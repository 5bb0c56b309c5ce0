"""Faults, as exceptions that become facts."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

from mattingd.domain.commands import Finish, Publish, Read
from mattingd.domain.jobs import Fault, Output
from mattingd.domain.picture_names import ends_like_a_picture
from mattingd.domain.reasons import Reason
from mattingd.imaging.formats.decode import PictureError
from mattingd.system import clock
from mattingd.system.filesystem import NotAFileError

T = TypeVar("T")
PASSING = frozenset({errno.EBUSY, errno.ESTALE, errno.EIO, errno.ETXTBSY})
"""Errors that a share gives for a moment, for instance while a virus scanner has a file open or the server
restarts. A full or read-only disk and missing rights do not pass so soon."""
PAUSES = (0.1, 0.5)
"""Seconds before such an operation is done again at once; after that the picture waits, as with any error."""

_KINDS = {"unsupported": Fault.UNSUPPORTED, "truncated": Fault.TRUNCATED}
"""Of a file that is read. What was read, and cannot be finished, failed."""


class Trouble(Exception):  # noqa: N818 - a fault on its way to becoming a fact
    """An operation cannot continue; becomes a `Faulted` fact."""

    def __init__(self, fault: Fault, reason: Reason) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


def again(operation: Callable[[], T]) -> T:
    """Do something on the output side that can be repeated; again if it failed by what passes at once.

    Raises:
        Trouble: it failed otherwise, or too often.
    """
    for pause in PAUSES:
        try:
            return operation()
        except Trouble as trouble:
            if getattr(trouble.__cause__, "errno", None) not in PASSING:
                raise
            clock.sleep(pause)
    return operation()


def fault_of(error: PictureError, command: Read | Finish | Publish) -> Fault:
    """Return the fault for a picture's error.

    A file that is no picture fails under a picture's name and is ignored under others.
    """
    if not isinstance(command, Read):
        return Fault.BAD
    fault = _KINDS.get(error.kind, Fault.BAD)
    named_so = ends_like_a_picture(os.path.basename(command.path))
    return Fault.BAD if fault is Fault.UNSUPPORTED and named_so else fault


@contextlib.contextmanager
def source_faults() -> Iterator[None]:
    """Convert errors of the source side by their meaning for the picture."""
    try:
        yield
    except NotAFileError as error:
        raise Trouble(Fault.UNSUPPORTED, error.reason.within("not_a_file")) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Trouble(Fault.GONE, Reason.of("gone")) from error
    except PermissionError as error:
        raise Trouble(Fault.BUSY, Reason.of("no_right")) from error
    except OSError as error:
        raise Trouble(Fault.BUSY, Reason.of("cannot_read", error=error.strerror or str(error))) from error


@contextlib.contextmanager
def named_if_several(output: Output | None) -> Iterator[None]:
    """With several outputs, say which one cannot be made."""
    try:
        yield
    except PictureError as error:
        if output is None:
            raise
        raise PictureError(error.kind, error.reason.about(os.path.basename(output.place.path))) from error
