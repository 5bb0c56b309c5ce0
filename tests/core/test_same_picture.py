"""The same picture again: a copy of the cut-outs that are there; else it is made as any other."""

from dataclasses import replace

from because import why

from mattingd.core.output_paths import place
from mattingd.core.policy import Policy
from mattingd.domain import events
from mattingd.domain.commands import FindSame, Finish, Infer, Move, Prepare, Publish, Read
from mattingd.domain.earlier import EarlierResult
from mattingd.domain.jobs import Output
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason
from tests.core.desk import FIT, FOLDERS, ONE, Desk, all_of, only, row

SHIPPED = "a" * 64
THEIRS = (Output(0, place("out/first", 1, ".png"), None, b"hash", 4),)
DOUBT = why("soft edges")
RESULT = EarlierResult("out/first.png", THEIRS, SHIPPED, "cpu", "fp32", 0.75, (DOUBT,))


def asking(policy: Policy = ONE, *, forced: bool = False) -> tuple[Desk, Read]:
    """A desk at which a picture is read whose size was met before."""
    desk = Desk(replace(policy, shipped=SHIPPED))
    desk.start()
    read = only(desk.say(events.Admitted(row(2, maybe_same=True, forced=forced))), Read)
    desk.states[2] = "reading"
    return desk, read


def asked(desk: Desk) -> list[FindSame]:
    return [write for write in desk.writes if isinstance(write, FindSame)]


def test_it_gets_a_copy_and_the_model_is_not_asked() -> None:
    desk, read = asking()
    assert all_of(desk.answer(read), Infer) == []
    assert asked(desk) == [FindSame(2, b"content 2", "as ever", SHIPPED)]
    finish = only(desk.say(events.EarlierFound(2, RESULT)), Finish)
    assert finish.same == THEIRS
    publish = only(desk.answer(finish), Publish)
    (prepare,) = (write for write in desk.writes if isinstance(write, Prepare))
    assert (prepare.model, prepare.device, prepare.precision) == (SHIPPED, "cpu", "fp32")
    assert prepare.remarks == (DOUBT, Reason.of("same_picture", place="out/first.png"))
    moves = [write for write in desk.writes if isinstance(write, Move) and write.confidence is not None]
    assert [move.confidence for move in moves] == [0.75]
    desk.work_off([publish])
    assert desk.states[2] == "done"


def test_without_such_cut_outs_it_is_made_as_any_other() -> None:
    desk, read = asking()
    desk.answer(read)
    assert only(desk.say(events.EarlierFound(2, None)), Infer).jobs == (2,)


def test_cut_outs_that_a_user_removed_meanwhile_are_made_anew() -> None:
    desk, read = asking()
    desk.answer(read)
    finish = only(desk.say(events.EarlierFound(2, RESULT)), Finish)
    infer = only(desk.say(events.EarlierGone(finish.worker, 2)), Infer)
    again = only(desk.answer(infer), Finish)
    assert again.same == ()
    desk.work_off([again])
    assert desk.states[2] == "done"
    (prepare,) = (write for write in desk.writes if isinstance(write, Prepare))
    assert prepare.remarks == ()


def test_the_cut_outs_of_other_weights_do_not_count() -> None:
    desk, read = asking()
    desk.answer(read)
    found = replace(RESULT, model="b" * 64)
    assert len(all_of(desk.say(events.EarlierFound(2, found)), Infer)) == 1


def test_nobody_asks_where_it_is_switched_off_or_a_user_wants_it_made() -> None:
    for policy, forced in ((replace(ONE, reuse_same=False), False), (ONE, True)):
        desk, read = asking(policy, forced=forced)
        assert len(all_of(desk.answer(read), Infer)) == 1
        assert asked(desk) == []
    desk, read = asking()
    painted = events.ReadOk(read.worker, 2, b"content 2", FIT, painted=b"strokes")
    assert len(all_of(desk.say(painted), Infer)) == 1
    assert asked(desk) == [], "strokes make another picture of it"


def test_a_plug_in_is_asked_each_time_since_the_settings_tell_only_its_name() -> None:
    desk = Desk(replace(ONE, shipped=SHIPPED))
    desk.start()
    recipe = replace(FOLDERS[1].recipe, preset=Preset(finisher="ours"))
    read = only(desk.say(events.Admitted(row(2, maybe_same=True, recipe=recipe))), Read)
    assert len(all_of(desk.answer(read), Infer)) == 1
    assert asked(desk) == []


def test_an_answer_that_comes_after_its_worker_died_is_nobody_s() -> None:
    desk, read = asking()
    desk.answer(read)
    desk.say(events.WorkerDied(read.worker, why("killed")))
    assert desk.say(events.EarlierFound(2, RESULT)) == []
    assert desk.states[2] == "queued"


def test_a_folder_with_more_outputs_than_were_found_makes_its_own() -> None:
    desk, read = asking()
    desk.answer(read)
    found = replace(RESULT, outputs=THEIRS * 2)
    assert len(all_of(desk.say(events.EarlierFound(2, found)), Infer)) == 1
