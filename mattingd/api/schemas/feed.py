"""The events of the feed: what a client that follows the daemon is told, one a line.

Each has an `id`. A client that was cut off names the last one it has, and gets what it missed: from the
daemon's memory whatever it was, else from the journal the pictures that ended. A picture may come twice then.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event"):
    """Something happened."""

    id: str


class Step(Event, frozen=True, tag="step"):
    """A picture made a step; only for clients that asked for progress, and never sent again."""

    job: int
    file: str
    """Hot folder and path, for users."""
    folder: str
    state: str
    """As in docs/LIFECYCLE.md."""
    why: str


class Logged(Event, frozen=True, tag="log"):
    """A line of the log, without secrets; only for clients that asked for the log, and never sent again."""

    number: int
    """Counted since the daemon started; the last lines are sent first, and one may come twice."""
    at: str
    level: str
    what: str
    """The line's event."""
    said: str


class PictureEnded(Event, frozen=True, tag="ended"):
    """A picture has ended, and the journal holds that."""

    job: int
    file: str
    folder: str
    root: str
    path: str
    """Both in hexadecimal, as used in requests."""
    state: str
    """`done`, `unchanged`, `failed`, `ignored`, `superseded` or `withdrawn`."""
    reason: str
    note: str | None
    """Where the error note is located if it failed, below the output folder."""


class DropEnded(Event, frozen=True, tag="drop"):
    """The last picture of a drop has ended."""

    folder: str
    drop: str
    ends: dict[str, int]
    """Number of pictures by their end."""


class FolderChanged(Event, frozen=True, tag="folder"):
    """The state of a hot folder changed."""

    folder: str
    root: str
    now: str
    """`paused`, `resumed`, `offline`, `online` or `removed`."""
    why: str = ""


class EngineChanged(Event, frozen=True, tag="engine"):
    """The state of the engine changed."""

    now: str
    """`starting`, `ready`, `ended`, `unloaded`, `taken out` (a device), `model used` or `model refused`."""
    model: str = ""
    """Its name when it is `ready`; otherwise the SHA-256 of the weights, "" for those of the package."""
    why: str = ""


class SpaceChanged(Event, frozen=True, tag="space"):
    """The output disk has too little free space (`why`), or enough again (None)."""

    why: str | None


class SettingsRead(Event, frozen=True, tag="settings"):
    """The configuration was read again; it is in use unless it has mistakes."""

    mistakes: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Cleaned(Event, frozen=True, tag="cleaned"):
    """Retention has finished a sweep."""

    removed: int
    trashed: int
    freed: int
    """Bytes."""
    left: int
    refused: str | None


class Stopping(Event, frozen=True, tag="stopping"):
    """The end was requested; pictures in work are finished first."""

    why: str


# --- about the feed itself ---


class Alive(Event, frozen=True, tag="alive"):
    """Nothing happened for a while. `id` is that of the newest event."""


class Missed(Event, frozen=True, tag="missed"):
    """Between the client's last event and now more happened than is kept: the state has to be asked for.

    Pictures that ended since follow from the journal; `all_ends` says whether these are all.
    """

    all_ends: bool


class Dropped(Event, frozen=True, tag="dropped"):
    """The client reads too slowly and gets nothing more. `Follow.after` with this `id` continues."""

    why: str


class Closed(Event, frozen=True, tag="closed"):
    """The daemon ends: nothing more follows."""


AnyEvent = (
    Step
    | Logged
    | PictureEnded
    | DropEnded
    | FolderChanged
    | EngineChanged
    | SpaceChanged
    | SettingsRead
    | Cleaned
    | Stopping
    | Alive
    | Missed
    | Dropped
    | Closed
)
"""Every event."""
LAST = (Dropped, Closed)
"""Nothing follows after these."""
