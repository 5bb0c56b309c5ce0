"""`history`: what was done when, and what became of it since."""

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import hostile
import pytest

from mattingd.cli.commands.history import moment
from mattingd.cli.errors import CommandError
from tests.cli.conftest import Answer, Say, here, pictures
from tests.daemon.harness.site import Site

NOW = datetime.fromisoformat("2026-03-29T09:30:00+02:00")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30min", "2026-03-29T09:00:00+02:00"),
        ("2h", "2026-03-29T07:30:00+02:00"),
        ("1 d", "2026-03-28T09:30:00+02:00"),
        ("2w", "2026-03-15T09:30:00+02:00"),
        ("99999999999w", "1970-01-01T00:00:00+02:00"),
        ("today", "2026-03-29T00:00:00+02:00"),
        ("Yesterday", "2026-03-28T00:00:00+02:00"),
        ("2026-03-01", "2026-03-01T00:00:00+02:00"),
        ("2026-03-01 14:00", "2026-03-01T14:00:00+02:00"),
        ("2026-03-01T14:00:00+00:00", "2026-03-01T14:00:00+00:00"),
    ],
)
def test_times_as_people_write_them(text: str, meant: str) -> None:
    assert moment(text, NOW) == datetime.fromisoformat(meant)


def test_what_is_no_time_is_said() -> None:
    with pytest.raises(CommandError, match="--since 'last week' is no time: write it like 30m, 2h, 7d"):
        moment("last week", NOW)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose daemon did three pictures of two folders, failed at one, and ended."""
    site = Site(tmp_path_factory.mktemp("history") / "site", ("shoes", "hats"))
    pictures(site.hot[0], 2)
    pictures(site.hot[1] / "sub [1]", 1)
    (site.hot[0] / "blank.png").write_bytes(hostile.blank())
    site.start()
    site.wait_ended([*site.hot[0].iterdir(), *(site.hot[1] / "sub [1]").iterdir()])
    assert site.stop() == 0
    yield site
    site.close()


@pytest.fixture
def tell(site: Site, say: Say) -> Callable[..., Answer]:
    def ask(*arguments: object) -> Answer:
        return here("history", *arguments, "--config", site.config)

    return ask


def test_each_job_has_its_end_its_number_and_its_place(site: Site, tell: Callable[..., Answer]) -> None:
    told = tell()
    assert told.code == 0
    lines = told.out.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", lines[0])
    jobs = {line.rpartition("#")[2]: line for line in lines if "#" in line}
    assert len(jobs) == 4
    blank = next(line for line in lines if "blank.png" in line)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  failed     shoes/blank.png: no subject was found in the picture: crop it .+  #\d",
        blank,
    )
    assert f"note: {site.out}" in lines[lines.index(blank) + 1]
    hat = next(number for number, line in enumerate(lines) if "hats/sub [1]/p00.png" in line)
    place, _, made = lines[hat + 1].strip().partition("  ")
    assert Path(place).is_file()
    assert re.fullmatch("weights [0-9a-f]{12}, cpu, fp32", made)


def test_only_what_was_asked_for(site: Site, tell: Callable[..., Answer]) -> None:
    assert [job["state"] for job in tell("--failed", "--json").json] == ["failed"]
    assert tell("--ignored").out == "nothing of the kind has ended\n"
    both = tell("--failed", "--ignored")
    assert (both.code, "exclude one another" in both.err) == (2, True)
    for name in ("hats", str(site.hot[1])):
        assert [job["file"] for job in tell("--folder", name, "--json").json] == ["sub [1]/p00.png"]
    assert len(tell("--since", "1h", "--json").json) == 4
    with closing(sqlite3.connect(site.state / "checkpoint.db")) as journal:
        for time, name in (("12:00:00+09:00", "p00.png"), ("04:00:00+00:00", "p01.png")):
            journal.execute(
                "UPDATE jobs SET ended_at = ? WHERE CAST(path AS TEXT) = ?", (f"2020-02-02T{time}", name)
            )
        journal.commit()
    assert [job["file"] for job in tell("--json").json][:2] == ["p00.png", "p01.png"], "whatever the zone"
    assert len(tell("--since", "1h", "--json").json) == 2
    assert len(tell("--since", "2020-02-02T03:30:00+00:00", "--json").json) == 3
    two = tell("--limit", "2")
    assert "the last 2 of 4: --limit N and --since TIME show others" in two.out
    assert "2020" not in two.out
    nothing = tell("--since", "2999-01-01")
    assert (nothing.code, nothing.out) == (0, "nothing of the kind has ended\n")


def test_cut_outs_that_need_a_look_are_listed(site: Site, tell: Callable[..., Answer]) -> None:
    told = {job["file"]: job["confidence"] for job in tell("--json").json}
    assert told.pop("blank.png") is None, "nothing was cut out of it"
    assert all(0 <= confidence <= 1 for confidence in told.values())
    with closing(sqlite3.connect(site.state / "checkpoint.db")) as journal:
        journal.execute("UPDATE jobs SET confidence = 0.9 WHERE confidence NOT NULL")
        journal.commit()
        assert tell("--needs-look").out == "nothing of the kind has ended\n"
        journal.execute("UPDATE jobs SET confidence = 0.124 WHERE CAST(path AS TEXT) = 'p00.png'")
        journal.commit()
    assert "shoes/p00.png (needs a look: confidence 0.12)" in tell("--needs-look").out
    assert [job["file"] for job in tell("--needs-look", "--json").json] == ["p00.png"]
    assert (
        "needs a look: confidence 0.12"
        in here("status", site.hot[0] / "p00.png", "--config", site.config).out
    )
    with closing(
        sqlite3.connect(site.state / "checkpoint.db")
    ) as journal:  # as when its original is archived
        journal.execute("UPDATE jobs SET current = 0 WHERE CAST(path AS TEXT) = 'p00.png'")
        journal.commit()
    assert [job["file"] for job in tell("--needs-look", "--json").json] == ["p00.png"], "it still stands"


def test_what_became_of_a_cut_out_since(site: Site, tell: Callable[..., Answer]) -> None:
    def whereabouts() -> str:
        (job,) = tell("--folder", "hats", "--json").json
        assert job["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
        return str(job["outputs"][0]["whereabouts"])

    (source,) = (site.hot[1] / "sub [1]").iterdir()
    cut_out = site.result_of(source)
    assert whereabouts() == "there"
    cut_out.write_bytes(b"edited")
    assert whereabouts() == "changed since"
    cut_out.unlink()
    assert whereabouts() == "taken away"
    assert f"{cut_out} (taken away)" in tell().out
    with closing(sqlite3.connect(site.state / "checkpoint.db")) as journal:
        journal.execute("UPDATE outputs SET remains = 'expired', remains_on = '2026-02-02'")
        journal.commit()
    assert whereabouts() == "expired since 2026-02-02"


def test_what_cannot_be_told_is_explained(site: Site, tell: Callable[..., Answer], tmp_path: Path) -> None:
    unknown = tell("--folder", "socks")
    assert (unknown.code, unknown.err) == (
        2,
        "mattingd: there is no hot folder 'socks'; there is: shoes, hats\n",
    )
    assert tell("--since", "soon").err.startswith("mattingd: --since 'soon' is no time: write it like 30m")
    fresh = Site(tmp_path / "fresh")
    none = here("history", "--config", fresh.config)
    assert (none.code, none.out) == (0, "nothing of the kind has ended\n")
