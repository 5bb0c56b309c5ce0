"""Which pictures go to the engine together and when, and whose turn it is between folders."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.core.batching import (
    CREDITS,
    BatchPolicy,
    EngineKey,
    EngineQueue,
    Idle,
    Ready,
    Run,
    SleepUntil,
    choose,
    in_turn,
)
from mattingd.core.queue.fair_queue import FairQueue
from mattingd.domain.commands import Sent

WAIT = 50
SHAPES = ((448, 448), (320, 448))


@st.composite
def ready_lists(draw: st.DrawFn) -> list[Ready]:
    """Ready pictures in the order in which they became ready."""
    times = sorted(draw(st.lists(st.integers(0, 200), max_size=12)))
    return [
        Ready(
            number,
            draw(st.integers(1, 3)),
            draw(st.sampled_from(SHAPES)),
            since,
            draw(st.booleans()) and draw(st.booleans()),
        )
        for number, since in enumerate(times)
    ]


@given(ready_lists(), st.integers(0, 3), st.integers(0, 300), st.integers(1, 5))
def test_every_choice_keeps_the_rules(
    ready: list[Ready], on_the_way: int, now: int, max_pictures: int
) -> None:
    choice = choose(ready, on_the_way, now, BatchPolicy(max_pictures, WAIT))
    if not ready:
        assert choice == Idle()
        return
    oldest = ready[0]
    if isinstance(choice, SleepUntil):
        assert choice.deadline == oldest.since + WAIT > now, "it sleeps no longer than the oldest may wait"
        assert on_the_way
        assert not oldest.isolated
        return
    assert isinstance(choice, Run)
    chosen = [picture for picture in ready if picture.job in choice.jobs]
    assert choice.jobs[0] == oldest.job, "the oldest never starves"
    assert len(set(choice.jobs)) == len(choice.jobs) <= max_pictures
    assert {picture.shape for picture in chosen} == {choice.shape}
    assert len(chosen) == 1 or not any(picture.isolated for picture in chosen)


@given(ready_lists(), st.integers(0, 3), st.integers(0, 300), st.integers(1, 5))
def test_a_batch_is_as_full_as_it_can_be(
    ready: list[Ready], on_the_way: int, now: int, max_pictures: int
) -> None:
    choice = choose(ready, on_the_way, now, BatchPolicy(max_pictures, WAIT))
    if isinstance(choice, Run) and not ready[0].isolated:
        fitting = [p for p in ready if p.shape == choice.shape and not p.isolated]
        assert len(choice.jobs) == min(max_pictures, len(fitting))


def pictures(number: int, since: int = 0, folder: int = 1) -> list[Ready]:
    return [Ready(job, folder, SHAPES[0], since) for job in range(number)]


@pytest.mark.parametrize(
    ("ready", "on_the_way", "now", "expected"),
    [
        pytest.param(pictures(4), 9, 0, Run((0, 1, 2, 3), SHAPES[0], Sent.FULL), id="full"),
        pytest.param(pictures(1), 0, 0, Run((0,), SHAPES[0], Sent.LAST), id="nothing else comes: at once"),
        pytest.param(pictures(3), 1, 0, SleepUntil(WAIT), id="partial: waits"),
        pytest.param(pictures(3), 1, WAIT - 1, SleepUntil(WAIT), id="partial: still waits"),
        pytest.param(
            pictures(3), 1, WAIT, Run((0, 1, 2), SHAPES[0], Sent.WAITED), id="partial: the wait is over"
        ),
        pytest.param([], 5, 0, Idle(), id="empty"),
    ],
)
def test_choices(ready: list[Ready], on_the_way: int, now: int, expected: object) -> None:
    assert choose(ready, on_the_way, now, BatchPolicy(4, WAIT)) == expected


def test_a_batch_size_of_one_never_waits() -> None:
    assert choose(pictures(2), 5, 0, BatchPolicy(1, WAIT)) == Run((0,), SHAPES[0], Sent.FULL)


def test_nobody_shares_a_batch_with_who_must_be_alone() -> None:
    ready = [Ready(1, 1, SHAPES[0], 0, isolated=True), *pictures(3, since=1)]
    assert choose(ready, 5, 1, BatchPolicy(8, WAIT)) == Run((1,), SHAPES[0], Sent.ALONE)
    assert choose(ready[::-1], 5, 1, BatchPolicy(8, WAIT)) == Run((1,), SHAPES[0], Sent.ALONE)


def test_company_comes_from_all_folders() -> None:
    crowd = [Ready(number, 1, SHAPES[0], number) for number in range(10)]
    lone = [Ready(100, 2, SHAPES[0], 20), Ready(101, 3, SHAPES[0], 21)]
    choice = choose(crowd + lone, 9, 30, BatchPolicy(4, WAIT))
    assert isinstance(choice, Run)
    assert set(choice.jobs) == {0, 1, 100, 101}


@given(ready_lists(), st.dictionaries(st.integers(1, 3), st.integers(0, 5)), st.integers(1, 5))
def test_folders_lead_in_turn_each_with_its_oldest(
    ready: list[Ready], served: dict[int, int], max_pictures: int
) -> None:
    choice = choose(ready, 0, 1_000, BatchPolicy(max_pictures, WAIT), served)
    if isinstance(choice, Run):
        (first,) = [picture for picture in ready if picture.job == choice.jobs[0]]
        assert served.get(first.folder, 0) == min(served.get(picture.folder, 0) for picture in ready)
        assert first.since == min(picture.since for picture in ready if picture.folder == first.folder)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=30), st.integers(1, 4))
def test_nobody_starves_at_the_engine(folders: list[int], max_pictures: int) -> None:
    """However many arrive later: a picture waits for as many batches as older ones, times folders."""
    queue = EngineQueue(WAIT)
    queue.add(1)
    queue.came_up(1, max_pictures, 1)
    for job, folder in enumerate(folders):
        queue.ready[job] = Ready(job, folder, SHAPES[job % 2], job)
    batches, late = 0, 1_000
    while any(job < len(folders) for job in queue.ready):
        choice = queue.choose(1, 10_000)
        assert isinstance(choice, Run)
        queue.end(queue.begin(choice).id)
        batches += 1
        for _ in range(max_pictures + 1):
            queue.ready[late] = Ready(late, late % 3 + 1, SHAPES[late % 2], late)
            late += 1
    assert batches <= 3 * len(folders)


@given(ready_lists())
def test_taking_turns_loses_nobody_and_keeps_the_order_in_a_folder(ready: list[Ready]) -> None:
    turns = in_turn(ready)
    assert sorted(turns, key=lambda p: p.job) == ready
    for folder in (1, 2, 3):
        assert [p for p in turns if p.folder == folder] == [p for p in ready if p.folder == folder]
    for length in range(len(turns)):
        taken = Counter(p.folder for p in turns[:length])
        left = {p.folder for p in turns[length:]}
        assert all(taken[f] >= max(taken.values(), default=0) - 1 for f in left)


# --- lanes ---


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()) | st.none(), max_size=60))
def test_lanes_lose_nobody_and_serve_in_turn(steps: list[tuple[int, bool] | None]) -> None:
    lanes, queued, number = FairQueue(), dict[int, list[int]](), 0
    for step in steps:
        if step is not None:
            folder, first = step
            lanes.push(folder, number, first=first)
            lane = queued.setdefault(folder, [])
            lane.insert(0 if first else len(lane), number)
            assert lanes.place(folder, number) == lane.index(number)
            number += 1
        else:
            job = lanes.pop()
            firsts = [lane[0] for lane in queued.values() if lane]
            assert job in firsts if firsts else job is None
            queued = {f: [j for j in lane if j != job] for f, lane in queued.items()}
        assert len(lanes) == sum(map(len, queued.values()))


@given(st.integers(1, 2_000), st.integers(0, 20))
def test_ten_thousand_in_one_folder_do_not_hold_up_one_in_another(crowd: int, served: int) -> None:
    lanes = FairQueue()
    for job in range(crowd):
        lanes.push(1, job)
    for _ in range(min(served, crowd)):
        lanes.pop()
    lanes.push(2, 9_999)
    assert 9_999 in [lanes.pop(), lanes.pop()]


def test_a_folder_that_has_none_in_work_is_favoured() -> None:
    lanes = FairQueue()
    for number, folder in enumerate((1, 1, 2, 3, 2)):
        lanes.push(folder, number)
    assert lanes.favour({1, 2})
    assert lanes.pop() == 3
    assert not lanes.favour({1, 2, 3})
    assert [lanes.pop() for _ in range(5)] == [0, 2, 1, 4, None]


def test_a_lane_that_comes_first_is_served_before_all_but_a_favoured_one() -> None:
    lanes = FairQueue()
    lanes.first = frozenset({7})
    for number, folder in enumerate((1, 7, 2, 7, 7)):
        lanes.push(folder, number)
    assert [lanes.pop(), lanes.pop()] == [1, 3]
    assert lanes.favour({7, 1})
    assert [lanes.pop() for _ in range(4)] == [2, 4, 0, None]


def test_an_unknown_job_has_no_place() -> None:
    lanes = FairQueue()
    lanes.push(1, 5)
    with pytest.raises(ValueError, match="9 is not in"):
        lanes.place(1, 9)
    assert (lanes.pop(), lanes.pop(), len(lanes)) == (5, None, 0)


# --- the engine's queue ---


def queue_with(number: int, max_batch: int = 4) -> EngineQueue:
    queue = EngineQueue(WAIT)
    queue.add(1)
    queue.came_up(1, max_batch, 1)
    queue.ready.update({picture.job: picture for picture in pictures(number)})
    return queue


def test_never_more_batches_than_credits() -> None:
    queue = queue_with(12)
    while isinstance(choice := queue.choose(0, 0), Run):
        queue.begin(choice)
    assert len(queue.running) == CREDITS
    assert choice == Idle()
    queue.end(queue.running[0].id)
    assert isinstance(queue.choose(0, 0), Run)


def test_answers_come_in_order() -> None:
    queue = queue_with(8)
    for _ in range(2):
        choice = queue.choose(0, 0)
        assert isinstance(choice, Run)
        queue.begin(choice)
    with pytest.raises(ValueError, match="answered batch 2, which was not due"):
        queue.end(2)


@given(st.lists(st.integers(1, 16), min_size=1, max_size=8), st.integers(1, 16))
def test_out_of_memory_halves_and_never_forgets(tried: list[int], max_batch: int) -> None:
    queue = EngineQueue(WAIT)
    queue.add(1)
    queue.came_up(1, max_batch, 1)
    for number in tried:
        before = queue.max_pictures
        queue.halve(number)
        assert 1 <= queue.max_pictures <= max(1, min(before, number // 2))
    learnt = queue.max_pictures
    queue.died(1)
    queue.add(1)
    queue.came_up(1, max_batch, 1)
    assert queue.max_pictures <= learnt


def test_a_configured_size_is_the_most() -> None:
    queue = EngineQueue(WAIT, cap=3)
    queue.add(1)
    queue.came_up(1, 8, 1)
    assert queue.max_pictures == 3
    queue.came_up(1, 2, 1)
    assert queue.max_pictures == 2


def test_a_dead_engine_takes_nothing_and_gives_its_batches_back_in_order() -> None:
    queue = queue_with(8)
    for _ in range(2):
        choice = queue.choose(0, 0)
        assert isinstance(choice, Run)
        queue.begin(choice)
    assert [batch.id for batch in queue.died(1)] == [1, 2]
    assert (queue.up, len(queue.running), queue.choose(0, 0)) == (False, 0, Idle())


# --- several engines ---

SMALL, LARGE = SHAPES


def several(*keys: EngineKey, max_batch: int = 2) -> EngineQueue:
    """A queue with an engine for each key, numbered from 1, all up."""
    queue = EngineQueue(WAIT)
    for number, key in enumerate(keys, 1):
        queue.add(number, key)
        queue.came_up(number, max_batch, number, f"weights {number}")
    return queue


def sent(queue: EngineQueue) -> list[tuple[int, tuple[int, ...]]]:
    """All that can be sent now: to which engine, which jobs."""
    runs = []
    while isinstance(choice := queue.choose(0, 0), Run):
        queue.begin(choice)
        runs.append((choice.engine, choice.jobs))
    return runs


def test_batches_go_to_the_least_busy_engine_and_each_has_its_credits() -> None:
    queue = several(EngineKey("a"), EngineKey("a"))
    queue.ready.update({job: Ready(job, 1, SMALL, job, model="a") for job in range(20)})
    assert sent(queue) == [(1, (0, 1)), (2, (2, 3)), (1, (4, 5)), (2, (6, 7))]
    assert [len(slot.batches) for slot in queue.serving] == [CREDITS, CREDITS]
    slot, batch = queue.end(2)
    assert (slot.id, batch.jobs, batch.model) == (2, (2, 3), "weights 2")
    assert sent(queue) == [(2, (8, 9))]
    assert queue.capacity == 2 * CREDITS * 2


def test_an_engine_for_one_shape_gets_no_other() -> None:
    queue = several(EngineKey("a", SMALL), EngineKey("a", LARGE))
    queue.ready.update({job: Ready(job, 1, LARGE if job % 2 else SMALL, job, model="a") for job in range(4)})
    assert sent(queue) == [(1, (0, 2)), (2, (1, 3))]
    queue.ready[9] = Ready(9, 1, (64, 64), 9, model="a")
    assert queue.choose(0, 0) == Idle(), "nobody is there for it"


def test_the_death_of_one_engine_costs_the_others_nothing() -> None:
    queue = several(EngineKey("a"), EngineKey("a"))
    queue.ready.update({job: Ready(job, 1, SMALL, job, model="a") for job in range(8)})
    sent(queue)
    assert [batch.id for batch in queue.died(1)] == [1, 3]
    assert (queue.up, [batch.id for batch in queue.running]) == (True, [2, 4])
    assert not queue.leaving


def test_no_memory_at_one_engine_is_a_limit_for_all() -> None:
    queue = several(EngineKey("a"), EngineKey("a"), max_batch=8)
    queue.halve(8)
    assert [slot.max_pictures for slot in queue.serving] == [4, 4]


@given(st.lists(st.integers(1, 3), min_size=3, max_size=3), st.integers(1, 20))
def test_folders_that_all_wait_get_shares_by_their_weights(weights: list[int], rounds: int) -> None:
    lanes = FairQueue()
    lanes.weights = dict(enumerate(weights))
    for job in range(3 * 60):
        lanes.push(job % 3, job)
    given = [job % 3 for job in (lanes.pop() for _ in range(rounds * sum(weights))) if job is not None]
    assert [given.count(folder) for folder in range(3)][: len(given)] == [
        min(60, rounds * weight) for weight in weights
    ]


def test_a_light_folder_waits_for_one_turn_of_a_heavy_one_at_most() -> None:
    lanes = FairQueue()
    lanes.weights = {1: 5}
    for job in range(100):
        lanes.push(1, job)
    assert [lanes.pop() for _ in range(7)] == list(range(7))
    lanes.push(2, 1000)
    assert 1000 in [lanes.pop() for _ in range(4)]
