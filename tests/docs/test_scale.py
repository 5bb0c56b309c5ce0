"""The examples for a cluster fit the program and what they are for: options, addresses, files, amounts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from mattingd.cli.app import app
from mattingd.config import load

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "dask"
COMPOSE = ROOT / "deploy" / "docker" / "dask.yaml"
UNITS = sorted(EXAMPLES.glob("*.service"))


@pytest.mark.parametrize(
    "file",
    [COMPOSE, EXAMPLES / "kubernetes.yaml", EXAMPLES / "mattingd-dask-worker.service"],
    ids=lambda file: file.name,
)
def test_every_option_that_an_example_gives_a_worker_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if "dask-worker" in line and "--key" in line]
    given = set(re.findall(r"--[a-z-]+", line))
    helped = CliRunner().invoke(app, ["dask-worker", "--help"], env={"COLUMNS": "200"}).output
    assert given
    assert given <= set(re.findall(r"--[a-z-]+", helped))


def test_containers_that_are_no_daemon_are_not_asked_how_the_daemon_is() -> None:
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    assert services.keys() == {"mattingd", "scheduler", "worker"}
    for name in ("scheduler", "worker"):
        assert services[name]["healthcheck"] == {"disable": True}, name


def test_the_daemon_finds_the_scheduler_of_the_compose_file() -> None:
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    dask = load(COMPOSE.with_name("page-dask.yaml")).workers.dask
    assert dask is not None
    assert dask.scheduler in services["worker"]["command"]
    assert dask.scheduler == "tls://scheduler:8786"


@pytest.mark.parametrize("place", ["Dockerfile", "deploy/deb/build.py"])
def test_what_cannot_be_added_to_later_has_the_cluster(place: str) -> None:
    assert re.search(r"\[\$?\{onnx\},dask,", (ROOT / place).read_text(encoding="utf-8"))


def test_amounts_for_kubernetes_are_words() -> None:
    """The operator's schema takes no numbers there."""
    cluster = yaml.safe_load((EXAMPLES / "kubernetes.yaml").read_text(encoding="utf-8"))
    (container,) = cluster["spec"]["worker"]["spec"]["containers"]
    amounts = container["resources"]["limits"]
    assert amounts
    assert all(isinstance(amount, str) for amount in amounts.values()), amounts


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_a_unit_needs_no_user_or_group_and_gets_each_file_that_it_names(file: Path) -> None:
    """Of root alone, as openssl writes keys; a group that does not exist would stop the unit."""
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"^(User|Group|SupplementaryGroups)=", text, re.MULTILINE)
    given = set(re.findall(r"^LoadCredential=(\S+?):/etc/mattingd/dask/\1$", text, re.MULTILINE))
    assert given == set(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\S+)", text))
    assert len(given) == 3
