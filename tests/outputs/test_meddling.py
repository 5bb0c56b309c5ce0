"""Users meddle with published files: nothing foreign is touched, and the plan equals the action."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.core.retention import RetentionPolicy
from mattingd.domain.artifacts import ArtifactState
from mattingd.outputs.retention import Line
from tests.outputs.shelf import DoomedDisk, KilledError, Shelf, audited, day, shelf, snapshot

MEDDLING = (
    "nothing",
    "nothing",
    "nothing",
    "touched",
    "linked elsewhere",
    "edited",
    "edited, same size",
    "taken away",
    "taken, a folder in its place",
    "taken, a link in its place",
    "folder replaced by a link",
)
UNTOUCHED = {"nothing", "touched", "linked elsewhere"}


@dataclass(frozen=True)
class Picture:
    """A cut-out of the world, and what somebody does to it."""

    made: int
    folder: str
    meddling: str
    neighbour: bool


@dataclass(frozen=True)
class Visit:
    """The retention comes round: on a day, and perhaps the machine goes down at some operation."""

    today: int
    dies_at: int
    dies_after: bool


PICTURES = st.lists(
    st.builds(
        Picture,
        made=st.integers(0, 12),
        folder=st.sampled_from(["", "a/", "a/b/", "c d/"]),
        meddling=st.sampled_from(MEDDLING),
        neighbour=st.booleans(),
    ),
    min_size=1,
    max_size=10,
)
VISITS = st.lists(
    st.builds(
        Visit,
        today=st.one_of(st.integers(-5, 40), st.just(4000)),
        dies_at=st.sampled_from([0, 0, 1, 2, 3, 4, 5, 7, 9, 12]),
        dies_after=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
POLICIES = st.builds(
    RetentionPolicy, days=st.integers(1, 10), trash_days=st.none() | st.integers(1, 5), failed_days=st.none()
)
LAYOUTS = st.sampled_from(["{date}/{folder}/{path}", "{folder}/{path}"])


@settings(max_examples=100, deadline=None)
@given(policy=POLICIES, layout=LAYOUTS, pictures=PICTURES, visits=VISITS)
def test_nothing_foreign_is_ever_touched_and_the_plan_equals_the_deed(
    policy: RetentionPolicy, layout: str, pictures: list[Picture], visits: list[Visit]
) -> None:
    with shelf(policy, layout) as world:
        people = People(world, pictures)
        for visit in visits:
            died = False
            if visit.dies_at:
                with suppress(KilledError):
                    world.clean(day(visit.today), disk=DoomedDisk(visit.dies_at, after=visit.dies_after))
                died = True
                world.journal.close()
                world.open()
            people.find_theirs()
            before = snapshot(world.root / "out")
            plan = world.plan(day(visit.today))
            assert snapshot(world.root / "out") == before, "a plan touches nothing"
            action = world.clean(day(visit.today))
            assert told(plan) == told(action), "the action is the plan"
            assert not any(line.failed for line in action)
            people.find_theirs()
            people.find_ours(visit.today)
            if not died:
                gone = set(before) - set(snapshot(world.root / "out"))
                files = {path for path in gone if before[path][1] is not None}
                assert files == {line.place for line in plan if line.verdict.action in {"remove", "trash"}}
        people.balance()


def told(lines: list[Line]) -> list[tuple[str, str, str]]:
    return [(line.place, line.verdict.action.value, line.verdict.reason) for line in lines]


class People:
    """Drop pictures, and do with the cut-outs, and beside them, what they like. They remember it all."""

    def __init__(self, world: Shelf, pictures: list[Picture]) -> None:
        self.world = world
        self.out = world.root / "out"
        self.outside = world.root / "outside"
        self.outside.mkdir()
        self.foreign: set[str] = set()
        self.taken = 0
        self.ours: dict[Path, Picture] = {}
        for number, picture in sorted(enumerate(pictures), key=lambda item: item[1].made):
            (path,) = world.make(f"{picture.folder}p{number}.jpg", made=day(picture.made))
            self.ours[path] = picture
        for number, (path, picture) in enumerate(self.ours.items()):
            if picture.neighbour:
                self.theirs(path.with_name(f"mine {number}.psd"))
                self.theirs(self.out / f"{number}.txt")
        (self.out / day(0) / "empty").mkdir(parents=True)
        self.foreign.add(f"{day(0)}/empty")
        for path, picture in self.ours.items():
            self.meddle(path, picture.meddling)
        self.seen = {path: what for path, what in snapshot(self.out).items() if path in self.foreign}
        self.seen_outside = snapshot(self.outside)

    def theirs(self, path: Path) -> None:
        path.write_bytes(b"theirs")
        self.foreign.add(str(path.relative_to(self.out)))

    def meddle(self, path: Path, meddling: str) -> None:  # noqa: C901 - one case for each habit
        if path.parent.is_symlink() or path.parent.resolve() != path.parent:
            return
        name = str(path.relative_to(self.out))
        content = path.read_bytes()
        match meddling:
            case "touched":
                os.utime(path)
            case "linked elsewhere":
                os.link(path, self.outside / f"{len(self.foreign)}-{path.name}")
            case "edited":
                path.write_bytes(content + b"!")
                self.foreign.add(name)
            case "edited, same size":
                path.write_bytes(content.swapcase())
                self.foreign.add(name)
            case "taken away":
                path.rename(self.outside / path.name)
                self.taken += 1
            case "taken, a folder in its place":
                path.rename(self.outside / path.name)
                path.mkdir()
                self.theirs(path / "inside")
                self.foreign.add(name)
            case "taken, a link in its place":
                path.rename(self.outside / path.name)
                path.symlink_to(self.outside / path.name)
                self.foreign.add(name)
            case "folder replaced by a link":
                if not any(self.out / name in path.parent.rglob("*") for name in self.foreign):
                    path.parent.rename(self.outside / f"all of {path.name}")
                    path.parent.symlink_to(self.outside / f"all of {path.name}")
                    self.foreign.add(str(path.parent.relative_to(self.out)))

    # --- what must hold ---

    def find_theirs(self) -> None:
        now = snapshot(self.out)
        assert {path: now.get(path) for path in self.seen} == self.seen
        assert snapshot(self.outside) == self.seen_outside

    def find_ours(self, today: int) -> None:
        """What is due and as it was made is gone; nothing else is, least of all today's."""
        assert self.world.policy.days is not None
        for path, picture in self.ours.items():
            if path.resolve() != path or picture.meddling not in UNTOUCHED:
                continue
            if today - picture.made > self.world.policy.days:
                assert not path.exists()
                assert path.relative_to(self.out).parent == Path() or not is_empty(path.parent)
            elif path.exists():
                assert path.read_bytes().startswith(b"cut-out of ")
            else:
                assert self.went_on_an_earlier_day(path), f"{path} is gone before its time"

    def went_on_an_earlier_day(self, path: Path) -> bool:
        """The clock was set back since."""
        name = str(path.relative_to(self.out))
        with self.world.ledger() as ledger:
            return name not in {made.path for made in ledger.made()}

    def balance(self) -> None:
        result = audited(self.world)
        assert result.gaps == []
        total = result.present + result.taken_away + result.changed + result.expired
        assert total == len(self.ours), "every cut-out has one end"
        assert result.taken_away == self.taken, (
            "what we removed was not taken away, whenever the machine went down"
        )
        with self.world.ledger() as ledger:
            in_trash = ledger.remains().get(ArtifactState.TRASHED, 0)
        assert in_trash == sum(path.is_file() for path in self.world.trash.rglob("*"))


def is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
