"""When a file counts as whole: quiet, then confirmed by a full look; for every path by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from because import why as because
from hypothesis import given
from hypothesis import strategies as st

from mattingd.core.settling import SECOND, SettlePolicy, SettlingTracker, SourceId
from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import Stamp

POLICY = SettlePolicy(settle_seconds=2.0, truncated_minutes=1.0)
A, B = SourceId(1, b"a.jpg"), SourceId(2, b"a.jpg")

stamps = st.builds(Stamp, st.integers(0, 2), st.integers(0, 2), st.integers(0, 1))
pauses = st.integers(0, 3 * POLICY.quiet_ns)


@dataclass
class Watched:
    """A settler with somebody who confirms when it wants to, and what was seen of one path."""

    settler: SettlingTracker
    seen: list[tuple[int, FileObservation]] = field(default_factory=list)
    asked: int | None = None

    def tick(self, key: SourceId, now: int) -> bool:
        """Ask for the confirming look if it is due."""
        deadline = self.settler.deadline(key)
        if deadline is None or deadline > now:
            return False
        self.settler.confirm(key)
        self.asked = now
        return True

    def look(self, key: SourceId, look: FileObservation, now: int) -> int | None:
        self.seen.append((now, look))
        return self.settler.looked(key, look, now)


def test_what_was_delivered_whole_is_looked_at_at_once_and_taken_as_it_is() -> None:
    settler, stamp = SettlingTracker(POLICY), Stamp(5, 5)
    assert settler.looked(A, FileObservation(stamp, delivered=True), 7) is None
    assert settler.deadline(A) == 7
    settler.confirm(A)
    cut_off = FileObservation(stamp, full=True, delivered=True, unfinished=because("its end is missing"))
    assert settler.looked(A, cut_off, 8) == 8 - POLICY.patience_ns
    assert A not in settler


@given(st.lists(st.tuples(pauses, stamps, st.booleans(), st.booleans()), max_size=30))
def test_nothing_settles_before_it_was_quiet_and_confirmed(
    steps: list[tuple[int, Stamp, bool, bool]],
) -> None:
    watched, now = Watched(SettlingTracker(POLICY)), 0
    for pause, stamp, full, ask in steps:
        now += pause
        if ask:
            watched.tick(A, now)
        since = watched.look(A, FileObservation(stamp, full=full), now)
        if since is None:
            continue
        assert full
        assert watched.asked is not None
        assert since + POLICY.quiet_ns <= watched.asked <= now
        resting = [look.stamp for when, look in watched.seen if when >= since]
        assert set(resting[-2:]) == {stamp}
        assert all(look.stamp == stamp for when, look in watched.seen if since < when)
        assert A not in watched.settler
        watched.seen.clear()
        watched.asked = None


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), stamps), min_size=1, max_size=12),
    st.lists(st.integers(0, 30), max_size=12),
    st.randoms(use_true_random=False),
)
def test_other_paths_and_repeated_looks_make_no_difference(
    looks: list[tuple[SourceId, Stamp]], repeated: list[int], random: object
) -> None:
    """The same facts, in every interleaving and with repetitions: the same answers and the same deadlines."""

    def run(order: Sequence[tuple[SourceId, int, Stamp]]) -> dict[SourceId, list[object]]:
        settler, told = SettlingTracker(POLICY), {A: list[object](), B: list[object]()}
        for key, now, stamp in order:
            told[key].append((settler.looked(key, FileObservation(stamp), now), settler.deadline(key)))
        return told

    timed = [(key, number * SECOND // 2, stamp) for number, (key, stamp) in enumerate(looks)]
    plain = run(timed)
    apart = run([each for each in timed if each[0] == A] + [each for each in timed if each[0] == B])
    assert plain == apart
    again = [each for number, each in enumerate(timed) for _ in range(1 + (number in repeated))]
    final = run(again)
    assert {key: told[-1:] for key, told in final.items()} == {key: told[-1:] for key, told in plain.items()}


@given(st.integers(0, 10 * SECOND), st.floats(0, 10))
def test_the_first_deadline_is_one_quiet_period_after_the_last_change(now: int, seconds: float) -> None:
    settler = SettlingTracker(SettlePolicy(settle_seconds=seconds))
    settler.looked(A, FileObservation(Stamp(1, 1)), now)
    settler.looked(A, FileObservation(Stamp(2, 1)), now + 1)
    assert settler.deadline(A) == now + 1 + round(seconds * SECOND)


def test_the_confirming_look_comes_when_it_is_due_and_is_asked_for_once() -> None:
    watched = Watched(SettlingTracker(POLICY))
    watched.look(A, FileObservation(Stamp(1, 1)), 0)
    assert not watched.tick(A, POLICY.quiet_ns - 1)
    assert watched.tick(A, POLICY.quiet_ns)
    assert not watched.tick(A, POLICY.quiet_ns + 1)
    assert watched.look(A, FileObservation(Stamp(1, 1), full=True), POLICY.quiet_ns + 2) == 0


def test_a_full_look_that_nobody_asked_for_confirms_nothing() -> None:
    settler = SettlingTracker(POLICY)
    assert settler.looked(A, FileObservation(Stamp(1, 1), full=True), 0) is None
    assert settler.looked(A, FileObservation(Stamp(1, 1), full=True), 10 * SECOND) is None


def test_a_change_between_the_two_looks_begins_the_rest_anew() -> None:
    watched = Watched(SettlingTracker(POLICY))
    watched.look(A, FileObservation(Stamp(1, 1)), 0)
    watched.tick(A, POLICY.quiet_ns)
    for changed in (Stamp(2, 1), Stamp(2, 2), Stamp(2, 2, inode=9)):
        now = POLICY.quiet_ns
        assert watched.look(A, FileObservation(changed, full=True), now) is None
        assert watched.settler.deadline(A) == now + POLICY.quiet_ns


@given(st.sampled_from(["writer", "unfinished"]), st.integers(0, 1_000_000))
def test_held_back_until_the_patience_ends_with_ever_rarer_looks(why: str, start: int) -> None:
    """Never taken before the patience is over, taken at the first look after it, and no spin on the way."""
    watched, now, looks = Watched(SettlingTracker(POLICY)), start, 0
    look = FileObservation(
        Stamp(5, 5),
        full=True,
        writer=why == "writer",
        unfinished=because("no end") if why == "unfinished" else None,
    )
    watched.look(A, look, now)
    while True:
        deadline = watched.settler.deadline(A)
        assert deadline is not None
        assert deadline > now
        now, looks = deadline, looks + 1
        assert watched.tick(A, now)
        since = watched.look(A, look, now)
        if since is not None:
            break
    assert since == start
    assert start + POLICY.patience_ns <= now <= start + POLICY.patience_ns + SECOND
    assert looks < 40


def test_what_decoding_tells_is_not_waited_for() -> None:
    """A missing end marker may be all that is missing for ever: the file rests a moment, not half an hour."""
    watched, now = Watched(SettlingTracker(POLICY)), 0
    look = FileObservation(
        Stamp(5, 5), full=True, unfinished=because("the end marker is missing"), decoder_knows=True
    )
    watched.look(A, look, now)
    while watched.settler.deadline(A) is not None:
        now = watched.settler.deadline(A) or 0
        watched.tick(A, now)
        watched.look(A, look, now)
    assert 10 * SECOND <= now <= 13 * SECOND < POLICY.patience_ns


def test_who_holds_back_says_why() -> None:
    watched = Watched(SettlingTracker(POLICY))
    watched.look(A, FileObservation(Stamp(1, 1)), 0)
    assert [str(resting.why) for _, resting in watched.settler.waiting()] == ["still settling"]
    watched.tick(A, POLICY.quiet_ns)
    watched.look(A, FileObservation(Stamp(1, 1), full=True, writer=True), POLICY.quiet_ns)
    ((_, resting),) = watched.settler.waiting()
    assert str(resting.why) == "another program still has it open for writing"


def test_once_the_writer_is_gone_the_next_look_settles_it() -> None:
    watched = Watched(SettlingTracker(POLICY))
    watched.look(A, FileObservation(Stamp(1, 1)), 0)
    watched.tick(A, POLICY.quiet_ns)
    watched.look(A, FileObservation(Stamp(1, 1), full=True, writer=True), POLICY.quiet_ns)
    deadline = watched.settler.deadline(A)
    assert deadline is not None
    watched.tick(A, deadline)
    assert watched.look(A, FileObservation(Stamp(1, 1), full=True), deadline) == 0


@given(pauses, st.floats(0, 5))
def test_postponing_asks_again_later_and_never_at_once(now: int, seconds: float) -> None:
    settler = SettlingTracker(SettlePolicy(settle_seconds=seconds))
    settler.looked(A, FileObservation(Stamp(1, 1)), now)
    settler.confirm(A)
    later = settler.postpone(A, now, because("the version before it is still being worked on"))
    assert later == settler.deadline(A)
    assert later > now
    assert settler.looked(A, FileObservation(Stamp(1, 1), full=True), later) is None, (
        "postponed means unconfirmed"
    )


def test_forgotten_is_forgotten() -> None:
    settler = SettlingTracker(POLICY)
    settler.looked(A, FileObservation(Stamp(1, 1)), 0)
    settler.looked(B, FileObservation(Stamp(1, 1)), 0)
    settler.forget(A)
    settler.forget(A)
    assert (A in settler, B in settler, len(settler)) == (False, True, 1)
    assert settler.deadline(A) is None


def test_on_a_share_a_file_rests_longer_than_attributes_are_cached() -> None:
    settler = SettlingTracker(SettlePolicy(settle_seconds=0.1))
    settler.on_shares = frozenset({B.folder})
    for key, seconds in ((A, 0.1), (B, 3.0)):
        settler.looked(key, FileObservation(Stamp(5, 5)), 0)
        assert settler.deadline(key) == round(seconds * SECOND)


def test_a_companion_that_changes_holds_its_file_back() -> None:
    """The Finder writes `._shoe.jpg` while it copies `shoe.jpg`, whose own stamp may rest meanwhile."""
    settler, now = SettlingTracker(SettlePolicy(settle_seconds=1)), 0
    settler.looked(A, FileObservation(Stamp(5, 5)), now)
    for companion, taken in ((7, False), (8, False), (8, True)):
        now += 2 * SECOND
        settler.confirm(A)
        look = FileObservation(Stamp(5, 5), full=True, companion=companion)
        assert (settler.looked(A, look, now) is not None) is taken
