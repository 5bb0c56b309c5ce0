"""retry, forget, rescan, pause, resume, reload: with a daemon, without one, and where something is wrong."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile
import pytest
import yaml

from tests.cli.conftest import Answer, Say, here, pictures
from tests.daemon.harness.site import Site, surroundings, wait_until

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
MakeSite = Callable[..., Site]


def asked(site: Site, *arguments: object) -> Answer:
    return here(*arguments, "--config", site.config)


def prepared(site: Site) -> Site:
    """Its daemon has done two pictures and failed at two."""
    pictures(site.hot[0] / "red", 2)
    for folder in site.hot:
        (folder / "blank.png").write_bytes(hostile.blank())
    site.start()
    site.wait_ended(all_files(site))
    return site


@pytest.fixture
def site(make_site: MakeSite, say: Say) -> Site:
    """A prepared site."""
    return prepared(make_site(folders=("shoes", "hats")))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A prepared site that several tests use, in their order."""
    site = Site(tmp_path_factory.mktemp("lasting") / "site", ("shoes", "hats"))
    try:
        yield prepared(site)
    finally:
        site.close()


def all_files(site: Site) -> list[Path]:
    return [file for folder in site.hot for file in folder.rglob("*.png")]


def ends(site: Site, file: Path) -> list[str]:
    """What its jobs ended as, newest first."""
    return [record.state for record in site.records(file)]


def test_a_file_that_is_held_back_is_taken_when_a_person_says_so(make_site: MakeSite, say: Say) -> None:
    site = make_site(watch={"settle_seconds": 0.2, "truncated_minutes": 30})
    site.start()
    cut = site.hot[0] / "cut.png"
    cut.write_bytes(hostile.cut_off("PNG"))
    wait_until(lambda: "end marker" in asked(site, "status", cut).out, "the file waits for its end")
    answer = asked(site, "retry", cut)
    assert (answer.code, answer.err) == (0, "")
    assert "it is taken now, as it is (the end marker is missing)" in answer.out
    wait_until(lambda: bool(site.records(cut)), "it was taken")
    wait_until(lambda: "cut off" in asked(site, "status", cut).out, "status says why it cannot be read")


def test_without_a_daemon_a_file_is_taken_at_the_next_start(make_site: MakeSite, say: Say) -> None:
    site = prepared(make_site())
    site.stop()
    (late,) = pictures(site.hot[0] / "late", 1)
    answer = asked(site, "retry", late)
    assert (answer.code, answer.err) == (0, "")
    assert "it is taken at the next start, as it is" in answer.out


def wait_for_jobs(site: Site, file: Path, number: int) -> None:
    wait_until(lambda: len(ends(site, file)) == number, f"{file.name} had {number} jobs")
    site.wait_ended(all_files(site))


def test_a_named_picture_is_made_again_as_its_next_version(site: Site) -> None:
    red = site.hot[0] / "red" / "p00.png"
    first = site.result_of(red)
    content = first.read_bytes()
    assert asked(site, "retry", red).out == "shoes/red/p00.png: it is made again\n"
    wait_for_jobs(site, red, 2)
    assert site.result_of(red).name == "p00_v2.png"
    assert first.read_bytes() == content
    first.unlink()
    assert asked(site, "retry", "shoes/red/p00.png").code == 0
    site.kill()
    site.start()
    wait_for_jobs(site, red, 3)
    assert site.result_of(red).name == "p00_v3.png"
    site.audit()


def test_of_folders_and_patterns_only_what_failed_is_tried_again(lasting: Site, say: Say) -> None:
    site = lasting
    assert asked(site, "retry", site.hot[0] / "red").out.startswith("nothing has failed there")
    told = asked(site, "retry", "--json").json
    assert told == {
        "files": [
            {"file": str(folder / "blank.png"), "granted": True, "said": "it is made again"}
            for folder in reversed(site.hot)
        ]
    }
    for folder in site.hot:
        wait_for_jobs(site, folder / "blank.png", 2)
    assert ends(site, site.hot[1] / "blank.png") == ["failed", "failed"]
    assert asked(site, "retry", "shoes/r*.png", "--all").out.count("it is made again") == 2
    wait_for_jobs(site, site.hot[0] / "red" / "p01.png", 2)
    notes = list(site.out.rglob("*.error.txt"))
    assert len(notes) == 2


def test_what_waits_is_tried_now(make_site: MakeSite, say: Say) -> None:
    site = make_site(retry={"first_seconds": 3600, "cap_seconds": 3600})
    site.start()
    (picture,) = pictures(site.root / "elsewhere", 1)
    away = site.out.with_name("away")
    site.out.rename(away)
    site.out.write_text("no folder")
    picture = picture.rename(site.hot[0] / "shoe.png")
    wait_until(lambda: bool(site.status()["held"]), "it was held back")
    site.out.unlink()
    away.rename(site.out)
    assert asked(site, "retry", picture).out == "in/shoe.png: it is tried again now\n"
    site.wait_ended([picture])
    assert ends(site, picture) == ["done"]


def test_a_forgotten_picture_is_new_and_gets_its_plain_name_if_that_is_free(site: Site) -> None:
    red, blank = site.hot[0] / "red" / "p00.png", site.hot[0] / "blank.png"
    first = site.result_of(red)
    first.rename(site.root / "mine.png")
    note = next(site.out.rglob("shoes/**/*.error.txt"))
    assert asked(site, "forget", red, blank).out.splitlines() == [
        "shoes/blank.png: forgotten; while the file is still there it counts as new",
        "shoes/red/p00.png: forgotten; while the file is still there it counts as new",
    ]
    wait_for_jobs(site, red, 2)
    wait_for_jobs(site, blank, 2)
    assert site.result_of(red) == first
    assert site.records(red)[1].outputs == ()
    assert note.exists()
    blank.write_bytes(hostile.encoded("PNG"))
    wait_for_jobs(site, blank, 3)
    assert not note.exists(), "the success removed the note of the forgotten failure, too"
    site.audit()


def test_pause_holds_back_is_kept_over_a_restart_and_resume_lets_go(site: Site) -> None:
    assert asked(site, "pause", "shoes").out == (
        "shoes: paused; what is in work is finished, and nothing waits\n"
    )
    assert asked(site, "pause", "shoes").out == "shoes: it was paused already; nothing waits\n"
    shoe, hat = pictures(site.hot[0], 1)[0], pictures(site.hot[1], 1)[0]
    wait_until(lambda: ends(site, hat) == ["done"], "the other folder went on")
    wait_until(lambda: site.status()["folders"][0]["queued"] == 1, "it waited")
    assert asked(site, "status", shoe).out.startswith(
        "queued, the next of its folder: its hot folder is paused"
    )
    assert "paused, 1 waiting" in asked(site, "status").out
    assert site.stop() == 0
    assert "paused" in asked(site, "status").out
    assert asked(site, "pause", "hats").out == "hats: paused from the next start on\n"
    assert asked(site, "resume", "hats").out == "hats: continues at the next start\n"
    site.start()
    assert [folder["paused"] for folder in site.status()["folders"]] == [True, False]
    assert ends(site, shoe) == ["queued"]
    told = asked(site, "resume", "--json").json["folders"]
    assert [(folder["name"], folder["changed"]) for folder in told] == [("shoes", True), ("hats", False)]
    site.wait_ended([shoe])
    assert asked(site, "resume", site.hot[0]).out == "shoes: it was not paused\n"
    site.audit()


def test_without_a_daemon_it_is_written_down_and_happens_at_the_next_start(site: Site) -> None:
    red, other = (site.hot[0] / "red" / name for name in ("p00.png", "p01.png"))
    assert site.stop() == 0
    assert asked(site, "retry", red).out == "shoes/red/p00.png: it is made again at the next start\n"
    assert asked(site, "forget", other).code == 0
    for verb, hint in (
        ("rescan", "it looks through every folder when it starts"),
        ("reload", "it reads its configuration when it starts"),
    ):
        answer = asked(site, verb)
        assert answer.code == 1
        assert answer.err == f"mattingd: no daemon runs here ({site.state} is the state_dir); {hint}\n"
    site.start()
    wait_for_jobs(site, red, 2)
    wait_for_jobs(site, other, 2)
    assert site.result_of(red).name == "p00_v2.png"
    site.audit()


def test_what_is_not_known_is_said_and_what_may_be_meant(lasting: Site, say: Say) -> None:
    site = lasting
    for arguments, told in (
        (
            ("retry", "shoes/red/p0.png"),
            "the journal does not know it; did you mean red/p0",
        ),
        (("retry", "shoes/*.tif"), "nothing that the journal knows fits this pattern"),
        (("forget", "/etc/hostname"), "is in no hot folder of this configuration (shoes, hats)"),
        (("pause", "shoe"), "there is no hot folder 'shoe'; did you mean shoes?"),
        (("rescan", "x"), "there is no hot folder 'x'; there is: shoes, hats"),
    ):
        answer = asked(site, *arguments)
        assert (answer.code, answer.out) == (2, "")
        assert told in answer.err
        assert answer.err.count("\n") == 1
    gone = site.hot[0] / "blank.png"
    gone.unlink()
    asked(site, "rescan", "shoes")
    wait_until(lambda: asked(site, "retry", gone).code == 1, "it was noticed")
    assert asked(site, "retry", gone).out == (
        "shoes/blank.png: the file is gone: `mattingd forget` it and put it back, and it is made again\n"
    )


def test_reload_says_what_changes_and_what_is_wrong(lasting: Site, say: Say) -> None:
    site = lasting
    document = yaml.safe_load(site.config.read_text())
    site.config.write_text(yaml.safe_dump(document | {"stop_seconds": 5, "timezone": "Europe/Berlin"}))
    assert asked(site, "reload").out.splitlines() == [
        "stop_seconds: 60 -> 5",
        "timezone: needs a restart; until then it stays as it was",
    ]
    site.config.write_text(yaml.safe_dump(document | {"stop_second": 5}))
    wrong = asked(site, "reload")
    assert wrong.code == 78
    assert "stop_second: there is no such setting" in wrong.err
    assert wrong.err.endswith("mattingd: the settings in use stay as they are\n")
    assert asked(site, "reload", "--json").json["mistakes"]
    site.config.write_text(yaml.safe_dump(document))
    assert asked(site, "reload").out == "stop_seconds: 5 -> 60\n"
    assert asked(site, "reload").out == "nothing has changed\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_who_may_not_ask_is_told_so() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        site = Site(Path(folder) / "site")
        try:
            site.start()
            answer = subprocess.run(
                [*NOBODY, sys.executable, "-m", "mattingd", "pause", "--config", str(site.config)],
                env=surroundings(test_engine=True),
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
            )
        finally:
            site.close()
    assert answer.returncode == 1
    assert answer.stderr == (
        f"mattingd: you may not ask the daemon: {site.state}/control.sock is for its user and the members"
        " of group root\n"
    )
