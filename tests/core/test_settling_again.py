"""A file that is held back keeps its patience over a restart, by what the journal remembers."""

from dataclasses import replace

from because import why

from mattingd.core.policy import SECOND
from mattingd.core.settling import SourceId
from mattingd.domain import events
from mattingd.domain.commands import Admit, ForgetWaiting, LookAt, RememberWaiting, Write
from mattingd.domain.earlier import Resting
from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import Stamp
from tests.core.desk import ONE, Desk, stamp_of

PATH = b"7.jpg"
CUT = why("the end marker is missing")
AS_IT_WAS, LATER = stamp_of(7), replace(stamp_of(7), mtime_ns=8)


def told(desk: Desk, kind: type[Write]) -> list[Write]:
    return [write for write in desk.writes if type(write) is kind]


def seen(desk: Desk, stamp: Stamp = AS_IT_WAS, *, full: bool = False) -> None:
    look = FileObservation(stamp, full=full, unfinished=CUT)
    desk.say(events.FileObserved(1, PATH, look))


def confirmed(desk: Desk, stamp: Stamp = AS_IT_WAS) -> None:
    """The next look is due, and the file is still cut off."""
    desk.until(LookAt)
    seen(desk, stamp, full=True)


def after(unchanged_for: float) -> Desk:
    """A desk whose earlier run held a file back that was unchanged for so many seconds."""
    desk = Desk(ONE)
    desk.now = 100_000 * SECOND
    resting = [Resting(1, PATH, AS_IT_WAS, unchanged_for)]
    desk._sort(desk.scheduler.start([], clean=True, now=desk.now, resting=resting))
    desk.say(events.Today("2026-11-20"))
    return desk


def test_it_is_remembered_once_when_it_is_held_back_and_again_when_it_changed() -> None:
    desk = Desk(ONE)
    desk.start()
    seen(desk)
    assert told(desk, RememberWaiting) == [], "most files settle at once: they cost nothing"
    confirmed(desk)
    confirmed(desk)
    assert told(desk, RememberWaiting) == [RememberWaiting(1, PATH, AS_IT_WAS, 2.0)]
    seen(desk, LATER)
    confirmed(desk, LATER)
    assert len(told(desk, RememberWaiting)) == 2


def test_after_a_restart_its_patience_goes_on() -> None:
    desk = after(30 * 60 - 5)
    seen(desk)
    (pending,) = desk.scheduler.status.pending()
    assert pending.since == desk.now - (30 * 60 - 5) * SECOND
    confirmed(desk)
    assert told(desk, Admit) == [], "two of the five seconds that are left are over"
    confirmed(desk)
    assert len(told(desk, Admit)) == 1, "it is taken as it is, and fails with advice"
    assert told(desk, RememberWaiting) == [], "the journal knew it"


def test_it_is_confirmed_once_more_before_it_is_taken() -> None:
    desk = after(3600)
    seen(desk)
    assert told(desk, Admit) == []
    confirmed(desk)
    assert len(told(desk, Admit)) == 1


def test_what_changed_meanwhile_begins_anew() -> None:
    desk = after(3600)
    seen(desk, LATER)
    confirmed(desk, LATER)
    assert told(desk, Admit) == []
    assert len(told(desk, RememberWaiting)) == 1


def test_what_is_gone_is_forgotten_after_the_first_scan() -> None:
    desk = after(3600)
    desk.say(events.Scanned(2, 0, 0.1))
    assert told(desk, ForgetWaiting) == []
    desk.say(events.Scanned(1, 0, 0.1))
    assert told(desk, ForgetWaiting) == [ForgetWaiting(*SourceId(1, PATH))]
    desk.say(events.Scanned(1, 0, 0.1))
    assert len(told(desk, ForgetWaiting)) == 1
