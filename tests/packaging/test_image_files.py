"""Dockerfile and compose files say the same as the settings and the systemd unit; nothing is built here."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mattingd.config import load
from mattingd.shares.samba_config import fragment
from mattingd.systemd import units

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
UNIT = (ROOT / "systemd" / "mattingd.service").read_text(encoding="utf-8")
COMPOSE = sorted(path for path in DOCKER.glob("*.yaml") if "services:" in path.read_text(encoding="utf-8"))
CONFIGS = sorted(path for path in DOCKER.glob("*.yaml") if path not in COMPOSE)


def instructions(file: Path) -> list[tuple[str, str]]:
    """Word and rest of each instruction, with lines put together and comments left out."""
    text = re.sub(r"^#.*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    pairs = (line.partition(" ") for line in text.splitlines() if line.strip())
    return [(word, " ".join(rest.split())) for word, _, rest in pairs]


@pytest.fixture(scope="module")
def last_stage() -> dict[str, str]:
    """The last instruction of each kind in the stage that is the image."""
    every = instructions(ROOT / "Dockerfile")
    starts = [number for number, (word, _) in enumerate(every) if word == "FROM"]
    assert len(starts) == 2, "what builds it is no part of it"
    return dict(every[starts[-1] :])


def environment() -> dict[str, str]:
    (rest,) = [
        rest for word, rest in instructions(ROOT / "Dockerfile") if word == "ENV" and "MATTINGD" in rest
    ]
    return dict(pair.split("=", 1) for pair in rest.split())


def compose(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text(encoding="utf-8"))
    return found


def unit(key: str) -> str:
    return next(line for line in UNIT.splitlines() if line.startswith(f"{key}=")).partition("=")[2]


def test_the_image_runs_as_the_unit_does(last_stage: dict[str, str]) -> None:
    assert last_stage["USER"] == "mattingd:mattingd"
    assert json.loads(last_stage["CMD"]) == ["run"]
    entry = json.loads(last_stage["ENTRYPOINT"])
    assert f"umask {unit('UMask')} && exec mattingd" in entry[2]
    assert last_stage["STOPSIGNAL"] == "SIGTERM"
    assert last_stage["HEALTHCHECK"].endswith('CMD ["mattingd", "status"]')
    assert f"--start-period={unit('TimeoutStartSec').removesuffix('in')}" in last_stage["HEALTHCHECK"]
    assert set(json.loads(last_stage["VOLUME"])) == {"/in", "/out", "/state"}


def test_everything_that_is_written_is_in_a_volume() -> None:
    env = environment()
    places = [env[name] for name in ("HOME", "XDG_CACHE_HOME", "CUDA_CACHE_PATH")]
    assert all(Path(place).is_relative_to("/state") for place in places)


def test_the_context_holds_all_that_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        word.removeprefix("./")
        for kind, rest in instructions(ROOT / "Dockerfile")
        if kind == "COPY" and not rest.startswith("--from")
        for word in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in let_in)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_each_configuration_is_right(file: Path) -> None:
    settings = load(file)
    assert (str(settings.output_dir), str(settings.state_dir)) == ("/out", "/state")
    assert [str(folder.path) for folder in settings.hot_folders if not folder.uploads] == ["/in"]


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_each_compose_file_names_files_that_are_there(file: Path) -> None:
    for service in compose(file.name)["services"].values():
        for build in [service["build"]] if "context" in service.get("build", {}) else []:
            assert (DOCKER / build["context"] / "Dockerfile").is_file()
        for volume in service.get("volumes", []):
            here, there, *_ = volume.split(":")
            assert there.split("/")[1] in {"in", "out", "state", "etc", "dask"}
            assert not here.endswith(".yaml") or (DOCKER / here).is_file()


def test_the_container_is_closed_and_has_time_to_stop() -> None:
    service = compose("compose.yaml")["services"]["mattingd"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    stop = load(DOCKER / "page.yaml").stop_seconds + units.STOP_MARGIN_SECONDS
    assert service["stop_grace_period"] == f"{stop:g}s"
    port = load(DOCKER / "page.yaml").web.listen
    assert port is not None
    assert service["ports"] == [f"127.0.0.1:{port.rpartition(':')[2]}:{port.rpartition(':')[2]}"]


def test_samba_offers_what_the_program_would_write() -> None:
    settings = load(DOCKER / "config.yaml")
    assert (DOCKER / "samba" / "shares.conf").read_text(encoding="utf-8") == fragment(
        settings, "mattingd"
    ) + "\n"
    made_by = {
        line for file in (ROOT / "Dockerfile", DOCKER / "samba" / "Dockerfile")
        for line in re.findall(r"(?:group|user)add --[ug]id (\d+)", file.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert made_by == {"10001"}, "one number in both: files belong to numbers"
