"""SIGHUP and `reload`: new settings for later files, mistakes keep the old ones, folders come and go."""

import os
import pty
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mattingd.api.client import NoAnswerError
from mattingd.runtime.reload import ELSEWHERE, LIVE
from tests.daemon.conftest import MakeSite
from tests.daemon.harness import people, pictures
from tests.daemon.harness.manager import Manager, listening
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import MATTINGD, REPOSITORY, Site, surroundings, wait_until


def edit(site: Site, **settings: Any) -> None:
    """Write other settings, as an editor does: beside, then over it."""
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    for key, value in settings.items():
        document[key] = document.get(key, {}) | value if isinstance(value, dict) else value
    beside = site.config.with_suffix(".new")
    beside.write_text(yaml.safe_dump(document), encoding="utf-8")
    beside.replace(site.config)


def folder(path: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(path), **more}


def drop(folder: Path, name: str, number: int) -> Path:
    return people.save(folder / name, pictures.picture(number))


def said(site: Site) -> list[str]:
    return [line["why"] for line in site.events("settings")]


def test_later_files_get_the_new_settings_and_queued_ones_keep_theirs(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    before = [drop(site.hot[0], f"before{n}.png", n) for n in range(3)]
    site.ask("pause", paused=True)
    wait_until(lambda: site.status()["folders"][0]["queued"] == 3, "they were queued")
    edit(site, hot_folders=[folder(site.hot[0], preset="id-photo")], layout="{folder}/new/{path}")
    site.processes[-1].send_signal(signal.SIGHUP)
    wait_until(lambda: len(said(site)) == 2, "the settings were taken")
    after = drop(site.hot[0], "after.png", 7)
    wait_until(lambda: site.status()["folders"][0]["queued"] == 4, "it was queued, too")
    site.ask("pause", paused=False)
    site.wait_ended([*before, after])
    assert {site.result_of(file).suffix for file in before} == {".png"}
    assert {site.result_of(file).parent.parent for file in before} == {site.out}
    assert site.result_of(after) == site.out / "in" / "new" / "after.jpg"
    assert f"hot folder {site.hot[0]}: preset transparent -> id-photo, threshold 0 -> 22" in said(site)[0]
    assert said(site)[1] == "layout: auto -> {folder}/new/{path}"
    site.audit()


def test_mistakes_are_told_line_by_line_and_the_old_settings_stay(
    make_site: MakeSite, tmp_path: Path
) -> None:
    with listening(tmp_path / "notify") as manager:
        mistaken(make_site(), manager, {"NOTIFY_SOCKET": str(tmp_path / "notify")})


def mistaken(site: Site, manager: Manager, environment: dict[str, str]) -> None:
    site.start(environment=environment)
    manager.until("READY=1")
    edit(site, watch={"settle_second": 1}, limits={"workers": 0})
    site.processes[-1].send_signal(signal.SIGHUP)
    manager.until("MONOTONIC_USEC=")
    assert "RELOADING=1" in manager.heard
    manager.until("READY=1")
    manager.until("STATUS=the configuration has mistakes; the settings from before stay; 0 in work")
    wait_until(lambda: len(said(site)) == 2, "both mistakes were told")
    assert [line["level"] for line in site.events("settings")] == ["error", "error"]
    told = "\n".join(said(site))
    assert "watch.settle_second: there is no such setting" in told
    assert "limits.workers: must be auto or a whole number of at least 1, not 0; the ones in use stay" in told
    answer = site.ask("reload")
    assert len(answer["mistakes"]) == 2
    assert site.status()["config"]["mistakes"] == answer["mistakes"]
    status = site.command("status").stdout + site.command("status").stderr
    assert "limits.workers" in status
    file = drop(site.hot[0], "a.png", 1)
    site.wait_ended([file])
    assert site.records(file)[0].state == "done"


def test_folders_come_and_go(make_site: MakeSite) -> None:
    site = make_site(folders=("in", "other"))
    first, other = site.hot
    third = site.root / "third"
    third.mkdir()
    old = drop(third, "old.png", 1)
    site.start()
    done = drop(other, "done.png", 2)
    site.wait_ended([done])
    site.ask("pause", paused=True, folders=[os.fsencode(other).hex()])
    queued = drop(other, "queued.png", 3)
    wait_until(lambda: site.status()["folders"][1]["queued"] == 1, "it was queued")
    edit(site, hot_folders=[folder(first), folder(third, existing="ignore")])
    answer = site.ask("reload")
    assert answer["changed"] == [
        f"hot folder {third} is new",
        f"hot folder {other} is left out; its pictures that are taken already are finished",
    ]
    assert [each["path"] for each in site.status()["folders"]] == [str(first), str(third)]
    site.wait_ended([queued, old])
    assert site.records(queued)[0].state == "done"
    site.hot.append(third)
    assert site.records(old)[0].state == "ignored"
    new = drop(third, "new.png", 4)
    unseen = drop(other, "unseen.png", 5)
    site.wait_ended([new])
    assert site.records(unseen) == []
    edit(site, hot_folders=[folder(first), folder(third), folder(other)])
    site.ask("reload")
    assert [each["paused"] for each in site.status()["folders"]] == [False, False, True]
    site.ask("pause", paused=False)
    site.wait_ended([unseen])
    assert len(site.records(queued)) == len(site.records(done)) == 1
    site.audit()


def test_what_cannot_change_is_named_and_stays_and_a_restart_knows_it(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    elsewhere = site.root / "elsewhere"
    edit(site, output_dir=str(elsewhere), limits={"workers": 1, "picture_seconds": 60}, stop_seconds=7)
    answer = site.ask("reload")
    assert answer["restart"] == ["limits.workers", "output_dir"]
    assert sorted(answer["changed"]) == ["limits.picture_seconds: 120 -> 60", "stop_seconds: 60 -> 7"]
    file = drop(site.hot[0], "a.png", 1)
    site.wait_ended([file])
    assert site.result_of(file).exists()
    assert not elsewhere.exists()
    assert "needs a restart for limits.workers, output_dir" in site.command("status").stdout
    assert site.stop() == 0
    site.start()
    assert site.status()["output_dir"] == str(elsewhere)
    assert len(site.children()["worker"]) == 1


def test_folders_that_would_meet_until_a_restart_are_refused(make_site: MakeSite) -> None:
    """What runs is a mixture: the output folder stays the one in use, the hot folders are the new ones."""
    site = make_site()
    (site.root / "archive").mkdir()
    site.start()
    first = drop(site.hot[0], "a.png", 1)
    site.wait_ended([first])
    was, elsewhere = site.out, site.root / "elsewhere"
    edit(site, output_dir=str(elsewhere), hot_folders=[folder(site.hot[0]), folder(was, originals="delete")])
    (mistake,) = site.ask("reload")["mistakes"]
    assert "output_dir: is the same folder as hot_folders[1].path" in mistake
    assert mistake.endswith("restart the daemon instead")
    archived = folder(site.hot[0], originals="archive")
    edit(site, output_dir=str(was), archive_dir=str(site.root / "archive"), hot_folders=[archived])
    (mistake,) = site.ask("reload")["mistakes"]
    assert "hot_folders[0].originals: needs the setting archive_dir" in mistake
    again = drop(site.hot[0], "b.png", 2)
    site.wait_ended([again])
    assert site.result_of(first).exists()
    assert len(site.rows()) == 2, "the settings from before are in use"
    assert site.stop() == 0
    site.start()
    later = drop(site.hot[0], "c.png", 3)
    wait_until(lambda: not later.exists(), "its original is in the archive")


def of_many_tiles() -> bytes:
    return pictures.encode(np.tile(pictures.draw(Label(1)), (3, 3, 1)))


def test_limits_and_ways_to_look_change_live(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    assert site.status()["folders"][0]["watched"] == "events"
    edit(site, watch={"mode": "poll", "poll_seconds": 0.3}, limits={"max_megapixels": 0.1})
    site.ask("reload")
    wait_until(lambda: site.status()["folders"][0]["watched"] == "scans", "nothing but scans")
    large = people.save(site.hot[0] / "large.png", of_many_tiles())
    site.wait_ended([large])
    assert "megapixels" in site.records(large)[0].reason
    edit(site, watch={"mode": "events", "rescan_seconds": 3600}, limits={"max_megapixels": 120})
    site.ask("reload")
    wait_until(lambda: site.status()["folders"][0]["watched"] == "events", "notifications again")
    later = people.save(site.hot[0] / "later.png", of_many_tiles())
    site.wait_ended([later])
    assert site.records(later)[0].state == "done"


def test_the_log_follows(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    edit(site, log={"format": "console"})
    site.ask("reload")
    wait_until(lambda: "settings   log.format: json -> console" in site.log.read_text(), "a line for people")
    edit(site, log={"format": "json", "level": "error"})
    site.ask("reload")
    edit(site, stop_seconds=-1)
    site.ask("reload")
    wait_until(lambda: len(said(site)) == 1, "the mistake was told")
    assert "stop_seconds: must be a number of at least 0, not -1; the ones in use stay" in said(site)[0]


def test_a_configuration_that_cannot_be_read_in_time_holds_up_nobody(site: Site) -> None:
    site.start()
    content = site.config.read_text(encoding="utf-8")
    site.config.unlink()
    os.mkfifo(site.config)  # opening it waits for somebody who writes, as a dead share would
    with pytest.raises(NoAnswerError, match="still reading its configuration; the log will say"):
        site.ask("reload")
    for _ in range(2):
        site.processes[-1].send_signal(signal.SIGHUP)
    file = drop(site.hot[0], "a.png", 1)
    site.wait_ended([file])
    pipe = site.config.rename(site.root / "pipe")
    site.config.write_text(content, encoding="utf-8")
    pipe.write_text(content + "stop_seconds: 9\n", encoding="utf-8")
    changes = ["stop_seconds: 60 -> 9", "stop_seconds: 9 -> 60"]
    wait_until(lambda: said(site) == changes, "it was read, and once more as somebody had asked meanwhile")


def test_every_setting_that_changes_live_stands_in_the_documentation() -> None:
    text = (REPOSITORY / "docs" / "STEERING.md").read_text(encoding="utf-8")
    text = text.partition("## Reload")[2].partition("## Stop")[0]
    live, restart = zip(*re.findall(r"^\| (`.+) \| (.+) \|$", text, re.MULTILINE), strict=True)
    names = {name.rpartition(".")[2] for name in LIVE | ELSEWHERE}
    told = {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", " ".join(live))}
    assert told == names
    assert not {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", " ".join(restart))} & names


def test_a_closed_terminal_is_an_end_and_no_reload(site: Site) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(  # noqa: S606
            sys.executable, [*MATTINGD, str(site.config)], surroundings(test_engine=True)
        )
    wait_until(lambda: site.status().get("engine", {}).get("state") == "ready", "it was ready")
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: b"nothing has changed" in os.read(terminal, 65536), "it read its configuration again")
    assert not site.status()["stopping"]
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    with site.journal() as ledger:
        assert ledger.clean()


def test_a_folder_that_is_away_may_stay_and_one_that_is_not_there_is_refused(make_site: MakeSite) -> None:
    site = make_site(folders=("in", "share"))
    site.start()
    site.hot[1].rename(site.root / "away")
    edit(site, stop_seconds=9)
    assert site.ask("reload")["changed"] == ["stop_seconds: 60 -> 9"]
    edit(site, hot_folders=[folder(path) for path in (*site.hot, site.root / "nowhere")])
    (mistake,) = site.ask("reload")["mistakes"]
    assert mistake.startswith(f"{site.config}: hot_folders[2].path: '{site.root}/nowhere' does not exist")


def test_what_a_left_out_folder_had_is_finished_after_a_restart_too(make_site: MakeSite) -> None:
    site = make_site(folders=("in", "other"))
    site.start()
    site.ask("pause", paused=True)
    files = [drop(site.hot[1], f"{n}.png", n) for n in range(3)]
    wait_until(lambda: site.status()["folders"][1]["queued"] == len(files), "they were queued")
    assert site.stop() == 0
    files.pop().unlink()
    edit(site, hot_folders=[folder(site.hot[0])])
    site.start()
    site.wait_ended(files)
    with site.journal() as ledger:
        assert ledger.states() == {"done": 2, "withdrawn": 1}
    site.audit()
