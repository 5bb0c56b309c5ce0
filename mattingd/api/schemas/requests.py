"""The requests of the control socket. The type in brackets is the answer to each."""

from typing import Annotated, Any, Generic, Literal, TypeVar, cast, get_args

import msgspec
from msgspec import Meta

from mattingd.api.schemas import answers

A = TypeVar("A")
"""The answer to a request."""

Hexadecimal = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$")]
"""A path as its bytes in hexadecimal: file names are bytes, and need not be text."""
PageSize = Annotated[int, Meta(ge=1, le=1000)]
Cursor = str
"""Where a page begins: the `next` of the page before it; "" for the first page."""
ToldIn = Literal["", "en", "zh"]
"""The language of the reasons in an answer; "" for the configured one."""
FileKey = tuple[Hexadecimal, Hexadecimal]
"""A picture: root of its hot folder, and path below that."""


class Request(msgspec.Struct, Generic[A], frozen=True, tag_field="verb"):
    """A question, or a request for a change."""


def answer_type(request: Request[A]) -> type[A]:
    """Return the type of the answer to a request."""
    base = cast("Any", type(request)).__orig_bases__[0]
    return cast("type[A]", get_args(base)[0])


# --- questions ---


class Status(Request[answers.Status], frozen=True, tag="status"):
    """What the daemon is doing."""

    language: ToldIn = ""


class Where(Request[answers.Where], frozen=True, tag="where"):
    """What the daemon knows of one file beyond the journal."""

    root: Hexadecimal
    path: Hexadecimal


class Settling(Request[answers.Settling], frozen=True, tag="settling"):
    """Files that were seen and are not in the journal yet, in the order of hot folder and path."""

    after: Cursor = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 10_000


class Queue(Request[answers.QueuePage], frozen=True, tag="queue"):
    """Unfinished pictures, the oldest first."""

    after: Cursor = ""
    limit: PageSize = 100
    folder: Hexadecimal = ""
    """Only of this hot folder (its root); "" for all."""
    language: ToldIn = ""


class History(Request[answers.HistoryPage], frozen=True, tag="history"):
    """Pictures that have ended, the last one first."""

    after: Cursor = ""
    limit: PageSize = 100
    folder: Hexadecimal = ""
    state: str = ""
    """Only with this end (`done`, `failed`, ...)."""
    needs_look: bool = False
    """Only cut-outs that need checking and have no newer version."""
    since: float | None = None
    """Only pictures that ended at this time (seconds since 1970) or later."""


class Cleaned(Request[answers.Cleaned], frozen=True, tag="cleaned"):
    """The newest finished cleaning."""


class ModelOutcome(Request[answers.ModelOutcome], frozen=True, tag="model outcome"):
    """Whether a request for other weights is settled."""

    ticket: int


# --- actions ---


class Pause(Request[answers.Paused], frozen=True, tag="pause"):
    """Pause hot folders, or (not `paused`) resume them."""

    paused: bool
    folders: tuple[Hexadecimal, ...] = ()
    """Their paths; none means all."""


class Rescan(Request[answers.Rescanned], frozen=True, tag="rescan"):
    """Scan hot folders at once. `folders` as for `Pause`."""

    folders: tuple[Hexadecimal, ...] = ()


class Retry(Request[answers.PerFile], frozen=True, tag="retry"):
    """Retry pictures."""

    files: tuple[FileKey, ...]
    anyway: bool = False
    """Publish even if no subject is found, or the file is damaged."""


class Forget(Request[answers.PerFile], frozen=True, tag="forget"):
    """Forget pictures that have ended."""

    files: tuple[FileKey, ...]


class Approve(Request[answers.PerFile], frozen=True, tag="approve"):
    """Record that a user approved the newest cut-outs of pictures, or (not `approved`) revoke that."""

    files: tuple[FileKey, ...]
    approved: bool = True


class Reload(Request[answers.Reloaded], frozen=True, tag="reload"):
    """Read the configuration again."""


class Clean(Request[answers.Cleaning], frozen=True, tag="clean"):
    """Remove what retention finds due."""

    confirmed: bool = False
    """Whether to remove even an unusual number."""


class SendAgain(Request[answers.Resent], frozen=True, tag="send again"):
    """Make notices due again that were given up."""


class UseModel(Request[answers.Ticket], frozen=True, tag="use model"):
    """Use these weights for mattes; `ModelOutcome` returns the outcome."""

    model: str
    """SHA-256 of the weights; "" for those of the package."""
    anew: bool = False
    """Whether to start another process even if they are in use."""


# --- the feed ---


class Follow(Request[answers.Following], frozen=True, tag="follow"):
    """Send what happens from now on, one event per line, until the connection is closed."""

    after: str | None = None
    """The `id` of the client's last event: later ones are sent first."""
    progress: bool = False
    """Whether to include each step of each picture."""
    log: bool = False
    """Whether to include the lines of the log, the last ones first."""


AnyRequest = (
    Status
    | Where
    | Settling
    | Queue
    | History
    | Cleaned
    | ModelOutcome
    | Pause
    | Rescan
    | Retry
    | Forget
    | Approve
    | Reload
    | Clean
    | UseModel
    | SendAgain
    | Follow
)
"""Every request."""
