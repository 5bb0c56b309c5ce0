"""The errors of pictures.

Knows the kinds of errors and their messages. Must not know how they are handled.
"""

from typing import Literal

from mattingd.domain.reasons import Reason
from mattingd.words import Param

Kind = Literal["unsupported", "truncated", "corrupt", "too_large", "empty"]
"""Whose fault it is: not a format we read, not finished, damaged, over a limit, no bytes at all."""

NO_END = Reason.of("no_end_marker")
"""Why to look at a picture whose decoder needs no more than there is."""


class PictureError(Exception):
    """A picture that cannot be used; ``str(error)`` is one line: what is wrong and what to do."""

    def __init__(self, kind: Kind, reason: Reason) -> None:
        """Keep ``kind`` for decisions and ``reason`` for people."""
        super().__init__(kind, reason)
        self.kind: Kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return str(self.reason)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a library failed to allocate memory, however it says so."""
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


def truncated(detail: str, **params: Param) -> PictureError:
    """Return the error for a picture that is incomplete or truncated; `detail` is a code of `words`."""
    return PictureError("truncated", Reason.of("truncated", detail=detail, **params))


def corrupt(detail: str, **params: Param) -> PictureError:
    """Return the error for a picture that is damaged inside."""
    return PictureError("corrupt", Reason.of("damaged", detail=detail, **params))


def unsupported(detail: str, **params: Param) -> PictureError:
    """Return the error for a file that is not a picture or is of an unsupported kind."""
    return PictureError("unsupported", Reason.of("not_read", detail=detail, **params))


def misread(what: str) -> PictureError:
    """Return the error for a file that does not decode to what was encoded; `what` is for developers."""
    return corrupt("check_failed", check=what)
