"""Who gets the next picture: by measured speed, by memory, never twice."""

from mattingd.domain.remote import RemoteFacts
from mattingd.remote.balance import Member, can_ever, choose, unlike
from mattingd.remote.places import Places


def member(address: str, seconds: float = 0.0, *, gigabytes: float = 8, threads: int = 2) -> Member:
    facts = RemoteFacts(address, "1", "s", "w", "m", "cpu", "fp32", round(gigabytes * 1e9), threads)
    return Member(address, address, "ready", facts=facts, seconds=seconds)


def filled(members: list[Member], pictures: int) -> dict[str, int]:
    """How many each gets of so many that come at once."""
    for number in range(pictures):
        chosen = choose(members, 1_000_000)
        if chosen is None:
            break
        chosen.in_work.add(number)
    return {each.address: len(each.in_work) for each in members}


def test_the_faster_one_gets_more_and_more_ahead() -> None:
    fast, slow = member("fast", 0.25), member("slow", 4.0)
    assert (fast.credits, slow.credits) == (6, 3)
    assert filled([fast, slow], 4) == {"fast": 4, "slow": 0}
    assert filled([fast, slow], 100) == {"fast": 6, "slow": 3}


def test_large_pictures_go_to_those_with_the_memory_and_small_ones_leave_them_free() -> None:
    small, large = member("small", gigabytes=1), member("large", gigabytes=16)
    assert choose([large, small], 1_000_000) is small
    assert choose([large, small], 100_000_000) is large
    assert choose([member("both", gigabytes=4, threads=2)], 40_000_000) is None, "two of them at once"
    assert choose([small], 100_000_000) is None
    assert not can_ever([small], 100_000_000)


def test_nobody_gets_a_picture_that_he_had_or_while_he_is_not_ready() -> None:
    one, two = member("one"), member("two")
    assert choose([one, two], 1, {"one"}) is two
    for state in ("warming", "slow", "refused"):
        two.state = state
        assert choose([one, two], 1, {"one"}) is None


def test_measured_seconds_follow_the_newest() -> None:
    one = member("one")
    one.measured(1.0)
    one.measured(2.0)
    assert 1.0 < one.seconds < 2.0
    assert one.done == 2


def test_only_the_same_program_with_the_same_weights_is_alike() -> None:
    facts = RemoteFacts("n", "1.0", "abc", "w" * 64, "m", "cpu", "fp32", 1, 1)
    same = {"version": "1.0", "schema": "abc", "weights": "w" * 64}
    assert unlike(facts, **same) == ""
    for name in same:
        assert unlike(facts, **{**same, name: "x" * 64})


def test_a_place_comes_again_only_when_its_going_is_known() -> None:
    places, up, left = Places(5, 3), list[int](), list[int]()
    places.adjust(2, set(), up.append, left.append)
    assert up == [5, 6]
    places.adjust(1, {6}, up.append, left.append)
    assert left == [5], "the busy one stays"
    places.adjust(3, {6}, up.append, left.append)
    assert up == [5, 6, 7]
    places.known(5)
    places.adjust(3, {6}, up.append, left.append)
    assert up == [5, 6, 7, 5]
