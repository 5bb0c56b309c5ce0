"""Retention as people meet it: by itself in a running daemon, by hand beside one and without one."""

import json
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import hostile
from typer.testing import CliRunner

from mattingd.cli import app
from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]


def pictures(folder: Path, count: int) -> list[Path]:
    """So many good pictures."""
    paths = [folder / f"p{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(hostile.encoded("PNG"))
    return paths


def age(site: Site, *names: str) -> None:
    """Let cut-outs have been made a month ago, as far as the journal knows."""
    with closing(sqlite3.connect(site.state / "checkpoint.db", timeout=10)) as journal, journal:
        for name in names:
            done = journal.execute(
                "UPDATE jobs SET drop_name = '2020-01-01-1', ended_at = '2020-01-01T12:00:00+00:00'"
                " WHERE path = ?",
                (os.fsencode(name),),
            )
            assert done.rowcount == 1


def said(site: Site, *arguments: str, verb: str = "clean", code: int = 0) -> str:
    answer = CliRunner().invoke(app, [verb, *arguments, "--config", str(site.config)])
    assert (answer.exit_code, answer.stderr) == (code, ""), answer.output
    return re.sub(r"\(\d+ kB\)", "(N kB)", answer.stdout)


def test_the_plan_names_the_mattes_that_go(make_site: MakeSite) -> None:
    site = make_site(retention={"days": 7, "matte_days": 3})
    (file,) = pictures(site.hot[0], 1)
    site.start()
    site.wait_ended([file])
    (matte,) = (site.state / "mattes").iterdir()
    assert site.stop() == 0
    os.utime(matte, (0, 0))
    first, second, last = said(site, "--dry-run").splitlines()
    assert first == "would remove 0 files (0 bytes); nothing was touched"
    assert second.startswith(f"remove  {matte} (")
    assert last.startswith("would remove 1 stored matte (")
    (told,) = json.loads(said(site, "--dry-run", "--json"))["mattes"]
    assert told == {"name": matte.name, "bytes": matte.stat().st_size}
    assert matte.exists()


def test_cut_outs_go_when_their_time_is_over_and_are_not_made_again(make_site: MakeSite) -> None:
    site = make_site(retention={"days": 7})
    files = pictures(site.hot[0], 5)
    site.start()
    site.wait_ended(files)
    outputs = [site.result_of(file) for file in files]
    below = [str(output.relative_to(site.out)) for output in outputs]
    assert said(site, "--dry-run") == "would remove 0 files (0 bytes); nothing was touched\n"

    age(site, files[0].name)
    assert said(site) == "1 file removed (N kB)\n", "beside a running daemon, which does it"
    assert [output.exists() for output in outputs] == [False, True, True, True, True]
    assert site.stop() == 0

    age(site, files[1].name, files[2].name)
    outputs[2].write_bytes(b"retouched")
    wanted = [f"remove  {below[1]} (N kB): of 2020-01-01, kept for 7 days"]
    wanted += [f"keep    {below[2]} (N kB): it was changed"]
    planned = said(site, "--dry-run").splitlines()
    assert sorted(planned[:-1]) == sorted(wanted)
    assert planned[-1] == "would remove 1 file (N kB), leave 1 file alone; nothing was touched"
    assert outputs[1].exists()
    assert said(site).splitlines() == [
        "1 file removed (N kB), 1 file left alone",
        f"  left alone: {below[2]}: it was changed",
    ]
    assert not outputs[1].exists()

    age(site, files[3].name)
    for file in files:
        file.touch()
    site.start()
    wait_until(lambda: not outputs[3].exists(), "the daemon cleaned at its start")
    site.wait_ended(files)
    assert site.results() == sorted([outputs[2], outputs[4]]), "a touch makes nothing anew"
    result = site.audit()
    assert [result[name] for name in ("present", "expired", "changed", "gaps")] == [1, 3, 1, []]
    assert "expired since" in said(site, str(files[3]), verb="status")
    assert site.stop() == 0
    assert "Traceback" not in site.log_tail()


def test_without_retention_nothing_is_ever_removed(site: Site) -> None:
    for option in ("--dry-run", "--yes-all"):
        assert said(site, option).startswith("nothing is ever removed: set `retention.days`")
    assert not site.has_journal()


def test_an_unmounted_output_is_told_and_left_alone(make_site: MakeSite) -> None:
    site = make_site()
    files = pictures(site.hot[0], 1)
    site.start()
    site.wait_ended(files)
    output = site.result_of(files[0])
    with site.config.open("a") as config:
        config.write("retention: {days: 7}\n")
    assert said(site, code=1).startswith("held back: the running daemon has settings that remove nothing")
    said(site, verb="reload")
    assert said(site) == "nothing was due\n"
    age(site, files[0].name)
    site.out.rename(site.root / "unmounted")
    site.out.mkdir()
    told = said(site, code=1)
    assert told.startswith(f"held back: the output folder {site.out} is not the one")
    status = said(site, verb="status")
    assert "is its disk or share mounted?" in status
    site.out.rmdir()
    Path(site.root / "unmounted").rename(site.out)
    assert output.exists()
    assert said(site) == "1 file removed (N kB)\n"
    assert site.stop() == 0
