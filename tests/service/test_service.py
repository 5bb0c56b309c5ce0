"""The service on a machine of its own, from `mattingd service install` to `uninstall`, under a real systemd.

The tests go on from one another, in this order: they are one year in the life of a workstation.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import wait_until
from tests.service.machine import PATHS, PYTHON, Machine, booted

CONFIG = "/etc/mattingd/config.yaml"
HOT, OUT, STATE = "/srv/matting/in", "/srv/matting/out", "/var/lib/mattingd"
PLAN = "/etc/mattingd/plan.json"
NEW = "/srv/new.png"
STOP_SECONDS = 10
SETTINGS = f"""\
output_dir: {OUT}
state_dir: {STATE}
hot_folders:
  - path: {HOT}
watch: {{settle_seconds: 0.1, rescan_seconds: 2}}
limits: {{workers: 1}}
stop_seconds: {STOP_SECONDS}
"""
FOR_THE_TEST = f"""\
[Service]
Environment=MATTINGD_TEST_ENGINE=1 MATTINGD_TEST_PLAN={PLAN} PYTHONPATH={PATHS["PYTHONPATH"]}
WatchdogSec=6s
RestartSec=300ms
"""
"""The engine of the tests, and times that nobody has to wait for. All else is as it was rendered."""


OWN = """\
output_dir: out
state_dir: state
hot_folders: [{path: in}]
watch: {settle_seconds: 0.1}
limits: {workers: 1}
"""
LATER = "The service is installed and was not started; mend that, then `systemctl start mattingd`"


def missing() -> str:
    """Why there can be no machine here; empty when there can."""
    if os.geteuid() != 0:
        return "only root can boot a container"
    absent = [name for name in ("systemd-nspawn", "nsenter", "setpriv") if shutil.which(name) is None]
    return f"{', '.join(absent)} not installed" if absent else ""


pytestmark = [
    pytest.mark.skipif(bool(missing()) and not os.environ.get("CI"), reason=missing()),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine") / "console.log") as machine:
        machine("chmod", "o+x", *Path(sys.base_prefix).resolve().parents)  # Python may lie in root's home
        folders = ("--hot-folder", HOT, "--output-dir", OUT, "--state-dir", STATE)
        machine("mkdir", "-p", Path(CONFIG).parent)
        machine(*machine.mattingd("init", CONFIG, *folders))
        machine.write(CONFIG, SETTINGS)
        machine.write(PLAN, "{}")
        machine.write("/etc/systemd/system/mattingd.service.d/test.conf", FOR_THE_TEST)
        machine.write("/etc/systemd/system/mattingd-process@.service.d/test.conf", FOR_THE_TEST)
        machine("useradd", "designer")
        machine("install", "-d", "-o", "designer", "-m", "2775", HOT)
        yield machine


def status(machine: Machine) -> dict[str, str]:
    return machine.show(
        "mattingd",
        "ActiveState",
        "SubState",
        "Result",
        "NRestarts",
        "StatusText",
        "ExecMainStatus",
        "MainPID",
    )


def drop(machine: Machine, number: int) -> str:
    """A picture comes into the hot folder as programs put it there, by somebody else than us."""
    machine.write(NEW, pictures.picture(number))
    machine("cp", NEW, f"{HOT}/{number}.png", by="designer")
    return f"{number}.png"


def results(machine: Machine, name: str, folder: str = "") -> list[Path]:
    """Cut-outs of this name; the hot folder that was the only one has no folder of its own."""
    return list((machine.root / OUT.lstrip("/")).glob("/".join(filter(None, ("*", folder, name)))))


def wait_done(machine: Machine, name: str, folder: str = "") -> Path:
    try:
        wait_until(lambda: bool(results(machine, name, folder)), f"{name} was cut out", 60)
    except AssertionError as error:
        said = "\n".join(str(entry["MESSAGE"]) for entry in journal(machine)[-12:])
        raise AssertionError(f"{error}\n{status(machine)}\n{said}") from None
    return results(machine, name, folder)[0]


def journal(machine: Machine) -> list[dict[str, str]]:
    said = machine("journalctl", "-u", "mattingd", "-o", "json", "--no-pager")
    return [json.loads(line) for line in said.splitlines()]


def test_what_its_user_may_not_read_is_said_and_nothing_is_started(machine: Machine) -> None:
    machine("chmod", "600", CONFIG)
    done = machine.run(*machine.mattingd("service", "install", "--config", CONFIG))
    assert (done.returncode, done.stderr.splitlines()) == (
        78,
        [
            "mattingd: tried out as user mattingd:",
            f"mattingd: {CONFIG}: cannot be read: Permission denied",
            f"mattingd: {LATER}",
        ],
    )
    assert f"gave     {OUT} to user mattingd\ngave     {STATE} to user mattingd\n" in done.stdout
    assert status(machine)["ActiveState"] == "inactive"
    machine("chmod", "644", CONFIG)


def test_installed_by_one_command_it_is_ready(machine: Machine) -> None:
    said = machine(*machine.mattingd("service", "install", "--config", CONFIG))
    assert "wrote    /etc/systemd/system/mattingd.service" in said
    assert said.splitlines()[-1].startswith("running  mattingd; how it is: `systemctl status mattingd`")
    now = status(machine)
    assert (now["ActiveState"], now["SubState"], now["NRestarts"]) == ("active", "running", "0")
    assert now["StatusText"].startswith("0 in work, 0 waiting; 0 done, 0 failed since the start; counting on")
    assert machine("systemctl", "is-enabled", "mattingd") == "enabled\n"
    assert machine("stat", "-c", "%U:%G %a", STATE, OUT) == "mattingd:mattingd 750\nmattingd:mattingd 2775\n"


def test_a_picture_of_somebody_else_is_cut_out(machine: Machine) -> None:
    cut_out = wait_done(machine, drop(machine, 1))
    assert pictures.read(cut_out.read_bytes()) == Label(1)
    place = Path("/") / cut_out.relative_to(machine.root)
    assert machine("stat", "-c", "%U:%G %a", place) == "mattingd:mattingd 664\n"


def test_installed_again_with_a_mistake_it_goes_on_as_it_was(machine: Machine) -> None:
    before = status(machine)["MainPID"]
    machine("mv", HOT, f"{HOT}.away")
    done = machine.run(*machine.mattingd("service", "install", "--config", CONFIG))
    machine("mv", f"{HOT}.away", HOT)
    assert done.returncode == 66
    assert "does not exist; create it" in done.stderr
    assert "continues with its old settings; mend that, then `systemctl restart mattingd`" in done.stderr
    assert status(machine)["MainPID"] == before


def test_the_journal_has_the_line_with_its_fields(machine: Machine) -> None:
    (done,) = [entry for entry in journal(machine) if entry.get("MATTINGD_EVENT") == "done"]
    assert done["MESSAGE"] == "done in/1.png"
    assert (done["PRIORITY"], done["MATTINGD_JOB"], done["MATTINGD_FILE"]) == ("6", "1", "in/1.png")
    assert done["_SYSTEMD_UNIT"] == "mattingd.service"


def test_the_sandbox_keeps_what_it_says(machine: Machine) -> None:
    """Even root, in there, can write nowhere else; and homes and devices are out of sight."""
    inside = ["nsenter", "-t", status(machine)["MainPID"], "-m", "--"]
    for place in (HOT, "/etc", "/usr", "/var/lib"):
        assert "Read-only file system" in machine(*inside, "touch", f"{place}/x", check=False)
    for place in (OUT, STATE):
        assert machine(*inside, "touch", f"{place}/x") == ""
        machine("rm", f"{place}/x")
    capabilities = machine("grep", "^Cap", f"/proc/{status(machine)['MainPID']}/status")
    assert {line.split()[1] for line in capabilities.splitlines()} == {f"{1 << 28:016x}"}, "CAP_LEASE alone"


def test_a_file_that_somebody_has_open_waits(machine: Machine) -> None:
    """Whole to look at and quiet, but not closed: only the right to ask the kernel tells."""
    machine.write(NEW, pictures.picture(2))
    holding = f"f = open('{HOT}/2.png', 'wb'); f.write(open('{NEW}', 'rb').read()); f.flush(); input()"
    command = machine.words(PYTHON, "-c", holding, by="designer")
    with subprocess.Popen(command, stdin=subprocess.PIPE) as writer:
        asked = machine.mattingd("status", f"{HOT}/2.png", "--config", CONFIG)
        wait_until(lambda: "has it open" in machine(*asked, check=False), "it was seen to be held", 20)
        assert results(machine, "2.png") == []
        writer.communicate(b"\n")
    wait_done(machine, "2.png")


def test_a_conductor_that_freezes_is_started_anew_and_loses_nothing(machine: Machine) -> None:
    before = status(machine)
    machine.write(PLAN, json.dumps({"entry": "hang", "delay_ms": 2000}))
    names = [drop(machine, 3), drop(machine, 4)]
    worker = machine("pgrep", "-P", before["MainPID"], "-f", "mattingd.workers.entrypoint worker").split()[0]
    machine("kill", "-KILL", worker)
    names.append(drop(machine, 5))
    wait_until(lambda: status(machine)["SubState"] != "running", "the watchdog saw it", 20)
    machine.write(PLAN, "{}")
    for number, name in enumerate(names, 3):
        assert pictures.read(wait_done(machine, name).read_bytes()) == Label(number)
    now = status(machine)
    assert int(now["NRestarts"]) >= 1
    assert now["MainPID"] != before["MainPID"]
    said = [str(entry["MESSAGE"]) for entry in journal(machine)]
    assert any("Watchdog timeout" in line for line in said)
    assert any("mattingd_test_engine.py" in line and "in entry" in line for line in said), "where it hung"
    audit = json.loads(machine(*machine.mattingd("audit", "--json", "--deep", "--config", CONFIG)))
    assert (audit["gaps"], audit["counts"]["done"], audit["present"]) == ([], 5, 5)


def test_a_reload_takes_new_settings_and_refuses_wrong_ones(machine: Machine) -> None:
    """systemd sees the reload begin and end; the process stays the same."""
    before = status(machine)["MainPID"]
    machine("install", "-d", "-o", "designer", "-m", "2775", f"{HOT}2")
    machine.write(CONFIG, SETTINGS.replace(f"- path: {HOT}\n", f"- path: {HOT}\n  - path: {HOT}2\n"))
    machine("systemctl", "reload", "mattingd")
    machine.write(NEW, pictures.picture(9))
    machine("cp", NEW, f"{HOT}2/9.png", by="designer")
    wait_done(machine, "9.png", folder="in2")
    machine.write(CONFIG, SETTINGS + "colour: blue\n")
    machine("systemctl", "reload", "mattingd")
    wait_until(lambda: any("colour" in str(entry["MESSAGE"]) for entry in journal(machine)), "it was refused")
    machine.write(NEW, pictures.picture(10))
    machine("cp", NEW, f"{HOT}2/10.png", by="designer")
    wait_done(machine, "10.png", folder="in2")
    now = status(machine)
    assert (now["MainPID"], now["ActiveState"], now["SubState"]) == (before, "active", "running")
    machine.write(CONFIG, SETTINGS)
    machine("systemctl", "reload", "mattingd")


def test_it_stops_cleanly_within_the_limit(machine: Machine) -> None:
    machine.write(PLAN, json.dumps({"delay_ms": 1000}))
    names = [drop(machine, 6), drop(machine, 7)]
    wait_until(lambda: "0 in work" not in status(machine)["StatusText"], "something was in work", 30)
    machine("systemctl", "stop", "mattingd")
    now = status(machine)
    assert (now["ActiveState"], now["Result"], now["ExecMainStatus"]) == ("inactive", "success", "0")
    assert now["StatusText"] == "stopped", "and not: stopped at once, when its time was over"
    machine.write(PLAN, "{}")
    machine("systemctl", "start", "mattingd")
    for name in names:
        wait_done(machine, name)


def test_a_wrong_configuration_is_not_tried_twice_and_says_why(machine: Machine) -> None:
    machine.write(CONFIG, SETTINGS + "colour: blue\n")
    machine("systemctl", "restart", "mattingd", check=False)
    machine.write(CONFIG, SETTINGS)
    now = status(machine)
    assert (now["ActiveState"], now["Result"], now["ExecMainStatus"]) == ("failed", "exit-code", "78")
    assert f"{CONFIG}:8: colour: there is no such setting" in now["StatusText"]


def test_a_loop_of_failures_ends_and_says_why(machine: Machine) -> None:
    """A folder that never was there may still come: it is tried again, but not for ever."""
    before = machine("cat", CONFIG)
    machine.write(CONFIG, before.replace(f"  - path: {HOT}\n", f"  - path: {HOT}\n  - path: {HOT}.new\n"))
    machine.write("/etc/systemd/system/mattingd.service.d/limit.conf", "[Unit]\nStartLimitBurst=2\n")
    machine("systemctl", "daemon-reload")
    machine("systemctl", "reset-failed", "mattingd")
    machine("systemctl", "start", "mattingd", check=False)
    wait_until(lambda: status(machine)["ActiveState"] == "failed", "it was given up", 60)
    now = status(machine)
    assert (now["ExecMainStatus"], now["NRestarts"]) == ("66", "2")
    assert now["StatusText"].startswith(
        f"cannot go on: hot_folders[1].path: '{HOT}.new' does not exist; create it"
    )
    machine.write(CONFIG, before)


def test_a_run_by_itself_does_what_its_settings_say(machine: Machine) -> None:
    machine("install", "-d", "-o", "mattingd", "/srv/night", "/srv/night/with space")
    machine.write("/srv/night/with space/1.png", pictures.picture(1))
    options = "FOLDER=/srv/night/with space\nOUTPUT=/srv/night/out\nOPTIONS=--preset product --format webp\n"
    machine.write("/etc/mattingd/process/night.conf", options)
    done = machine.run("systemctl", "start", "mattingd-process@night.service")
    assert done.returncode == 0, machine("journalctl", "-u", "mattingd-process@night", "--no-pager")
    (made,) = (machine.root / "srv/night/out").rglob("1.webp")
    assert made.stat().st_size > 0
    machine("systemctl", "enable", "--now", "mattingd-process@night.timer")
    assert "02:0" in machine("systemctl", "list-timers", "--no-pager", "mattingd-process@night.timer")


def test_a_service_of_ones_own_needs_no_root(machine: Machine) -> None:
    home, number = "/home/designer", machine("id", "-u", "designer").strip()
    for folder in ("in", "out", "state", ".config/systemd/user/mattingd.service.d"):
        machine("install", "-d", f"{home}/{folder}")
    machine.write(f"{home}/config.yaml", OWN)
    machine.write(f"{home}/.config/systemd/user/mattingd.service.d/test.conf", FOR_THE_TEST)
    machine("chown", "-R", "designer:", home)
    machine("systemctl", "start", f"user@{number}.service")
    at_home = {"XDG_RUNTIME_DIR": f"/run/user/{number}", "HOME": home}

    def service(*words: str) -> str:
        return machine(*machine.mattingd("service", *words, "--user"), by="designer", more=at_home)

    said = service("install", "--config", f"{home}/config.yaml")
    assert said.count(f"wrote    {home}/.config/systemd/user/") == 3
    assert "It runs while you are logged in; `loginctl enable-linger` has it run always." in said
    machine.write(NEW, pictures.picture(11))
    machine("cp", NEW, f"{home}/in/11.png", by="designer")
    made = machine.root / home[1:] / "out"
    wait_until(lambda: bool(list(made.glob("*/11.png"))), "it was cut out", 60)
    said = service("uninstall")
    assert said.endswith("Pictures, cut-outs and the journal are as they were.\n")
    machine("systemctl", "stop", f"user@{number}.service")


def test_uninstalled_it_leaves_what_is_not_its_own(machine: Machine) -> None:
    said = machine(*machine.mattingd("service", "uninstall"))
    assert said.count("removed  ") == 5
    assert "Pictures, cut-outs, the journal and the service's user are as they were." in said
    assert machine("systemctl", "is-enabled", "mattingd", check=False).strip() != "enabled"
    assert "test.conf" in machine("ls", "/etc/systemd/system/mattingd.service.d")
    assert results(machine, "1.png")
    assert "nothing to remove" in machine(*machine.mattingd("service", "uninstall"))
