"""What people ask for by name: a picture tried again or forgotten, a hot folder held back.

What is said in answer depends on where the file stands, and only on that: the same words with a running
daemon and without one.
"""

from dataclasses import dataclass

from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import LIVE, Event, State
from mattingd.core.settling import SourceId
from mattingd.domain.commands import AskAgain, Forget, LookAt, SetPaused
from mattingd.domain.events import ForgetAsked, PauseAsked, RetryAsked


@dataclass(frozen=True, slots=True)
class Reply:
    """What becomes of a request for one file."""

    granted: bool
    """It is what was asked for, now or already; else the words say why not."""
    words: str


def reply_to_retry(state: State | None, *, running: bool, waits: str | None = None) -> Reply:
    """The answer to a request to try a picture again.

    Args:
        state: of the job that speaks for the file; None when there is none.
        running: whether a daemon runs; what is asked for without one happens at its next start.
        waits: why the file was not taken yet; None where it does not wait, or is not there.
    """
    if waits is not None:
        when = "now" if running else "at the next start"
        return Reply(granted=True, words=f"it is taken {when}, as it is" + (f" ({waits})" if waits else ""))
    if state is None:
        return Reply(
            granted=False,
            words="it does not lie there any more: `mattingd forget` it and put it back, and it is made anew",
        )
    if state is State.HELD:
        return Reply(granted=True, words="it is tried again " + ("now" if running else "at the next start"))
    if state in LIVE:
        words = "it waits for its turn already" if state is State.QUEUED else "it is in work already"
        return Reply(granted=True, words=words if running else "it goes on at the next start")
    return Reply(granted=True, words="it is made again" + ("" if running else " at the next start"))


def reply_to_forget(state: State | None, *, busy: bool) -> Reply:
    """The answer to a request to forget a file.

    Args:
        state: of the job that speaks for the file; None when there is none, but there were some.
        busy: whether one of its ended jobs still leaves something to be done.
    """
    if busy or state in LIVE:
        return Reply(granted=False, words="it has not come to its end yet; ask again when it has")
    if state is None:
        return Reply(granted=True, words="forgotten")
    return Reply(granted=True, words="forgotten; as long as it lies there it counts as new")


class Requests:
    """Does what people ask for. One owner: the scheduler."""

    def __init__(self, work: JobStore, intake: Intake) -> None:
        self.work = work
        self.intake = intake

    def retry(self, fact: RetryAsked) -> None:
        """Try at once what waits, with new patience; have made again what has ended."""
        key = SourceId(fact.folder, fact.path)
        job = self.work.by_path.get(key)
        if key in self.intake.settler:
            self.intake.hasten(key)
        elif job is None:
            self.work.out += [AskAgain(fact.folder, fact.path), LookAt(fact.folder, fact.path)]
        elif job.state in {State.QUEUED, State.HELD}:
            job.waits = job.isolated_crashes = 0
            job.unread_since, job.unchanged_since, job.due = None, self.work.now, self.work.now
            if job.state is State.HELD:
                self.work.move(job, Event.DUE)
                self.work.enqueue(job)
            else:
                self.work.write(job)

    def forget(self, fact: ForgetAsked) -> None:
        """Let go of a file that has come to its end; as long as it lies there it is seen as new."""
        key = SourceId(fact.folder, fact.path)
        if key not in self.work.by_path and not self.work.owes(key):
            self.work.out += [Forget(*key), LookAt(*key)]

    def pause(self, fact: PauseAsked) -> None:
        """Begin nothing more of a folder, or go on; what is in work is finished."""
        self.work.hold(fact.folder, paused=fact.paused)
        self.work.out.append(SetPaused(fact.folder, fact.paused))
