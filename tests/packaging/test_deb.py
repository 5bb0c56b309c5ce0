"""The Debian package on a machine with systemd: installed, upgraded with pictures in work, removed, purged.

`make image-test`: it needs minutes, root, and the image, whose environment goes into the package. The tests
go on from one another, in this order.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattingd.cli.commands.demo import PHOTOGRAPHS
from tests.daemon.harness.site import REPOSITORY, wait_until
from tests.packaging import containers
from tests.service.machine import Machine, booted

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MATTINGD_IMAGE"), reason="needs the image: `make image-test`"),
    pytest.mark.skipif(bool(containers.missing()), reason=containers.missing()),
    pytest.mark.timeout(1800),
]

DEMO = REPOSITORY / "mattingd" / "cli" / "demo_pictures"
HOT, OUT, STATE = "/srv/matting/in", "/srv/matting/out", "/var/lib/mattingd"
OLD, NEW = "0.0.9", "0.1.0"
COUNT = 20
UNPACK_SECONDS = 900
"""1.5 GB in 30,000 files are unpacked, or removed."""
QUIET_SECONDS = 240
"""It failed when no further cut-out came for so long; on a busy machine all may take any time."""
ALONE = {"PYTHONPATH": ""}
"""Not this repository: what the package holds."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with two versions, around the environment of the image; or `MATTINGD_DEBS`."""
    if there := os.environ.get("MATTINGD_DEBS"):
        return Path(there)
    place = tmp_path_factory.mktemp("deb")
    working = containers.run("buildah", "from", "--pull-never", containers.image()).strip()
    try:
        environment = Path(containers.run("buildah", "mount", working).strip()) / "opt" / "mattingd"
        for version in (OLD, NEW):
            build = (sys.executable, REPOSITORY / "deploy" / "deb" / "build.py")
            words = (
                "--out",
                place,
                "--environment",
                environment,
                "--version",
                version,
                "--compression",
                "none",
            )
            subprocess.run([*build, *words], check=True)
    finally:
        containers.run("buildah", "rm", working)
    return place


@pytest.fixture(scope="module")
def machine(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    log = tmp_path_factory.mktemp("machine") / "console.log"
    with booted(log, {packages: Path("/opt/packages"), DEMO: Path("/opt/photographs")}) as machine:
        machine("useradd", "designer")
        yield machine


def install(machine: Machine, version: str) -> str:
    package = f"/opt/packages/mattingd_{version}_amd64.deb"
    return machine("dpkg", "--install", package, seconds=UNPACK_SECONDS)


def drop(machine: Machine, number: int) -> None:
    name = PHOTOGRAPHS[number % len(PHOTOGRAPHS)]
    machine("cp", f"/opt/photographs/{name}", f"{HOT}/{number}-{name}", by="designer")


def made(machine: Machine) -> dict[str, int]:
    """Name and inode of each cut-out."""
    found = (machine.root / OUT.lstrip("/")).glob("*/*.png")
    return {path.name: path.stat().st_ino for path in found}


def wait_made(machine: Machine, count: int) -> None:
    while (before := len(made(machine))) < count:
        wait_until(
            lambda: len(made(machine)) > before, f"more than {before} of {count} were cut out", QUIET_SECONDS
        )


def wait_active(machine: Machine) -> None:
    def active() -> bool:
        state = machine.show("mattingd", "ActiveState", "StatusText")
        assert state["ActiveState"] != "failed", state
        return state["ActiveState"] == "active"

    wait_until(active, "the service was ready", QUIET_SECONDS)


def test_installed_it_runs(machine: Machine) -> None:
    install(machine, OLD)
    wait_active(machine)
    assert machine("systemctl", "is-enabled", "mattingd") == "enabled\n"
    owners = machine("stat", "-c", "%U:%G %a", HOT, OUT, STATE).split("\n")
    assert owners[:3] == ["mattingd:mattingd 2775", "mattingd:mattingd 2775", "mattingd:mattingd 750"]
    assert machine("mattingd", "--version", more=ALONE).strip().endswith(NEW), (
        "the program's own number; the package's is older"
    )
    assert (
        "mattingd" in machine("man", "--where", "mattingd", check=False)
        or machine("test", "-f", "/usr/share/man/man1/mattingd.1.gz") == ""
    )
    machine("usermod", "-aG", "mattingd", "designer")
    drop(machine, 0)
    wait_made(machine, 1)


def test_upgraded_with_pictures_in_work_nothing_is_lost_or_made_twice(machine: Machine) -> None:
    for number in range(1, COUNT):
        drop(machine, number)
    wait_made(machine, 2)
    machine("sh", "-c", "echo '# mine' >> /etc/mattingd/config.yaml")
    before = made(machine)
    assert len(before) < COUNT, "pictures are waiting"
    install(machine, NEW)
    wait_active(machine)
    wait_made(machine, COUNT)
    assert before.items() <= made(machine).items(), "what was there is what is there"
    assert machine("tail", "-n", "1", "/etc/mattingd/config.yaml") == "# mine\n"
    audit = json.loads(machine("mattingd", "audit", "--json", "--deep", more=ALONE))
    assert (audit["gaps"], audit["counts"]["done"]) == ([], COUNT)


def test_one_that_was_stopped_stays_stopped_over_an_upgrade(machine: Machine) -> None:
    machine("systemctl", "stop", "mattingd")
    install(machine, NEW)
    assert machine.show("mattingd", "ActiveState")["ActiveState"] == "inactive"
    machine("systemctl", "start", "mattingd")


@pytest.mark.parametrize("how", ["--remove", "--purge"])
def test_removed_it_leaves_pictures_and_journal(machine: Machine, how: str) -> None:
    cut_outs, originals = made(machine), machine("ls", "-i", HOT)
    said = machine("dpkg", how, "mattingd", seconds=UNPACK_SECONDS)
    assert (made(machine), machine("ls", "-i", HOT)) == (cut_outs, originals)
    assert "checkpoint.db" in machine("ls", STATE)
    assert machine("id", "-un", "mattingd") == "mattingd\n"
    assert machine("systemctl", "is-active", "mattingd", check=False).strip() in {"inactive", "unknown"}
    for gone in (
        "/opt/mattingd/bin",
        "/opt/mattingd/lib",
        "/usr/bin/mattingd",
        "/usr/lib/systemd/system/mattingd.service",
    ):
        assert machine.run("test", "-e", gone).returncode == 1, f"{gone} is left"
    kept = machine.run("test", "-e", "/etc/mattingd/config.yaml").returncode == 0
    assert kept == (how == "--remove")
    assert ("left as they are" in said) == (how == "--purge")
