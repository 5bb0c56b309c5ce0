"""What can be wrong with a picture, said once and plainly.

Knows the kinds of trouble and how they are told. Must not know what is done about them.
"""

from typing import Literal

Kind = Literal["unsupported", "truncated", "corrupt", "too_large", "empty"]
"""Whose fault it is: not a format we read, not finished, damaged, over a limit, no bytes at all."""

NO_END = "its end marker is missing, but all of the picture is there"
"""Why to look at a picture whose decoder needs no more than there is."""


class PictureError(Exception):
    """A picture that cannot be used; ``str(error)`` is one line: what is wrong and what to do."""

    def __init__(self, kind: Kind, message: str) -> None:
        """Keep ``kind`` for decisions and ``message`` for people."""
        super().__init__(kind, message)
        self.kind: Kind = kind
        self.message = message

    def __str__(self) -> str:
        return self.message


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a library could not get the memory it asked for, in whatever words it says so."""
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


def truncated(why: str) -> PictureError:
    """The picture is not whole yet, or was cut off for good."""
    return PictureError("truncated", f"the picture is cut off ({why}): copy it again")


def corrupt(why: str) -> PictureError:
    """The picture is damaged inside."""
    return PictureError("corrupt", f"the picture is damaged ({why}): open it in an editor and save it anew")


def unsupported(what: str) -> PictureError:
    """Not a picture, or one of a kind that is not read."""
    return PictureError("unsupported", f"{what}: save it as JPEG, PNG, TIFF, WebP, AVIF or HEIC")
