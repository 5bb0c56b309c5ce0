"""Folders that do not answer: their pictures wait, a hanging worker is replaced, and no picture is blamed."""

import re

from because import why

from mattingd.core.settling import SourceId
from mattingd.domain import events
from mattingd.domain.commands import Action, KillWorker, LookAt, Publish, Read
from mattingd.domain.jobs import Fault
from mattingd.domain.reasons import Reason
from tests.core.desk import ONE, Desk, only


def test_nothing_of_an_offline_folder_is_begun_and_others_go_on() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.say(events.FolderTrouble(1, why("it gives no answer")))
    assert desk.admit(1) == []
    assert only(desk.admit(2, folder=2), Read).job == 2
    assert desk.states[1] == "queued"


def test_a_worker_that_hangs_in_an_offline_folder_is_replaced_without_blame() -> None:
    desk = Desk(ONE)
    desk.start()
    only(desk.admit(1), Read)
    for _ in range(5):
        desk.say(events.FolderTrouble(1, why("it gives no answer")))
        kill = desk.until(KillWorker, 10)
        assert "does not return" in str(kill.why)
        desk.say(events.WorkerDied(0, kill.why))
        assert desk.states == {1: "queued"}
        desk.later(2)
        desk.say(events.WorkerUp(0, 100))
        assert only(desk.say(events.FolderTrouble(1, None)), Read).job == 1


def test_a_file_that_is_missed_is_only_gone_when_a_look_says_so() -> None:
    desk = Desk(ONE)
    desk.start()
    only(desk.fault(only(desk.admit(1), Read), Fault.GONE), LookAt)
    desk.say(events.FolderTrouble(1, why("it gives no answer")))
    desk.later(3_600)
    assert desk.states[1] == "queued"
    desk.look(1, None, full=True)
    assert desk.states[1] == "withdrawn"


def test_an_output_that_is_offline_is_waited_for_and_no_picture_is_blamed() -> None:
    desk = Desk(ONE)
    desk.start()
    publish = only(_until_published(desk), Publish)
    desk.say(events.OutputTrouble(why("it gives no answer")))
    kill = desk.until(KillWorker, 10)
    desk.say(events.WorkerDied(0, kill.why))
    desk.later(3_600)
    desk.say(events.WorkerUp(0, 100))
    assert desk.later(3_600) == []
    assert desk.states == {1: "prepared"}
    assert only(desk.say(events.OutputTrouble(None)), Publish).job == publish.job


def test_in_chinese_nothing_of_why_a_folder_is_offline_is_english() -> None:
    silent = Reason.of("share_silent", seconds=20.0)
    desk = Desk(ONE)
    desk.start()
    desk.say(events.FolderTrouble(1, silent))
    desk.admit(1)
    view = desk.scheduler.status.source(SourceId(1, b"1.jpg")).job
    assert view is not None
    desk.say(events.OutputTrouble(silent.within("output_offline", root="/1")))
    halted = desk.scheduler.snapshot().no_space
    assert halted is not None
    for reason in (view.why, halted):
        assert "20 s" in str(reason)
        assert "20" in reason.told("zh")
        assert re.search("[A-Za-z]", reason.told("zh")) is None, reason.told("zh")


def _until_published(desk: Desk) -> list[Action]:
    """Let a picture get on until it is about to be published."""
    queue = desk.admit(1)
    while not any(isinstance(action, Publish) for action in queue):
        queue = [following for action in queue for following in desk.answer(action)]
    return queue
