"""Spoilt files of every format: none ends a daemon, hangs, or takes more memory than it may.

`make fuzz` goes through many more than the suite does.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.daemon.harness.site import Site
from tests.fuzz.mutations import KINDS, Change, drawn, seeds, spoilt
from tests.fuzz.victim import MEMORY_BYTES, Victim, clear

FILES = int(os.environ.get("MATTINGD_FUZZ", "1000"))
DROPPED = max(60, FILES // 50)
PATIENCE = max(3600, FILES)
"""Seconds for each test: a busy machine reads one file a second."""

changes = st.lists(
    st.builds(Change, st.sampled_from(sorted(KINDS)), st.floats(0, 1), st.integers(0, 2**32 - 1)),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    victim = Victim(tmp_path_factory.mktemp("fuzz"))
    yield victim
    victim.close()
    ends = ", ".join(f"{count} {end}" for end, count in sorted(victim.count.items()))
    print(f"\n{victim.count.total()} files: {ends}; at most {victim.peak >> 20} MB")  # noqa: T201


def test_sound_files_are_done(victim: Victim) -> None:
    """What is spoilt below gets through when it is whole: or the rest would prove nothing."""
    ends = {name: victim.offer(data) for name, data in seeds().items()}
    assert {name for name, end in ends.items() if end != "done"} <= {"dng"}  # an extra


@pytest.mark.timeout(PATIENCE)
@settings(
    max_examples=FILES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(kind=st.sampled_from(sorted(seeds())), damage=changes)
def test_a_spoilt_file_gets_its_answer(victim: Victim, kind: str, damage: list[Change]) -> None:
    assert victim.offer(spoilt(seeds()[kind], damage)) in {"done", "failed", "ignored", "crowded"}
    assert victim.unclear == []


@pytest.mark.timeout(PATIENCE)
def test_after_all_that_the_worker_is_no_larger_than_it_may_be(victim: Victim) -> None:
    victim._look_at_memory()
    assert 0 < victim.peak < MEMORY_BYTES
    assert victim.died == []


@pytest.mark.timeout(PATIENCE)
def test_the_daemon_brings_each_to_an_end_with_one_clear_line(tmp_path: Path) -> None:
    rng = random.Random(5)
    site = Site(
        tmp_path / "site",
        watch={"settle_seconds": 0.1, "truncated_minutes": 0.01, "rescan_seconds": 2},
        retry={"first_seconds": 0.1, "cap_seconds": 0.2, "give_up_minutes": 0.01},
        limits={"workers": 2, "picture_seconds": 20},
    )
    paths = [site.hot[0] / f"{number}.jpg" for number in range(DROPPED)]
    for path in paths:
        path.write_bytes(drawn(rng)[1])
    plan = tmp_path / "plan.json"
    plan.write_text('{"markers": false}')  # a spoilt colour profile makes any colour
    process = site.start(environment={"MATTINGD_TEST_PLAN": str(plan)})
    try:
        site.wait_ended(paths, 120 + DROPPED)
        assert process.poll() is None
        assert site.events("restart") == []
        noise = [line for line in site.log.read_text(encoding="utf-8").splitlines() if line[:1] != "{"]
        assert noise == []
        with site.journal() as ledger:
            ended = list(ledger.all())
        assert {record.state for record in ended} <= {"done", "failed", "ignored"}
        assert [
            record.reason for record in ended if record.state != "done" and not clear(record.reason)
        ] == []
        assert site.audit()["gaps"] == []
    finally:
        site.close()
