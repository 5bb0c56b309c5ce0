"""Requests from users: retry or forget a picture, pause a hot folder.

The answer depends only on the state of the file: it is the same with a running daemon and without one.
"""

from dataclasses import dataclass

from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import LIVE, State, Trigger
from mattingd.core.settling import SourceId
from mattingd.domain.commands import Approve, AskAgain, Forget, LookAt, SetPaused
from mattingd.domain.events import ApproveAsked, ForgetAsked, PauseAsked, RetryAsked
from mattingd.domain.jobs import Look
from mattingd.domain.reasons import NO_REASON, Reason


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a request for one file."""

    granted: bool
    """The request is fulfilled, now or already; otherwise the words say why not."""
    words: str


def reply_to_retry(
    state: State | None, *, running: bool, waits: str | None = None, halted: Reason = NO_REASON
) -> Reply:
    """Return the answer to a request to retry a picture.

    Args:
        state: state of the file's present job; None when there is none.
        running: whether a daemon runs; otherwise the request is carried out at its next start.
        waits: why the file was not taken yet; None when it does not wait or does not exist.
        halted: why the job is not started at present, if it is queued.
    """
    if waits is not None:
        when = "now" if running else "at the next start"
        return Reply(granted=True, words=f"it is taken {when}, as it is" + (f" ({waits})" if waits else ""))
    if state is None:
        return Reply(
            granted=False,
            words="the file is gone: `mattingd forget` it and put it back, and it is made again",
        )
    if state is State.HELD:
        return Reply(granted=True, words="it is tried again " + ("now" if running else "at the next start"))
    if state in LIVE:
        words = _of_live(state, halted) if running else "it continues at the next start"
        return Reply(granted=True, words=words)
    return Reply(granted=True, words="it is made again" + ("" if running else " at the next start"))


def _of_live(state: State, halted: Reason) -> str:
    if state is not State.QUEUED:
        return "it is in work already"
    if halted.code == "outside_hours":
        return "it is taken now, whatever the hours of its folder"
    return "it waits for its turn already" + (f": {halted}" if halted else "")


def reply_to_forget(state: State | None, *, busy: bool) -> Reply:
    """Return the answer to a request to forget a file.

    Args:
        state: state of the file's present job; None when there were only earlier ones.
        busy: whether one of its ended jobs still has cleanup to do.
    """
    if busy or state in LIVE:
        return Reply(granted=False, words="it has not come to its end yet; ask again when it has")
    if state is None:
        return Reply(granted=True, words="forgotten")
    return Reply(granted=True, words="forgotten; while the file is still there it counts as new")


def reply_to_approve(look: Look | None, *, approved: bool) -> Reply:
    """Return the answer to a request to approve a file's cut-outs, or (not `approved`) to revoke that.

    Args:
        look: whether the newest cut-outs need checking by the journal; None when there are none.
        approved: what is requested.
    """
    if look is None:
        return Reply(granted=False, words="it has no cut-out to look at")
    already = look.approved_at is not None
    if approved:
        return Reply(granted=True, words="it was approved already" if already else "approved")
    return Reply(granted=True, words="not approved any more" if already else "it was not approved")


class Requests:
    """Carries out requests from users. One owner: the scheduler."""

    def __init__(self, work: JobStore, intake: Intake) -> None:
        self.work = work
        self.intake = intake

    def retry(self, fact: RetryAsked) -> None:
        """Retry a waiting picture at once, with new patience; process an ended one again."""
        key = SourceId(fact.folder, fact.path)
        job = self.work.by_path.get(key)
        self.work.hasten(key)
        if key in self.intake.settler:
            self.intake.hasten(key)
        elif job is None:
            self.work.out += [AskAgain(fact.folder, fact.path, fact.anyway), LookAt(fact.folder, fact.path)]
        elif job.state in {State.QUEUED, State.HELD}:
            job.waits = job.isolated_crashes = 0
            job.unread_since, job.unchanged_since, job.due = None, self.work.now, self.work.now
            if job.state is State.HELD:
                self.work.move(job, Trigger.DUE)
                self.work.enqueue(job)
            else:
                self.work.write(job)

    def forget(self, fact: ForgetAsked) -> None:
        """Forget a file whose jobs have ended. If it still exists, it counts as new."""
        key = SourceId(fact.folder, fact.path)
        if key not in self.work.by_path and not self.work.owes(key):
            self.work.out += [Forget(*key), LookAt(*key)]

    def approve(self, fact: ApproveAsked) -> None:
        """Record that the user has checked the cut-outs. A later version has to be checked again."""
        self.work.out.append(Approve(fact.folder, fact.path, fact.approved))

    def pause(self, fact: PauseAsked) -> None:
        """Pause a folder or resume it; pictures in work are finished."""
        self.work.gates.pause(fact.folder, paused=fact.paused)
        self.work.out.append(SetPaused(fact.folder, fact.paused))
