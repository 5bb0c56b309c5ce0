"""A picture that is processed on another machine, as the bridge tracks it."""

from dataclasses import dataclass, field

from mattingd.domain.commands import Finish, Read
from mattingd.domain.reasons import Reason
from mattingd.domain.remote import RemotePicture


@dataclass(slots=True)
class Item:
    """A picture on its way to another machine or back."""

    read: Read
    data: bytes
    digest: bytes
    pixels: int
    finish: Finish | None = None
    since: int = 0
    """When it should be finished."""
    tasks: dict[int, tuple[str, RemotePicture]] = field(default_factory=dict)
    """The worker that has it."""
    had: set[str] = field(default_factory=set)
    """Workers that have or had it."""
    losses: int = 0
    again: bool = False
    """Whether it was sent to a second worker because the first one was slow."""
    back: bool = False
    """Whether its result has arrived."""


def not_elsewhere(why: object) -> Reason:
    """Return why it is processed on this machine."""
    return Reason.of("remote_not", said=" ".join(str(why).split()))


def left_because(why: str) -> Reason:
    """Return why a slot is gone."""
    return Reason.of("remote_left", said=why or "it left, or has no time")
