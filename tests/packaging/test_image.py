"""The image, built and run for real: `make image-test`. It takes minutes and gigabytes; not in the suite."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mattingd.cli.commands.demo import PHOTOGRAPHS
from tests.daemon.harness.site import REPOSITORY, wait_until
from tests.packaging import containers
from tests.packaging.containers import Container

pytestmark = [
    pytest.mark.skipif(not os.environ.get("MATTINGD_IMAGE"), reason="builds an image: `make image-test`"),
    pytest.mark.skipif(bool(containers.missing()), reason=containers.missing()),
    pytest.mark.timeout(1800),
]

OWNER = 10001
DEMO = REPOSITORY / "mattingd" / "cli" / "demo_pictures"
DOCKER = REPOSITORY / "deploy" / "docker"
ASK_PAGE = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:7860/healthz').status)"


@pytest.fixture(scope="module")
def image() -> str:
    return containers.image()


@pytest.fixture
def folders(tmp_path: Path) -> dict[Path, str]:
    """The three folders of the container, given to its user."""
    mounts = {}
    for name in ("in", "out", "state"):
        (tmp_path / name).mkdir()
        shutil.chown(tmp_path / name, OWNER, OWNER)
        (tmp_path / name).chmod(0o2775)
        mounts[tmp_path / name] = f"/{name}"
    return mounts


@pytest.fixture
def container(image: str, folders: dict[Path, str], tmp_path: Path) -> Iterator[Container]:
    with Container(image, tmp_path / "container", folders).prepared() as container:
        container.start()
        container.wait_healthy()
        yield container


def drop(tmp_path: Path, name: str, number: int) -> None:
    """A photograph comes, from somebody who is not the container's user."""
    part = tmp_path / "part.jpg"
    shutil.copyfile(DEMO / name, part)
    part.rename(tmp_path / "in" / f"{number}-{name}")


def made(tmp_path: Path, name: str = "*") -> list[Path]:
    return sorted((tmp_path / "out").glob(f"*/{name}.png"))


def test_a_picture_comes_out_and_nothing_else_is_touched(container: Container, tmp_path: Path) -> None:
    name = PHOTOGRAPHS[0]
    drop(tmp_path, name, 1)
    wait_until(lambda: len(made(tmp_path)) == 1, "it was cut out", 120)
    (cut_out,) = made(tmp_path)
    with Image.open(cut_out) as picture:
        alpha = np.asarray(picture.getchannel("A"))
    assert 0.05 < (alpha > 250).mean() < 0.95
    assert 0.05 < (alpha < 5).mean() < 0.95
    facts = cut_out.stat()
    assert (facts.st_uid, facts.st_gid, facts.st_mode & 0o777) == (OWNER, OWNER, 0o664)

    for place in ("/x", "/etc/x", "/opt/mattingd/x"):
        assert "Read-only file system" in container.says("touch", place).stderr
    status = container.says("cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [str(OWNER)] * 4
    assert (fields["CapEff"], fields["CapBnd"], fields["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
    assert "Traceback" not in container.log.read_text()


def test_a_stop_drains_and_a_new_container_goes_on(
    container: Container, image: str, folders: dict[Path, str], tmp_path: Path
) -> None:
    count = 24
    for number in range(count):
        drop(tmp_path, PHOTOGRAPHS[number % len(PHOTOGRAPHS)], number)

    wait_until(lambda: bool(made(tmp_path)), "the first was cut out", 120)
    assert container.stop() == 0
    finished = made(tmp_path)
    assert 0 < len(finished) < count, "it was stopped in the middle"
    for path in finished:
        with Image.open(path) as picture:
            picture.load()
    rest = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path not in finished]
    assert all(path.name.startswith(".mattingd") and "tmp" not in path.name for path in rest), rest

    before = {path: path.stat().st_mtime_ns for path in finished}
    with Container(image, tmp_path / "next", folders).prepared() as following:
        following.start()
        following.wait_healthy()
        wait_until(lambda: len(made(tmp_path)) == count, "all were cut out", 240)
        audit = json.loads(following.says("mattingd", "audit", "--json", "--deep").stdout)
        assert following.stop() == 0
    assert (audit["gaps"], audit["counts"]["done"]) == ([], count)
    assert {path: path.stat().st_mtime_ns for path in finished} == before, "none was made twice"


def test_the_page_is_offered_once_there_is_a_password(
    container: Container, image: str, folders: dict[Path, str], tmp_path: Path
) -> None:
    asked = "echo correct horse | mattingd web password /state/web.password"
    done = container.says("sh", "-c", asked)
    assert done.returncode == 0, done.stderr
    assert container.stop() == 0
    mounts = {**folders, DOCKER / "page.yaml": "/etc/mattingd/config.yaml"}
    with Container(image, tmp_path / "page", mounts).prepared() as page:
        page.start()
        page.wait_healthy()
        wait_until(lambda: page.says("python3", "-c", ASK_PAGE).stdout == "200\n", "the page answered", 60)
        assert page.stop() == 0
