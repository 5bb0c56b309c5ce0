"""The feed: each client hears everything once; slow ones are dropped and told so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mattingd.api.feed import LONGEST_QUEUE, MOST_FOLLOWERS, Feed
from mattingd.api.feed_events import Places
from mattingd.api.schemas import answers, feed, requests
from mattingd.domain import commands, events
from mattingd.observability.job_log import Names
from mattingd.observability.recent_lines import RecentLines
from mattingd.runtime.refusal import RefusedError
from tests.journal.journals import admitted, opened, publish

ENDED_AT = "2026-11-20T12:00:00+01:00"
"""The time in the journals of tests."""


@dataclass
class Roots:
    roots: dict[int, bytes]


@pytest.fixture
def told(tmp_path: Path) -> Feed:
    names = Names()
    names.folders = {1: "in"}
    return Feed(Places(names, Roots({1: b"/srv/in"})), tmp_path / "journal.db")


def end(told: Feed, job: int, state: str = "done") -> None:
    told.fact(events.JobEnded(job, 1, b"shoe.jpg", state, (), "note.txt"))


def follow(told: Feed, after: str | None = None, *, progress: bool = False) -> tuple[str, Iterator[Any]]:
    """Where the feed begins, and its events."""
    lines = told.follow(requests.Follow(after, progress))
    begin = next(lines)
    assert isinstance(begin, answers.Following)
    return begin.id, lines


def jobs(lines: Iterator[Any], number: int) -> list[int]:
    return [event.job for event in islice(lines, number)]


def test_each_client_hears_what_happens_after_it_came(told: Feed) -> None:
    end(told, 1)
    _, early = follow(told)
    end(told, 2)
    _, late = follow(told)
    end(told, 3, "failed")
    assert jobs(early, 2) == [2, 3]
    (event,) = islice(late, 1)
    assert (event.file, event.folder, event.root, event.path) == (
        "in/shoe.jpg",
        "in",
        b"/srv/in".hex(),
        b"shoe.jpg".hex(),
    )
    assert (event.state, event.note) == ("failed", "note.txt")


def test_a_slow_client_is_dropped_and_told_so_and_the_others_are_not(told: Feed) -> None:
    _, slow = follow(told)
    _, quick = follow(told)
    for job in range(1, LONGEST_QUEUE + 3):
        end(told, job)
        assert next(quick).job == job
    assert jobs(slow, LONGEST_QUEUE) == list(range(1, LONGEST_QUEUE + 1))
    dropped = next(slow)
    assert isinstance(dropped, feed.Dropped)
    assert next(slow, None) is None
    _, again = follow(told, dropped.id)
    assert jobs(again, 2) == [LONGEST_QUEUE + 1, LONGEST_QUEUE + 2], "nothing was lost"


def test_a_client_goes_on_after_the_last_event_that_it_has(told: Feed) -> None:
    begin, lines = follow(told)
    for job in (1, 2, 3):
        end(told, job)
    first = next(lines)
    _, rest = follow(told, first.id)
    _, everything = follow(told, begin)
    end(told, 4)
    assert jobs(rest, 3) == [2, 3, 4]
    assert jobs(everything, 4) == [1, 2, 3, 4]


def test_after_a_restart_the_journal_tells_what_ended_meanwhile(told: Feed, tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as journal:
        journal.folder_id(b"/srv/in")
        rows = [admitted(journal, name) for name in (b"shoe.jpg", b"hat.jpg", b"waits.jpg")]
        for row in rows[:2]:
            publish(journal, row)
    before = f"{round(datetime.fromisoformat(ENDED_AT).timestamp() * 1000) - 5000}.77"
    begin, lines = follow(told, before)
    missed, first, second = islice(lines, 3)
    assert begin == before
    assert missed == feed.Missed(before, all_ends=True)
    assert [(event.job, event.file, event.state) for event in (first, second)] == [
        (rows[0].job, "in/shoe.jpg", "done"),
        (rows[1].job, "in/hat.jpg", "done"),
    ]
    end(told, 9)
    assert next(lines).job == 9
    later = f"{round(datetime.fromisoformat(ENDED_AT).timestamp() * 1000) + 5000}.77"
    assert [type(event) for event in islice(follow(told, later)[1], 1)] == [feed.Missed]


def test_steps_are_told_to_those_who_asked_for_them_only(told: Feed, tmp_path: Path) -> None:
    names = Names()
    names.folders = {1: "in"}
    told = Feed(Places(names, Roots({})), tmp_path / "none.db")
    with opened(tmp_path / "journal.db") as journal:
        journal.folder_id(b"/srv/in")
        row = admitted(journal, b"shoe.jpg")
    names.remember(row)
    _, every_step = follow(told, progress=True)
    _, ends = follow(told)
    told.fact(events.Admitted(row))
    told.command(commands.Move(row.job, "reading"))
    told.command(commands.Move(row.job, "done"))
    end(told, row.job)
    steps = list(islice(every_step, 3))
    assert [getattr(event, "state", "") for event in steps] == ["queued", "reading", "done"]
    assert [type(event) for event in steps] == [feed.Step, feed.Step, feed.PictureEnded]
    assert isinstance(next(ends), feed.PictureEnded)


@pytest.mark.parametrize("wrong", ["", "1", "x.1", "1.x", "9" * 15 + ".1", "-1.1"])
def test_what_is_no_event_cannot_be_gone_on_from(told: Feed, wrong: str) -> None:
    with pytest.raises(RefusedError, match="id of no event"):
        follow(told, wrong)


def test_the_end_of_the_daemon_is_the_end_of_the_feed(told: Feed) -> None:
    _, lines = follow(told)
    end(told, 1)
    told.close()
    assert [type(event) for event in lines] == [feed.PictureEnded, feed.Closed]
    with pytest.raises(RefusedError):
        follow(told)


def test_so_many_may_follow_and_no_more(told: Feed) -> None:
    lines = [follow(told)[1] for _ in range(MOST_FOLLOWERS)]
    with pytest.raises(RefusedError, match="16 clients") as refused:
        follow(told)
    assert refused.value.code == "crowded"
    lines.pop().close()  # type: ignore[attr-defined]
    follow(told)


def test_the_log_goes_to_clients_that_ask_for_it_its_last_lines_first(tmp_path: Path) -> None:
    recent = RecentLines()
    told = Feed(Places(Names(), Roots({})), tmp_path / "none.db", recent)
    recent.add({"level": "info", "event": "starting"}, "version 1")
    lines: Iterator[Any] = told.follow(requests.Follow(log=True))
    assert isinstance(next(lines), answers.Following)
    _, other = follow(told)
    first = next(lines)
    assert (first.number, first.level, first.what, first.said) == (1, "info", "starting", "version 1")
    recent.add({"level": "warning", "event": "failed", "job": 12}, "in/shoe.jpg: it is empty")
    assert (second := next(lines)).said == "in/shoe.jpg: it is empty #12"
    assert second.number == 2
    end(told, 3)
    assert jobs(other, 1) == [3], "who did not ask hears none of it"
    assert isinstance(next(lines), feed.PictureEnded)
