"""Remote workers that are refused: forged answers, another version, results too large; and what then."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")


from mattingd import __version__
from mattingd.domain.events import Finished, WorkerLeft, WorkerUp
from mattingd.domain.jobs import NO_SUBJECT, Fault
from mattingd.domain.reasons import Reason
from mattingd.domain.remote import RemoteFault, RemoteMade, RemoteSick
from mattingd.workers.protocol import TASK_ANSWER, packed, unpacked
from tests.remote.here import Change, HereCluster, Side, engine


def forged(**changes: Any) -> Change:
    """An answer in which something else stands."""

    def change(block: bytes) -> bytes:
        made, files = unpacked(block, TASK_ANSWER)
        assert isinstance(made, RemoteMade)
        first = {name: value for name, value in changes.items() if hasattr(made.files[0], name)}
        whole = {name: value for name, value in changes.items() if name not in first}
        return packed(
            (replace(made, files=(replace(made.files[0], **first), *made.files[1:]), **whole), files)
        )

    return change


def fault(fault: Fault, reason: Reason) -> Change:
    """There is no cut-out, it says."""

    def change(block: bytes) -> bytes:
        made, _ = unpacked(block, TASK_ANSWER)
        return packed((RemoteFault(made.task, made.job, fault, reason), None))

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (forged(path="../../etc/cron.d/x"), "its answer names another place: '../../etc/cron.d/x'"),
        (forged(sha256=b"another"), "of another picture"),
        (forged(weights="f" * 64), "by other weights"),
        (forged(job=99), "belongs to another picture"),
        (lambda block: block[:-3], "not as many bytes as it announces"),
        (lambda _: {"rm": "-rf"}, "a dict, not the bytes of a message"),
        (forged(width=7), "no such picture"),
        (forged(format="jpeg"), "a file of another format"),
        (forged(seconds=math.inf), "its seconds or its confidence"),
        (forged(seconds=0.0), "its seconds or its confidence"),
        (forged(confidence=7.0), "its seconds or its confidence"),
        (forged(notes=(Reason.of("no_such_code"),)), "a reason without words: 'no_such_code'"),
        (forged(remark=Reason.of("smaller_for_kb")), "a reason without words: 'smaller_for_kb'"),
        (fault(Fault.HERE, Reason.of("as_written", text="")), "a reason that says nothing"),
        (fault(Fault.BAD, Reason.of("all_transparent")), "what is judged here"),
        (fault(Fault.OUTPUT, NO_SUBJECT), "what is judged here"),
    ],
)
def test_a_forged_answer_is_refused_and_the_picture_is_done_elsewhere(
    tmp_path: Path, change: Change, why: str
) -> None:
    side = Side(tmp_path, HereCluster(evil=change))
    side.hears(WorkerUp)
    fault = side.make(1)
    assert (fault.fault, fault.job) == (Fault.HERE, 1)
    assert why in side.state_of("evil", "refused").why
    assert [path for path in tmp_path.rglob("*") if "cron" in path.name] == []
    side.hears(WorkerLeft)
    assert side.cluster.sent == ["evil"], "it gets nothing more"


def sick(block: bytes) -> bytes:
    made, _ = unpacked(block, TASK_ANSWER)
    return packed((RemoteSick(made.task, made.job, "its device is gone"), None))


@pytest.mark.parametrize("change", [sick, forged(seconds=0.0)])
def test_one_picture_takes_no_more_than_two_workers_with_it(tmp_path: Path, change: Change) -> None:
    side = Side(tmp_path, HereCluster(a=change, b=change, c=None))
    for _ in range(6):
        side.hears(WorkerUp)
    fault = side.make(1)
    assert (fault.fault, fault.reason.code) == (Fault.LOST, "remote_lost")
    assert sorted(side.cluster.sent) == ["a", "b"]


def test_a_result_that_is_too_large_to_send_costs_nobody_his_place(tmp_path: Path) -> None:
    side = Side(tmp_path, HereCluster(a=None))
    side.cluster.pictures_of["a"] = engine("a", most=100)
    side.hears(WorkerUp)
    fault = side.make(1)
    assert fault.fault is Fault.HERE
    assert "more than can be sent" in str(fault.reason)
    side.state_of("a", "ready")


def test_who_has_another_version_or_other_weights_gets_nothing(tmp_path: Path) -> None:
    cluster = HereCluster(old=None, other=None, ours=None)
    cluster.version["old"] = "0.0.1"
    cluster.pictures_of["other"] = engine("other", {"spec": {"sha256": "f" * 64}})
    side = Side(tmp_path, cluster)
    assert (
        "version 0.0.1 of mattingd, and the daemon is " + __version__ in side.state_of("old", "refused").why
    )
    side.hears(WorkerUp)
    assert isinstance(side.make(1), Finished)
    assert cluster.sent == ["ours"]
    side.bridge.hear(replace(side.order, sha256="f" * 64))
    assert "other weights" in side.state_of("ours", "refused").why, "another model came into use"
