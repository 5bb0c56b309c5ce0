"""Events: the facts that the scheduler receives, one after the other.

Everything here is frozen data; what is to be done is in `commands`. Pixel arrays are never part of a fact:
they travel beside it, by job. Times are integer nanoseconds of the monotonic clock.
"""

from mattingd.domain.events.engine import (
    EngineDied,
    EngineUp,
    InferFailed,
    InferFault,
    Inferred,
)
from mattingd.domain.events.hot_folders import (
    FileObservation,
    FileObserved,
    FolderLeft,
    FolderTrouble,
    Overflowed,
    Scanned,
)
from mattingd.domain.events.jobs import (
    Admitted,
    AlreadyKnown,
    DropEnded,
    EarlierFound,
    JobEnded,
    PartSeen,
    VersionAssigned,
)
from mattingd.domain.events.outputs import (
    Cleaned,
    OutputShared,
    OutputTrouble,
    SpaceLow,
    Swept,
)
from mattingd.domain.events.people import (
    ApproveAsked,
    ForgetAsked,
    ModelAsked,
    PauseAsked,
    Reloaded,
    ReloadRefused,
    RetryAsked,
    StopAsked,
)
from mattingd.domain.events.remote import (
    RemoteEnded,
    RemoteState,
    RemoteWorker,
    WorkerLeft,
)
from mattingd.domain.events.time import (
    Stuck,
    Tick,
    TimeOfDay,
    Today,
)
from mattingd.domain.events.workers import (
    AnotherPass,
    ChoreDone,
    EarlierGone,
    Faulted,
    Finished,
    FolderMoved,
    NameOccupied,
    NeedsRoom,
    Published,
    ReadOk,
    SameContent,
    SameResult,
    TempFileMissing,
    WorkerDied,
    WorkerUp,
)

Fact = (
    FileObserved
    | Scanned
    | Overflowed
    | FolderTrouble
    | OutputShared
    | OutputTrouble
    | FolderLeft
    | Today
    | TimeOfDay
    | Admitted
    | EarlierFound
    | EarlierGone
    | PartSeen
    | AlreadyKnown
    | VersionAssigned
    | WorkerUp
    | WorkerDied
    | WorkerLeft
    | RemoteEnded
    | RemoteState
    | ReadOk
    | SameContent
    | NeedsRoom
    | AnotherPass
    | Finished
    | SameResult
    | Published
    | NameOccupied
    | TempFileMissing
    | Faulted
    | ChoreDone
    | FolderMoved
    | EngineUp
    | EngineDied
    | Inferred
    | InferFailed
    | SpaceLow
    | Swept
    | Cleaned
    | ModelAsked
    | StopAsked
    | Stuck
    | Reloaded
    | ReloadRefused
    | RetryAsked
    | ForgetAsked
    | ApproveAsked
    | PauseAsked
    | JobEnded
    | DropEnded
    | Tick
)

__all__ = [
    "Admitted",
    "AlreadyKnown",
    "AnotherPass",
    "ApproveAsked",
    "ChoreDone",
    "Cleaned",
    "DropEnded",
    "EarlierFound",
    "EarlierGone",
    "EngineDied",
    "EngineUp",
    "Fact",
    "Faulted",
    "FileObservation",
    "FileObserved",
    "Finished",
    "FolderLeft",
    "FolderMoved",
    "FolderTrouble",
    "ForgetAsked",
    "InferFailed",
    "InferFault",
    "Inferred",
    "JobEnded",
    "ModelAsked",
    "NameOccupied",
    "NeedsRoom",
    "OutputShared",
    "OutputTrouble",
    "Overflowed",
    "PartSeen",
    "PauseAsked",
    "Published",
    "ReadOk",
    "ReloadRefused",
    "Reloaded",
    "RemoteEnded",
    "RemoteState",
    "RemoteWorker",
    "RetryAsked",
    "SameContent",
    "SameResult",
    "Scanned",
    "SpaceLow",
    "StopAsked",
    "Stuck",
    "Swept",
    "TempFileMissing",
    "Tick",
    "TimeOfDay",
    "Today",
    "VersionAssigned",
    "WorkerDied",
    "WorkerLeft",
    "WorkerUp",
]
