"""Commands: what the scheduler wants done.

All writes of a turn go to the journal in one transaction; only then are the actions of that turn carried out.
"""

from mattingd.domain.commands.pictures import (
    Discard,
    DoChore,
    DropMatte,
    Finish,
    LookAt,
    MoveFolder,
    Publish,
    Read,
)
from mattingd.domain.commands.processes import (
    EndEngine,
    EngineConfig,
    Infer,
    KillEngine,
    KillWorker,
    RejectModel,
    RemoteConfig,
    Sent,
    StartEngine,
    StartRemote,
    StartWorker,
    TakeOutDevice,
    TrimMemory,
    WorkerConfig,
)
from mattingd.domain.commands.run import (
    AnnounceShutdown,
    ContinueRetention,
    Stop,
)
from mattingd.domain.commands.writes import (
    Admit,
    Approve,
    AskAgain,
    AskPart,
    EndDrop,
    FindSame,
    FinishReport,
    Forget,
    ForgetWaiting,
    Move,
    NextVersion,
    Prepare,
    RecordArchived,
    RecordArtifacts,
    RecordNote,
    RecordNotice,
    RecordReceivers,
    RecordReportFiles,
    RememberWaiting,
    SendAgain,
    SetPaused,
    UseModel,
    Vanished,
)
from mattingd.domain.events import DropEnded, JobEnded

Write = (
    Admit
    | Move
    | Prepare
    | UseModel
    | NextVersion
    | Vanished
    | AskAgain
    | AskPart
    | FindSame
    | Forget
    | Approve
    | RememberWaiting
    | ForgetWaiting
    | SetPaused
    | RecordArchived
    | RecordNote
    | RecordArtifacts
    | RecordReceivers
    | EndDrop
    | RecordReportFiles
    | FinishReport
    | RecordNotice
    | SendAgain
)
Action = (
    LookAt
    | Read
    | Finish
    | Publish
    | DoChore
    | MoveFolder
    | Discard
    | DropMatte
    | Infer
    | StartWorker
    | KillWorker
    | TrimMemory
    | StartEngine
    | StartRemote
    | KillEngine
    | ContinueRetention
    | EndEngine
    | RejectModel
    | TakeOutDevice
    | AnnounceShutdown
    | Stop
)
Announcement = JobEnded | DropEnded
"""What the scheduler concludes from the facts: told to reporters once the journal holds it."""
Command = Write | Action | Announcement

__all__ = [
    "Action",
    "Admit",
    "AnnounceShutdown",
    "Announcement",
    "Approve",
    "AskAgain",
    "AskPart",
    "Command",
    "ContinueRetention",
    "Discard",
    "DoChore",
    "DropMatte",
    "EndDrop",
    "EndEngine",
    "EngineConfig",
    "FindSame",
    "Finish",
    "FinishReport",
    "Forget",
    "ForgetWaiting",
    "Infer",
    "KillEngine",
    "KillWorker",
    "LookAt",
    "Move",
    "MoveFolder",
    "NextVersion",
    "Prepare",
    "Publish",
    "Read",
    "RecordArchived",
    "RecordArtifacts",
    "RecordNote",
    "RecordNotice",
    "RecordReceivers",
    "RecordReportFiles",
    "RejectModel",
    "RememberWaiting",
    "RemoteConfig",
    "SendAgain",
    "Sent",
    "SetPaused",
    "StartEngine",
    "StartRemote",
    "StartWorker",
    "Stop",
    "TakeOutDevice",
    "TrimMemory",
    "UseModel",
    "Vanished",
    "WorkerConfig",
    "Write",
]
