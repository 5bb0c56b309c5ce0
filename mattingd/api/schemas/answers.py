"""The answers of the control socket."""

from typing import Any

import msgspec

from mattingd.api.schemas.fleet import Device, Remote


class Answer(msgspec.Struct, frozen=True):
    """The daemon's answer to a request."""


class Refusal(Answer, frozen=True):
    """Why there is no answer."""

    error: str
    """The reason in words."""
    code: str = ""
    """For programs: `unknown`, `malformed`, `unknown folder`, `busy`, `ending`, `crowded`, `refused`."""


# --- status ---


class Picture(Answer, frozen=True):
    """An unfinished picture, or a file that is not a job yet."""

    file: str
    """Hot folder and path, for users."""
    state: str
    """As in docs/LIFECYCLE.md, or `settling`."""
    why: str
    """Why it makes no progress, in the configured language; "" when nothing is in the way."""
    code: str = ""
    """The same as a code of `mattingd.words`."""
    job: int | None = None
    """None for a pending file."""
    alone: bool = False
    """Whether it runs with nothing else in flight."""
    folder: str = ""
    """Name of its hot folder."""
    root: str = ""
    path: str = ""
    """Both in hexadecimal, as used in requests."""


class Engine(Answer, frozen=True):
    """The engine that gets the pictures; fields that only a running one knows may be None."""

    state: str
    """`asleep`, `ready`, `restarting` or `starting`."""
    weights: str = ""
    """SHA-256; "" for those of the package."""
    why: str = ""
    """How the last one failed; empty without a failure."""
    model: str | None = None
    device: str | None = None
    driver: str | None = None
    precision: str | None = None
    batch: int | None = None
    """Maximum number of pictures in a batch."""
    sha256: str | None = None
    batch_seconds: float | None = None
    load_seconds: float | None = None
    coming: str | None = None
    """Weights that are being brought into use."""
    devices: tuple[Device, ...] = ()
    """All devices of the configuration; `auto` is a single entry until their number is known."""


class Staying(Answer, frozen=True):
    """A sub-folder that is one job and stays in its hot folder."""

    name: str
    waits_for: tuple[str, ...]
    """Pictures that failed, or wait for a reason of their own."""


class Folder(Answer, frozen=True):
    """A hot folder."""

    name: str
    path: str
    preset: str
    watched: str
    """`notifications`, or `scans`."""
    trouble: str | None
    """Why it cannot be read at present."""
    paused: bool
    queued: int
    passed_over: int
    """Number of files and folders that no user dropped."""
    first_scan: str
    """`done` or `running`."""
    root: str = ""
    """`path` in hexadecimal, as used in requests."""
    state: str = "online"
    """`online`, `paused`, `closed` (outside its hours), or `offline`: it is waited for until it answers."""
    opens: str | None = None
    """When it opens, outside its hours: `20:00`."""
    staying: tuple[Staying, ...] = ()
    """Sub-folders that are not archived yet because of single pictures."""


class Config(Answer, frozen=True):
    """The outcome of the last reading of the configuration."""

    mistakes: tuple[str, ...]
    restart: tuple[str, ...]
    """Settings that need a restart."""


class Stopping(Answer, frozen=True):
    """What the daemon waits for before its end."""

    pictures: int
    seconds: float
    """Time limit in seconds."""


class Waiting(Answer, frozen=True):
    """Pictures that have no cut-out yet, each counted once."""

    settling: int
    """Files that are not completely copied, or not in the journal yet."""
    queued: int
    """They start as soon as it is their turn."""
    in_work: int
    held: int
    """Each is blocked for a reason of its own and is retried automatically."""
    paused: int
    """Queued in hot folders that the user has paused."""
    share: int
    """Queued while their hot folder, or the output folder, does not answer."""
    hours: int = 0
    """Queued outside the hours of their hot folder."""


class Status(Answer, frozen=True):
    """What the daemon is doing."""

    version: str
    pid: int
    uptime_seconds: float
    stopping: bool
    stops: Stopping | None
    config: Config
    last_end: dict[str, Any] | None
    """How the previous run ended: `at`, `code`, `reason`."""
    test_engine: bool
    engine: Engine
    counts: dict[str, int]
    """Pictures: `done`, `failed`, `waiting`, `ignored`, `superseded`, `withdrawn`.

    A failed picture counts once, however often it was tried, and not at all once it is retried or done.
    """
    waiting: Waiting
    """What the `waiting` pictures wait for."""
    settling: int
    in_work: list[Picture]
    held: list[Picture]
    rate: float
    """Pictures per second."""
    eta_seconds: int | None
    """Seconds until the pictures that can be processed now are done, by what each size class took before;
    None when unknown, or when none can."""
    mean_batch: float | None
    folders: list[Folder]
    output_dir: str
    space: str | None
    """Why no cut-out may be written at present."""
    retention: str | None
    """Why retention removes nothing."""
    others: str | None = None
    """Other daemons that work for the same output folder."""
    remote: Remote | None = None
    """The workers on other machines; None without any in the configuration, or before anything is known."""


# --- pictures ---


class Where(Answer, frozen=True, omit_defaults=True):
    """What the daemon knows of one file; empty when it has nothing to do with it at present."""

    state: str = ""
    why: str | None = None
    code: str = ""
    """The same as a code of `mattingd.words`."""
    job: int | None = None
    next_try_seconds: float | None = None
    next_look_seconds: float | None = None
    unchanged_seconds: float | None = None
    """So long a file that is not admitted yet is unchanged, time before a restart included."""
    before_it: int | None = None
    """Pictures of its hot folder that are queued before it."""
    eta_seconds: int | None = None
    """Until it is done, at the pace of before; None while that is unknown, or something holds it up."""


class Settling(Answer, frozen=True):
    """A page of files that were seen and are not in the journal yet."""

    folders: dict[str, str]
    """Hot folder by number."""
    files: list[tuple[int, str, str]]
    """Number of the hot folder, path in hexadecimal, and why it waits (`settled` when it does not)."""
    unscanned: list[int]
    """Hot folders whose first scan is not complete."""
    next: str | None = None
    """Cursor of the next page; None after the last one."""


class QueuePage(Answer, frozen=True):
    """A page of unfinished pictures."""

    items: list[Picture]
    next: str | None
    """Cursor of the next page; None after the last one."""
    total: int
    """Number of unfinished pictures on all pages."""


class CutOut(Answer, frozen=True):
    """A published cut-out."""

    path: str
    """Path below the output folder."""
    size: int
    sha256: str
    remains: str | None
    """What retention did with it; None while it should exist."""
    model: str | None
    """SHA-256 of the weights that made it."""


class Ended(Answer, frozen=True):
    """A picture that has ended."""

    job: int
    file: str
    """Hot folder and path, for users."""
    folder: str
    root: str
    path: str
    """Both in hexadecimal, as used in requests."""
    state: str
    reason: str
    admitted_at: str
    ended_at: str
    attempts: int
    size: int
    confidence: float | None
    note: str | None
    """Where the error note is located if it failed, below the output folder."""
    outputs: list[CutOut]
    approved_at: str | None = None
    """When a user approved the cut-outs."""


class HistoryPage(Answer, frozen=True):
    """A page of ended pictures, the last one first."""

    items: list[Ended]
    next: str | None
    """Cursor of the next page; None after the last one. It stays valid while more pictures end."""
    total: int
    """Number of all that match, on all pages."""


# --- what was done ---


class PausedFolder(Answer, frozen=True):
    """A hot folder that was paused or resumed."""

    name: str
    path: str
    paused: bool
    changed: bool
    """Whether this is a change."""
    waiting: int | None
    """Number of pictures queued in it; None when no daemon runs."""


class Paused(Answer, frozen=True):
    """The outcome of a `Pause`."""

    folders: list[PausedFolder]


class Resent(Answer, frozen=True):
    """Notices that were given up are due again."""

    number: int


class NamedFolder(Answer, frozen=True):
    """A hot folder by its name."""

    name: str
    path: str


class Rescanned(Answer, frozen=True):
    """The hot folders that are scanned now."""

    folders: list[NamedFolder]


class Reply(Answer, frozen=True):
    """The outcome for one file."""

    granted: bool
    said: str


class PerFile(Answer, frozen=True):
    """The outcome for each file, in the order of the request."""

    files: list[Reply]


class Reloaded(Answer, frozen=True):
    """What another configuration changed, or its mistakes."""

    mistakes: tuple[str, ...]
    changed: tuple[str, ...]
    restart: tuple[str, ...]


class Cleaning(Answer, frozen=True):
    """A cleaning was requested."""

    number: int
    removes: bool
    """Whether the settings in use ever remove anything."""


class CleaningReport(Answer, frozen=True):
    """The result of a cleaning."""

    removed: int = 0
    trashed: int = 0
    freed: int = 0
    """Bytes that were removed."""
    gone: int = 0
    """Number of files that were already gone."""
    left: int = 0
    """Number of due files that were kept."""
    shown: list[tuple[str, str]] = []
    """Path and reason of some that were kept."""
    refused: str | None = None
    """Why cut-outs, or originals, were not removed at all."""


class Cleaned(Answer, frozen=True):
    """The newest finished cleaning."""

    number: int
    report: CleaningReport


class Ticket(Answer, frozen=True):
    """The number that identifies the outcome."""

    ticket: int


class ModelOutcome(Answer, frozen=True):
    """Whether a request for other weights is settled, and why they are refused if they are."""

    settled: bool
    refused: str | None = None


class Following(Answer, frozen=True):
    """The start of the feed; its events follow, one per line."""

    id: str
    """Id of the newest event: `Follow.after` continues from here."""
