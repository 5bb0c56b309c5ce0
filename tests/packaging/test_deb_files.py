"""What the Debian package holds, built around an environment without packages: seconds instead of minutes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mattingd
from mattingd.config import load

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("deb")
    environment = place / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    (environment / "bin" / "pip").write_text(f"#!{environment}/bin/python\n")
    (environment / "lib" / "one.py").write_text("NUMBER = 1\n")
    build = (sys.executable, ROOT / "deploy" / "deb" / "build.py")
    run(*build, "--out", place, "--environment", environment, "--compression", "none")
    (found,) = place.glob("*.deb")
    return found


@pytest.fixture(scope="module")
def tree(package: Path) -> Path:
    unpacked = package.parent / "unpacked"
    run("dpkg-deb", "--raw-extract", package, unpacked)
    return unpacked


def test_control_says_what_it_is(package: Path) -> None:
    fields = run("dpkg-deb", "--field", package)
    assert f"Version: {mattingd.__version__}\n" in fields
    assert "Depends: python3." in fields
    assert "/etc/mattingd/config.yaml" in run("dpkg-deb", "--info", package, "conffiles")
    listed = [line.split() for line in run("dpkg-deb", "--contents", package).splitlines()]
    assert {line[1] for line in listed} == {"root/root"}


def test_its_scripts_are_scripts(tree: Path) -> None:
    for name in ("postinst", "prerm", "postrm"):
        run("sh", "-n", tree / "DEBIAN" / name)
        assert (tree / "DEBIAN" / name).stat().st_mode & 0o777 == 0o755


def test_nothing_tells_where_it_was_made(tree: Path, package: Path) -> None:
    home = tree / "opt" / "mattingd"
    assert {path.name.rstrip("0123456789.") for path in (home / "bin").iterdir()} == {"python"}
    compiled = list(home.rglob("one.*.pyc"))
    assert len(compiled) == 1
    for path in [*compiled, home / "pyvenv.cfg", tree / "usr" / "bin" / "mattingd"]:
        assert str(package.parent).encode() not in path.read_bytes(), path


def test_service_and_configuration_agree(tree: Path) -> None:
    settings = load(tree / "etc" / "mattingd" / "config.yaml")
    unit = (tree / "usr/lib/systemd/system/mattingd.service").read_text(encoding="utf-8")
    program = "/opt/mattingd/bin/python3 -P -m mattingd"
    assert f"\nExecStart={program} run --config /etc/mattingd/config.yaml\n" in unit
    assert f"\nReadWritePaths=-{settings.output_dir} -{settings.state_dir}\n" in unit
    assert "unset PYTHONPATH" in (tree / "usr" / "bin" / "mattingd").read_text(encoding="utf-8")
    users = (tree / "usr/lib/sysusers.d/mattingd.conf").read_text(encoding="utf-8")
    assert "u mattingd - " in users
    made = (tree / "usr/lib/tmpfiles.d/mattingd.conf").read_text(encoding="utf-8")
    assert f"d {settings.output_dir} :2775 :mattingd :mattingd" in made


def test_shells_and_man_find_their_files(tree: Path) -> None:
    for place in (
        "usr/share/bash-completion/completions/mattingd",
        "usr/share/zsh/vendor-completions/_mattingd",
        "usr/share/fish/vendor_completions.d/mattingd.fish",
    ):
        assert "_MATTINGD_COMPLETE" in (tree / place).read_text(encoding="utf-8")
    assert ".TH MATTINGD 1" in run("zcat", tree / "usr/share/man/man1/mattingd.1.gz")
