"""`doctor` on set-ups where things are wrong: what it finds, and what it says is to be done."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from mattingd.api import client
from mattingd.config import load
from mattingd.doctor import folders, systemd_unit
from mattingd.doctor.as_user import User, apart, myself
from mattingd.doctor.findings import Finding, Level
from mattingd.domain.presets import Pin
from mattingd.outputs.other_daemons import card
from mattingd.system import clock
from tests.cli.conftest import Say, environment, here, pictures
from tests.daemon.harness.site import Site
from tests.imaging.pictures import encode, photo

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, and try out folders as others")

Found = dict[str, list[tuple[str, str, str]]]


@pytest.fixture
def site(make_site: Callable[..., Site], say: Say, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A sound set-up that no daemon has seen."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return make_site()


def examined(site: Site, *arguments: str, code: int) -> Found:
    """(level, what, remedy) of each finding, by what it is about."""
    answer = here("doctor", "--json", *(arguments or ("--quick",)), "--config", site.config)
    assert answer.code == code, answer.out
    found: Found = {}
    for finding in answer.json["findings"]:
        found.setdefault(finding["about"], []).append((finding["level"], finding["what"], finding["remedy"]))
    return found


def bad(found: Found) -> dict[str, tuple[str, str, str]]:
    """The only thing that is wrong with each place where something is."""
    wrong = {about: [f for f in all_of if f[0] in {"warning", "problem"}] for about, all_of in found.items()}
    assert all(len(all_of) < 2 for all_of in wrong.values()), wrong
    return {about: all_of[0] for about, all_of in wrong.items() if all_of}


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@contextmanager
def mounted(*arguments: object) -> Iterator[None]:
    point = str(arguments[-1])
    subprocess.run(["mount", *map(str, arguments)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", point], check=True)


def test_a_sound_set_up_is_said_to_be_sound_and_nothing_is_left_behind(site: Site) -> None:
    pictures(site.hot[0] / "sub", 3)
    (site.hot[0] / ".DS_Store").touch()
    before = tree(site.root)
    found = examined(site, "--config", str(site.config), code=0)
    assert bad(found) == {}
    (model, *_) = found["model"]
    assert model[1].startswith("counting runs on cpu (numpy, fp32): loaded, warm and tested in")
    lying = found["hot folder in"][-1]
    assert lying[1].startswith("3 files are here, 3 to be done in about 2 s, 1 more passed over: hidden, or")
    assert found["notifications"] == [("ok", "every folder can be watched (2)", "")]
    assert tree(site.root) == before
    told = here("doctor", "--quick", "--config", site.config)
    assert told.out.endswith("\nall is sound\n")


def test_beside_a_running_daemon(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = pictures(site.hot[0], 2)
    process = site.start()
    site.wait_ended(paths)
    found = examined(site, "--config", str(site.config), code=1)
    level, what, _ = bad(found)["daemon"]
    assert level == "warning"
    assert f"process {process.pid}" in what
    assert "the test engine" in what
    assert found["model"] == [("ok", "counting runs on cpu (numpy, fp32)", "")]
    assert found["journal"][0][1].endswith("can be read: 2 jobs")
    assert found["hot folder in"][-1][1] == "2 files are here"
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.3)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        level, what, _ = bad(examined(site, code=1))["daemon"]
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert (level, what) == ("warning", f"process {process.pid} runs, and has not answered within 10 s")


def test_somebody_holds_the_lock_and_is_no_daemon(site: Site) -> None:
    with (site.state / "lock").open("w") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        level, what, remedy = bad(examined(site, code=3))["daemon"]
    assert (level, what) == ("problem", f"process 4711 holds {site.state}/lock and answers no question")
    assert "ps -fp 4711" in remedy


@root_only
def test_rights_are_those_of_the_daemon_s_user(site: Site) -> None:
    (private,) = pictures(site.hot[0], 1)
    private.chmod(0o600)
    for folder in (site.root, *site.root.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(site.state, NOBODY, NOBODY)
    site.out.chmod(0o755)
    wrong = bad(examined(site, code=3))
    assert wrong == {
        "output_dir": (
            "problem",
            f"{site.out} cannot be written to: Permission denied",
            f"as root: chown -R nobody {site.out}",
        ),
        "hot folder in": (
            "warning",
            f"1 files and folders may not be read by nobody, the first is {private.name}",
            f"let it read what is dropped: setfacl -R -m u:nobody:rX,d:u:nobody:rX {site.hot[0]}",
        ),
    }
    os.chown(site.out, NOBODY, NOBODY)
    site.hot[0].chmod(0o700)
    level, what, _ = bad(examined(site, code=3))["hot folder in"]
    assert (level, what) == ("problem", f"{site.hot[0]} cannot be listed: Permission denied")


@root_only
def test_where_originals_go_and_where_they_are_taken_from(make_site: Callable[..., Site], site: Site) -> None:
    archive = site.root / "archive"
    archive.mkdir()
    hot = {"path": str(site.hot[0]), "originals": "archive"}
    other = make_site(folders=(), hot_folders=[hot], archive_dir=str(archive))
    assert bad(examined(other, code=0)) == {}
    for folder in (other.root, *other.root.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    for ours in (other.state, other.out):
        os.chown(ours, NOBODY, NOBODY)
    wrong = bad(examined(other, code=3))
    assert set(wrong) == {"archive_dir", "hot folder in"}
    assert wrong["archive_dir"][1] == f"{archive} cannot be written to: Permission denied"
    assert wrong["hot folder in"][1].endswith("and `originals` is archive: they cannot be taken away")


@root_only
def test_rights_that_are_not_the_daemon_s_prove_nothing(site: Site) -> None:
    for folder in (site.root, *site.root.parents):
        folder.chmod(folder.stat().st_mode | 0o011)
    os.seteuid(NOBODY)
    try:
        found = examined(site, code=1)
    finally:
        os.seteuid(0)
    assert "output_dir" not in found
    assert bad(found)["folders"] == (
        "warning",
        "they were not tried out: the daemon runs as root, whose rights are not yours",
        "ask as its user: sudo mattingd doctor",
    )


@root_only
def test_a_full_and_a_read_only_output_folder(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with mounted("-t", "tmpfs", "-o", "size=256k", "tmpfs", site.out):
        (site.out / "fills").write_bytes(bytes(256 << 10))
        wrong = [finding for finding in examined(site, code=3)["output_dir"] if finding[0] != "ok"]
        assert wrong[0][1].endswith("cut-outs cannot be written: No space left on device")
        assert wrong[0][2] == f"make room on {site.out}"
        assert wrong[1][1].startswith(
            "0.0 MB of 0.3 MB are free for cut-outs: less than the 1 GB of retention"
        )
    with mounted("-o", "bind,ro", site.out, site.out):
        remedy = bad(examined(site, code=3))["output_dir"][2]
        assert remedy == f"it is mounted read-only: mount -o remount,rw {site.out}"
        monkeypatch.setenv("INVOCATION_ID", "1")
        remedy = bad(examined(site, code=3))["output_dir"][2]
        assert remedy.startswith(
            f"the sandbox of the service has it read-only: add ReadWritePaths={site.out}"
        )


def test_a_share_that_is_not_mounted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    fstab = site.root / "fstab"
    fstab.write_text(
        f"# shares\nnas:/pictures {site.hot[0]} nfs defaults 0 0\n/dev/vda / ext4 defaults 0 1\n"
    )
    monkeypatch.setattr(folders, "FSTAB", fstab)
    assert bad(examined(site, code=3))["hot folder in"] == (
        "problem",
        f"{site.hot[0]} stands in {fstab} and is not mounted",
        f"mount {site.hot[0]}",
    )


def test_a_daemon_whose_journal_cannot_be_read_is_not_taken_for_another_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    marker = tmp_path / ".mattingd-abc-home"
    place = folders.place_of("output_dir", tmp_path, myself())
    for own, number in ((str(state), 0), ("/state/of/another", 1)):
        marker.write_text(card(own, ["/srv/in"]), encoding="utf-8")
        assert len(list(folders._other_daemons(place, state))) == number


def test_what_is_missing_or_damaged(site: Site) -> None:
    shutil.rmtree(site.hot[0])
    shutil.rmtree(site.out)
    (site.state / "checkpoint.db").write_bytes(b"no journal at all, but text" * 100)
    found = examined(site, code=3)
    wrong = bad(found)
    assert wrong["hot folder in"] == (
        "problem",
        f"{site.hot[0]} does not exist; create it, or mount its share",
        f"mkdir -p {site.hot[0]}",
    )
    assert "is damaged; nothing was changed" in wrong["journal"][1]
    assert found["output_dir"] == [
        ("note", f"{site.out} is not there yet; it is made at the first start", "")
    ]


def test_a_configuration_that_is_wrong(site: Site) -> None:
    site.config.write_text(site.config.read_text() + "colour: red\n")
    answer = here("doctor", "--json", "--config", site.config)
    assert answer.code == 78
    (finding,) = answer.json["findings"]
    assert "colour: there is no such setting" in finding["what"]
    assert here("doctor", "--config", site.config).err.count("there is no such setting") == 1


def test_a_model_that_cannot_be_used(make_site: Callable[..., Site], site: Site) -> None:
    demanding = make_site(engine={"require_gpu": True})
    level, what, _ = bad(examined(demanding, "--config", str(demanding.config), code=3))["model"]
    assert level == "problem"
    assert what.startswith("the model cannot be used: no CUDA device can be used")


def test_a_folder_that_hangs_is_left_behind() -> None:
    def task() -> Iterator[Finding]:
        clock.sleep(60)
        yield Finding("x", Level.OK, "")

    began = clock.monotonic_ns()
    (finding,) = apart("hot folder x", task, user=myself(), seconds=0.3)
    assert clock.monotonic_ns() - began < 30 * clock.SECOND
    assert (finding.level, finding.what) == (Level.PROBLEM, "gave no answer within 0.3 s")


def test_an_examination_that_fails_is_a_finding_itself() -> None:
    def task() -> Iterator[Finding]:
        raise RuntimeError("odd")

    (finding,) = apart("here", task, user=myself(), seconds=30)
    assert (finding.level, finding.what) == (Level.PROBLEM, "could not be examined: odd")


def test_clocks_that_differ(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    place = folders.place_of("output_dir", tmp_path, myself())
    assert list(folders.clocks(place, file)) == []
    now = clock.wall().timestamp()
    for apart_seconds, way in ((300, "5 min ahead of"), (-7200, "2 h behind")):
        os.utime(file, (now + apart_seconds, now + apart_seconds))
        (finding,) = folders.clocks(place, file)
        assert finding.level is Level.WARNING
        assert finding.what == f"the clock of the file system is {way} this machine's"


@root_only
def test_too_few_watches_name_the_setting_and_the_number(site: Site) -> None:
    """In a user namespace of its own, where the kernel's limit can be lowered without harm to others."""
    for number in range(12):
        (site.hot[0] / str(number)).mkdir()
    command = f"{sys.executable} -m mattingd doctor --quick --json --config {site.config}"
    limited = f"echo 5 > /proc/sys/user/max_inotify_watches && {command}"
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", limited], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    (finding,) = (f for f in json.loads(done.stdout)["findings"] if f["about"] == "notifications")
    assert finding["what"].startswith(
        "8 of 13 folders cannot be watched, since the kernel allows each user 5"
    )
    assert "sysctl -w fs.inotify.max_user_watches=16384" in finding["remedy"]


# --- the unit ---

STRICT = {"ActiveState": "active", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "no"}


@pytest.mark.parametrize(
    ("properties", "levels"),
    [
        ({"ActiveState": "active"}, {"service": "ok"}),
        (STRICT, {"output_dir": "problem", "state_dir": "problem"}),
        (STRICT | {"ReadWritePaths": "-/srv/out /srv/state"}, {"service": "ok"}),
        (STRICT | {"ReadWritePaths": "/srv"}, {"service": "ok"}),
        (STRICT | {"ReadWritePaths": "/srv", "PrivateTmp": "yes"}, {"service": "ok"}),
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78"},
            {"service": "problem"},
        ),
    ],
)
def test_what_a_unit_allows(properties: dict[str, str], levels: dict[str, str], tmp_path: Path) -> None:
    found = systemd_unit.judged(properties, settings_for(tmp_path, "/srv/in"))
    assert {finding.about: finding.level for finding in found} == levels


@pytest.mark.parametrize("hot_folder", ["/home/anna/in", "/var/tmp/in"])  # noqa: S108 - only named
def test_a_hot_folder_that_the_unit_hides(hot_folder: str, tmp_path: Path) -> None:
    properties = STRICT | {"ReadWritePaths": "/srv", "PrivateTmp": "yes"}
    (finding,) = systemd_unit.judged(properties, settings_for(tmp_path, hot_folder))
    assert (finding.about, finding.level) == ("hot folder in", Level.PROBLEM)
    assert finding.what.startswith(f"mattingd.service does not see {hot_folder}: it has P")


def test_a_background_is_looked_at_and_what_is_wrong_has_a_remedy(site: Site) -> None:
    about, studio = "background of hot folder in", site.root / "studio.png"
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    document["hot_folders"][0]["settings"] = {"background": "studio.png"}
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    studio.write_bytes(encode(photo(300, 300), "PNG"))
    sound = examined(site, code=0)
    assert bad(sound) == {}
    assert sound[about] == [("ok", f"{studio} can be a background", "")]
    studio.write_bytes(encode(photo(30, 300), "PNG"))
    level, what, remedy = bad(examined(site, code=3))[about]
    assert (level, remedy) == ("problem", "choose another `background`, or put a sound picture there")
    assert what == f"{studio} cannot stand behind pictures: its 30 x 300 px are too few: 256 a side at least"


@root_only
def test_a_background_that_the_daemons_user_may_not_read(site: Site) -> None:
    studio = site.root / "studio.png"
    studio.write_bytes(encode(photo(300, 300), "PNG"))
    studio.chmod(0o600)
    for parent in (site.root, *list(site.root.parents)[:3]):
        parent.chmod(0o755)
    nobody = User(NOBODY, NOBODY, ())
    pin = Pin(str(studio), hashlib.sha256(studio.read_bytes()).hexdigest())
    (finding,) = apart(
        "background", partial(folders.examine_background, "background", pin, nobody), user=nobody, seconds=30
    )
    assert finding.what == f"{studio} cannot be read: Permission denied"
    assert finding.remedy == f"let {nobody.name} read it: setfacl -m u:{nobody.name}:r {studio}"


def test_a_background_that_the_unit_hides(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "/srv/in", settings={"background": "/home/anna/studio.jpg"})
    (finding,) = systemd_unit.judged(STRICT | {"ReadWritePaths": "/srv"}, settings)
    assert (finding.about, finding.level) == ("background of hot folder in", Level.PROBLEM)
    assert finding.what.startswith("mattingd.service does not see /home/anna/studio.jpg: it has ProtectHome=")


def settings_for(tmp_path: Path, hot_folder: str, **more: Any) -> Any:
    config = tmp_path / "config.yaml"
    folders = [{"path": hot_folder, **more}]
    document = {"output_dir": "/srv/out", "state_dir": "/srv/state", "hot_folders": folders}
    config.write_text(json.dumps(document))
    return load(config)
