"""What a page in another process needs: queue and history by pages, and the feed while pictures are done."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mattingd.api.client import NoAnswerError, ask, follow
from mattingd.api.schemas import answers, feed, requests
from tests.daemon.conftest import MakeSite
from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site, wait_until


def drop(folder: Path, numbers: range) -> list[Path]:
    return [people.save(folder / f"{number:02}.png", pictures.picture(number)) for number in numbers]


@contextmanager
def listening(site: Site) -> Iterator[list[Any]]:
    """What the daemon's feed says while this lasts; it has to end with the daemon."""
    heard: list[Any] = []
    begun = threading.Event()

    def listen() -> None:
        for event in follow(site.state, progress=True):
            heard.append(event)
            begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(30)
    yield heard
    listener.join(30)
    assert not listener.is_alive()


def test_queue_and_history_by_pages(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    root = os.fsencode(site.hot[0]).hex()
    assert ask(site.state, requests.Pause(paused=True)).folders[0].changed
    paths = drop(site.hot[0], range(7))
    wait_until(lambda: site.status()["folders"][0]["queued"] == 7, "all were taken")

    queue = page = ask(site.state, requests.Queue(limit=3))
    items = [*page.items]
    while page.next is not None:
        page = ask(site.state, requests.Queue(after=page.next, limit=3, folder=root))
        items += page.items
    assert queue.total == 7
    assert sorted(item.file for item in items) == [f"in/{path.name}" for path in paths]
    assert {(item.state, item.root, item.alone) for item in items} == {("queued", root, False)}
    assert "paused" in items[0].why
    assert ask(site.state, requests.Queue(folder="00")) == answers.QueuePage([], None, 0)

    ask(site.state, requests.Pause(paused=False))
    site.wait_ended(paths)
    ended: list[answers.Ended] = []
    cursor: str | None = ""
    while cursor is not None:
        history = ask(site.state, requests.History(after=cursor, limit=2, state="done"))
        assert history.total == 7
        ended += history.items
        cursor = history.next
    assert len(ended) == len({each.job for each in ended}) == 7
    assert [each.ended_at for each in ended] == sorted((each.ended_at for each in ended), reverse=True)
    assert all((site.out / each.outputs[0].path).exists() for each in ended)
    assert ask(site.state, requests.History(state="failed")).total == 0
    assert ask(site.state, requests.Queue()).items == []
    with pytest.raises(NoAnswerError, match="no `next` of a page") as refused:
        ask(site.state, requests.History(after="yesterday"))
    assert refused.value.code == "malformed"


def test_the_feed_tells_a_client_in_another_process_what_happens(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    with listening(site) as heard:
        ask(site.state, requests.Pause(paused=True))
        paths = drop(site.hot[0], range(3))
        ask(site.state, requests.Pause(paused=False))
        site.wait_ended(paths)
        assert site.stop() == 0
    assert isinstance(heard[0], answers.Following)
    assert isinstance(heard[-1], feed.Closed)
    assert any(isinstance(event, feed.Stopping) for event in heard)
    assert [event.now for event in heard if isinstance(event, feed.FolderChanged)] == ["paused", "resumed"]
    ends = sorted(event.job for event in heard if isinstance(event, feed.PictureEnded))
    assert len(ends) == 3
    steps = [event.state for event in heard if isinstance(event, feed.Step) and event.job == ends[0]]
    assert steps[:2] == ["queued", "reading"]

    site.start()
    later = follow(site.state, after=heard[0].id)
    assert [type(next(later)) for _ in range(2)] == [answers.Following, feed.Missed]
    missed = [next(later) for _ in ends]
    assert sorted(event.job for event in missed if isinstance(event, feed.PictureEnded)) == ends
