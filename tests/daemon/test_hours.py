"""A hot folder that is worked on at certain hours, with a real daemon and the clock of the machine."""

import os
from datetime import timedelta

import yaml

from mattingd.system import clock
from tests.daemon.conftest import MakeSite
from tests.daemon.harness.pictures import picture
from tests.daemon.harness.site import wait_until


def test_outside_its_hours_a_folder_waits_says_so_and_obeys_a_person(make_site: MakeSite) -> None:
    opens, closes = (f"{clock.wall() + timedelta(hours=hours):%H:%M}" for hours in (3, 4))
    site = make_site()
    document = yaml.safe_load(site.config.read_text())
    document["hot_folders"][0] |= {"hours": f"{opens}-{closes}", "status_file": True}
    site.config.write_text(yaml.safe_dump(document))
    site.start()
    files = [site.hot[0] / name for name in ("a.png", "b.png")]
    for number, file in enumerate(files):
        file.write_bytes(picture(number))
    wait_until(lambda: site.status()["waiting"]["hours"] == 2, "both wait for the hours")
    (folder,) = site.status()["folders"]
    assert (folder["state"], folder["opens"]) == ("closed", opens)
    root = os.fsencode(site.hot[0]).hex()
    assert site.ask("where", root=root, path=b"a.png".hex())["code"] == "outside_hours"
    told = site.hot[0] / "_STATUS.txt"
    wait_until(lambda: told.is_file() and opens in told.read_text(), "the status file says so")
    retried = site.command("retry", str(files[1]))
    assert (retried.returncode, "whatever the hours" in retried.stdout) == (0, True)
    with site.explained():
        wait_until(lambda: site.records(files[1])[0].state == "done", "it is done")
    assert site.status()["waiting"]["hours"] == 1, "only what was asked for"
    del document["hot_folders"][0]["hours"]
    site.config.write_text(yaml.safe_dump(document))
    assert site.command("reload").returncode == 0
    site.wait_ended(files)
    assert site.stop() == 0
