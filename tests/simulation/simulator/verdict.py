"""What must hold when everything has come to rest: nothing lost, nothing doubled, nothing left behind."""

from collections import Counter
from dataclasses import dataclass

from mattingd.core.lifecycle import COUNTED_AS, LIVE, State
from mattingd.domain.jobs import Folder, Stamp
from mattingd.domain.picture_names import surely_dropped
from tests.simulation.simulator.books import Books, books
from tests.simulation.simulator.checks import QUARANTINED, Checks
from tests.simulation.simulator.disk import FURTHER, Key
from tests.simulation.simulator.pictures import (
    SPOILT,
    Content,
    File,
    Kind,
    Matte,
    cut_out,
    made_by,
    strokes_in,
)
from tests.simulation.simulator.shell import Shell


@dataclass
class Verdict:
    """Looks at the end of a seed."""

    checks: Checks
    folders: dict[int, Folder]

    def pronounce(self, shell: Shell) -> None:
        """Everything that was promised.

        Raises:
            AssertionError: something was not kept.
        """
        with books(shell.journal.path) as journal:
            self._every_job_accounted_for(journal)
            for key, versions in self.checks.hot.versions.items():
                self._as_it_should(journal, key, versions)
            self._nothing_left_behind(journal)
        memory_is_empty(shell)

    def _every_job_accounted_for(self, journal: Books) -> None:
        words: Counter[str] = Counter()
        for state, number in journal.states().items():
            words[COUNTED_AS[State(state)]] += number
        assert journal.admitted() == sum(words.values()), "jobs are missing"
        assert words["waiting"] == 0, "jobs still wait"
        assert not journal.live(), "jobs are left over"
        wanted = [key for key in journal.asked_for() if self.checks.hot.get(key) is not None]
        assert not wanted, "somebody wanted these made again"

    def _as_it_should(self, journal: Books, key: Key, versions: list[Content]) -> None:
        file, rows = self.checks.hot.get(key), journal.current(key)
        if file is None:
            waits = key in journal.asked_for()  # such a wish is kept until the file comes back
            assert waits or not rows, f"{key} is gone, and its job still speaks for it: {rows}"
        else:
            assert rows, f"{key} was never admitted"
            state, size, mtime, strokes, note, reason = rows[0]
            assert Stamp(size, mtime, strokes=strokes).same_as(file.stamp), f"{key}: an older version"
            self._ended_well(key, file, state, reason)
            archives = self.folders[key[0]].originals == "archive" and surely_dropped(key[1])
            archives = archives and key[0] not in self.checks.left_out
            assert not (archives and COUNTED_AS[State(state)] == "done"), (
                f"{key} is done, and its original was not archived"
            )
            self._noted(journal, key, note, failed=COUNTED_AS[State(state)] == "failed")
        outputs = self.checks.outputs
        for content in versions:
            cut_outs = [
                (outputs.finals.get(path, b""), job)
                for path, job in self.checks.made[content]
                if not path.endswith(FURTHER)
            ]
            jobs = journal.jobs_of(key)  # those of a file that was moved went with it
            made = [(f"{made_by(data)} {strokes_in(data)}", job) for data, job in cut_outs if job in jobs]
            self._once(key, made, jobs)

    def _once(self, key: Key, made: list[tuple[str, int]], jobs: dict[int, tuple[str, bool, str]]) -> None:
        """A content is published once by the same settings and weights, unless somebody asked for more.

        With weights and strokes that come and go, each change may bring one more.
        """
        unasked = Counter((jobs[job][0], model) for model, job in made if not jobs[job][1])
        office = self.checks.office
        asked = office.wanted_again[key] + office.painted[key] + max(0, self.checks.models - 1)
        assert max(unasked.values(), default=0) <= 1 + asked, f"{key} was published twice"
        assert len(made) - len(unasked) <= asked, f"{key} was published more often than somebody asked for"
        for recipe, forced, state in jobs.values():
            assert not (forced and state == "unchanged"), f"{key} was asked for once more ({recipe}) in vain"

    def _ended_well(self, key: Key, file: File, state: str, reason: str) -> None:
        content = file.content
        made = self.checks.made_of(content, copies=state == State.UNCHANGED)
        expected = self._expected(key, file)
        if reason.startswith(QUARANTINED) and self.checks.innocents:
            expected = "failed"
        assert COUNTED_AS[State(state)] == expected, f"{key} ({content.kind}) is {state}: {reason}"
        assert bool(made) == (expected == "done"), f"{key} is {state}, and has the cut-outs {made}"
        finals = self.checks.outputs.finals
        shown = {strokes_in(finals[path]) for path, _ in made}
        assert expected != "done" or file.stamp.strokes in shown, f"{key}: its strokes are in no cut-out"

    def _expected(self, key: Key, file: File) -> str:
        """The word under which the file at a path must be counted."""
        content = file.content
        if file.odd is not None:
            return "ignored"
        if self.checks.office.busy(*key):
            return "failed"
        if content.kind is Kind.UNSUPPORTED:
            return "ignored"
        published = self.folders[key[0]].recipe.preset.on_empty == "publish" or file.stamp.strokes
        if content.kind is Kind.EMPTY and published:
            return "done"
        return "failed" if content.kind in SPOILT or not content.whole else "done"

    def _noted(self, journal: Books, key: Key, note: str, *, failed: bool) -> None:
        """A failed picture has its note, and one that is not failed has none."""
        notes = self.checks.outputs.notes.keys() & journal.notes(key)
        assert not failed or note in notes, f"{key} failed, and no note says so"
        assert failed or not notes, f"{key} did not fail, and {notes} say so"

    def _nothing_left_behind(self, journal: Books) -> None:
        outputs = self.checks.outputs
        assert not outputs.temps, f"temp files are left: {outputs.temps}"
        published = journal.published()
        ours = set(outputs.finals) - outputs.foreign - (journal.let_go() - published)
        if (
            self.checks.models > 1
        ):  # interrupted between two names, its temp file removed, made anew by others
            ours -= {path for places in self.checks.made.values() for path, _ in places} - published
        assert published == ours, f"journal and disk do not agree: {published ^ ours}"
        made = {path: content for content, places in self.checks.made.items() for path, _ in places}
        for path, data in outputs.finals.items():
            expected = b"somebody else's"
            if path not in outputs.foreign:
                expected = cut_out(made[path], Matte(made[path].number, made_by(data)), strokes_in(data))
            assert data == expected, f"{path} was changed"


def memory_is_empty(shell: Shell) -> None:
    """Neither the scheduler nor the shell remembers anything of what is done.

    Raises:
        AssertionError: something is left.
    """
    scheduler = shell.scheduler
    work, engine = scheduler.work, scheduler.engine
    left = {
        "jobs": work.jobs,
        "paths": work.by_path,
        "in flight": work.in_flight,
        "to publish": work.publishable,
        "chores": work.chores,
        "owing": work._owing,
        "ready": engine.ready,
        "at the engine": engine.running,
        "at an engine that leaves": engine.leaving,
        "admitting": scheduler.intake.admitting,
        "resting": dict(scheduler.intake.settler.waiting()),
        "network inputs": shell.payloads.nets,
        "mattes": shell.payloads.mattes,
        **{f"held by slot {slot.id}": slot.holds for slot in scheduler.pool.slots},
        **{f"to finish by slot {slot.id}": slot.todo for slot in scheduler.pool.slots},
        **{f"held by worker {worker.number}": worker.operations.held for worker in shell.workers},
    }
    assert not any(left.values()), {name: what for name, what in left.items() if what}
    assert not any(work.states[state] for state in LIVE), "something is still counted as waiting"
    assert work.room() > 1 << 60, "budget is still reserved"
