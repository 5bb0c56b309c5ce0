"""`mattingd models get`: a real model from a server on loopback, killed in the middle, listed, removed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import networks
import pytest

from mattingd.cli.errors import CommandError
from mattingd.cli.zoo.get import remove
from mattingd.domain.exit_codes import ExitCode
from tests.daemon.harness.site import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from publisher import Publisher

pytestmark = [pytest.mark.model, pytest.mark.timeout(1500)]
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "mattingd", "models", *words]


def surroundings(home: Path) -> dict[str, str]:
    """No configuration, and a folder of models of its own."""
    return {**os.environ, "MATTINGD_MODELS": str(home / "models"), "HOME": str(home)}


def models(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        cwd=home,
        env=surroundings(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def told(home: Path, *words: str) -> Any:
    done = models(home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_in_the_middle_nothing_has_a_name_and_the_next_run_goes_on(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.content, publisher.plan = networks.u2netp().read_bytes(), ["stall", "ok"]
    order = ["get", "u2netp", "--from", publisher.url]
    with subprocess.Popen(command(*order), cwd=tmp_path, env=surroundings(tmp_path)) as running:
        assert publisher.sent_half.wait(300)
        wait_until(
            lambda: any(part.stat().st_size for part in (tmp_path / "models").glob(".*")), "it has some"
        )
        running.send_signal(signal.SIGKILL)
    assert all(path.name.startswith(".") for path in (tmp_path / "models").iterdir()), "nothing has a name"
    shown = told(tmp_path, "list", "--all")
    assert [row["installed"] for row in shown if row["model"] == "u2netp"] == [[]]
    assert told(tmp_path, *order)["sha256"] == SHA256
    assert publisher.asked[1].startswith("bytes="), "it went on where it was"
    assert {path.suffix for path in (tmp_path / "models").iterdir()} == {".onnx", ".json"}


def test_two_at_once_give_one_model_and_one_line(publisher: Publisher, tmp_path: Path) -> None:
    publisher.content, publisher.plan = networks.u2netp().read_bytes(), ["stall", "ok"]
    order = ["get", "u2netp", "--from", publisher.url]
    with subprocess.Popen(command(*order), cwd=tmp_path, env=surroundings(tmp_path)) as first:
        assert publisher.sent_half.wait(300)
        second = models(tmp_path, *order)
        assert second.stderr == "mattingd: u2netp.onnx is being fetched by another mattingd\n"
        assert told(tmp_path, "get", "u2netp", "--from", str(networks.u2netp()))["sha256"] == SHA256
        publisher.leave.set()
        assert first.wait(500) == 0
    assert {path.suffix for path in (tmp_path / "models").iterdir()} == {".onnx", ".json"}


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(publisher: Publisher, tmp_path: Path) -> None:
    publisher.content = networks.u2netp().read_bytes()
    order = ["get", "u2netp", "--from", publisher.url]
    full = subprocess.run(
        ["prlimit", "--fsize=1000000", *command(*order)],
        cwd=tmp_path,
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert full.returncode == ExitCode.FAILED
    assert full.stderr == f"mattingd: {tmp_path}/models: File too large\n"
    assert told(tmp_path, "list", "--all")[0]["installed"] == []
    assert told(tmp_path, *order)["sha256"] == SHA256
    assert publisher.asked[1].startswith("bytes=")


def test_what_is_there_is_not_fetched_again_unless_it_is_damaged(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.content = networks.u2netp().read_bytes()
    order = ["get", "u2netp", "--from", publisher.url]
    for _ in range(2):
        assert told(tmp_path, *order)["model"] == "u2netp"
    assert len(publisher.asked) == 1
    file = tmp_path / "models" / f"{SHA256}.onnx"
    file.write_bytes(b"damaged")
    assert told(tmp_path, *order)["model"] == "u2netp"
    assert file.read_bytes() == publisher.content


def test_a_model_is_listed_shown_and_removed(tmp_path: Path) -> None:
    for more in ([], ["--variant", "rembg"]):
        done = models(tmp_path, "get", "u2netp", "--from", str(networks.u2netp()), *more)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("4.6 MB) is installed and verified\n")
    shown = told(tmp_path, "list", "--all")
    row = next(row for row in shown if row["model"] == "u2netp")
    assert row["installed"] == ["u2netp", "u2netp-rembg"]
    assert (row["commercial"], row["fits"]) == ("yes", True)
    rembg = told(tmp_path, "show", "u2netp-rembg")
    assert rembg["file hash"] == SHA256 != rembg["hash"], "other results, so another name"
    assert rembg["contract"]["resampling"] == "lanczos"
    assert rembg["batches"] == "takes pictures one by one"
    assert models(tmp_path, "remove", "u2netp").returncode == 0
    assert told(tmp_path, "show", "u2netp")["files"], "what the catalogue has"
    assert (
        "u2netp is not installed: `mattingd models get u2netp`" in models(tmp_path, "remove", "u2netp").stderr
    )


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        (["get", "rmbg-2.0"], "is not for commercial use (CC BY-NC 4.0): with --accept-licence"),
        (["get", "modelscope-cv-unet"], "add FILE --like modelscope-cv-unet`; its hash counts ever after"),
        (["get", "u3net"], "the catalogue has no model 'u3net'; there is u2netp"),
        (["get", "u2netp", "--variant", "mine", "--from", "{u2netp}"], "no variant 'mine'; there is author"),
        (["get", "u2netp", "--from", "gone.onnx"], "gone.onnx: No such file or directory"),
        (["get", "u2netp", "--from", "/etc/hostname"], "is not u2netp.onnx as its publisher pins it"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_one_line(tmp_path: Path, order: list[str], complaint: str) -> None:
    words = [word.replace("{u2netp}", str(networks.u2netp())) if "{" in word else word for word in order]
    done = models(tmp_path, *words)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    folder = tmp_path / "models"
    assert not folder.exists() or all(path.name.startswith(".") for path in folder.iterdir())


def test_a_file_of_ones_own_is_taken_in_once_and_under_a_name_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "dark.onnx").write_bytes(networks.dark_is_subject(320).SerializeToString())
    order = ["add", "dark.onnx", "--like", "u2netp"]
    assert told(tmp_path, *order)["model"] == "dark"
    again = models(tmp_path, *order, "--name", "other")
    assert again.stdout == (
        "dark.onnx is installed already, as dark; to take it in otherwise, remove that first\n"
    )
    taken = models(tmp_path, *order, "--name", "cv-unet")
    assert "cv-unet is the name of the program's own model: choose another one with --name" in taken.stderr


def test_only_a_model_that_nothing_names_is_removed(tmp_path: Path) -> None:
    config, file = tmp_path / "config.yaml", tmp_path / "state" / "models" / f"{'ab' * 32}.onnx"
    networks.described(file, networks.dark_is_subject(96))
    told = json.loads(file.with_suffix(".json").read_text())
    told |= {"name": "dark", "origin": "a test", "adopted_at": "2026-11-20T12:00:00+00:00"}
    file.with_suffix(".json").write_text(json.dumps(told))
    (tmp_path / "in").mkdir()
    plain = "output_dir: out\nstate_dir: state\nhot_folders:\n  - path: in\n"
    for more, complaint in (
        ("    model: dark\n", "dark is the `model:` of .*/in: change that first"),
        (
            "presets: {soft: {like: hair, model: dark}}\n",
            "dark is the `model:` of the preset soft: change that",
        ),
        ("engine: {model: dark}\n", "dark is in use: `mattingd models use` another one first"),
    ):
        config.write_text(plain + more)
        with pytest.raises(CommandError, match=complaint):
            remove(config, "dark")
    config.write_text(plain)
    assert remove(config, "dark") is ExitCode.OK
    assert not file.exists()


def test_a_mirror_has_the_publishers_names(publisher: Publisher, tmp_path: Path) -> None:
    publisher.content = networks.u2netp().read_bytes()
    mirror = publisher.url.removesuffix("network.onnx") + "zoo/"
    assert told(tmp_path, "get", "u2netp", "--mirror", mirror)["model"] == "u2netp"
