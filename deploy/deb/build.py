"""`make deb`: a Debian package with the program, its Python environment and its service.

    python deploy/deb/build.py --out build            for this release of Debian or Ubuntu, on the processor
    python deploy/deb/build.py --out build --cuda     with PyTorch for NVIDIA GPUs

The environment is made for the system's own `python3`, so the package fits releases with the same version of
Python. Nothing is downloaded when it is installed.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer.main
from typer.completion import get_completion_script  # type: ignore[attr-defined]

import mattingd
from mattingd.cli.app import app
from mattingd.cli.commands import man
from mattingd.config import init_text, load
from mattingd.systemd import units

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SYSTEM_PYTHON = Path("/usr/bin/python3")
HOME = Path("/opt/mattingd")
CONFIG, HOT, OUT, STATE = (
    Path(place)
    for place in ("/etc/mattingd/config.yaml", "/srv/matting/in", "/srv/matting/out", "/var/lib/mattingd")
)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ROOT_DISK = "1 0 0:1 / / rw - ext4 /dev/root rw\n"
"""A mount table with one disk: what the package is installed on is not known here."""
WRAPPER = f'#!/bin/sh\nunset PYTHONPATH PYTHONHOME\nexec {HOME}/bin/python3 -P -m mattingd "$@"\n'
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/mattingd",
    "zsh": "usr/share/zsh/vendor-completions/_mattingd",
    "fish": "usr/share/fish/vendor_completions.d/mattingd.fish",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the package and print its path."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build"), help="where the package is written")
    parser.add_argument("--version", default=mattingd.__version__, help="another version, for tests")
    parser.add_argument("--cuda", action="store_true", help="PyTorch and ONNX Runtime for NVIDIA GPUs")
    parser.add_argument("--environment", type=Path, help="take this one, made in /opt/mattingd")
    parser.add_argument("--compression", default="zstd", choices=("zstd", "xz", "none"))
    order = parser.parse_args(arguments)
    order.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=order.out) as place:
        environment = order.environment or made(Path(place) / "environment", cuda=order.cuda)
        tree = Path(place) / "tree"
        put_environment(environment, tree)
        put_files(tree)
        put_control(tree, order.version)
        architecture = output("dpkg", "--print-architecture").strip()
        package = order.out / f"mattingd_{order.version}_{architecture}.deb"
        run("dpkg-deb", "--root-owner-group", f"-Z{order.compression}", "--build", tree, package)
    print(package)  # noqa: T201


def made(environment: Path, *, cuda: bool) -> Path:
    """An environment of the system's Python with the program and its extras."""
    run(SYSTEM_PYTHON, "-m", "venv", "--without-pip", environment)
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python3", "install", "--quiet")
    pinned = ("--no-compile", "--constraint", ROOT / "constraints.txt")
    run(*pip, *pinned, *(() if cuda else ("--extra-index-url", CPU_INDEX)), "torch")
    onnx = "onnx-gpu" if cuda else "onnx"
    run(*pip, *pinned, f"{ROOT}[{onnx},dask,language,raw,web]")
    return environment


def put_environment(environment: Path, tree: Path) -> None:
    """The environment at its place, without traces of where it was made."""
    home = tree / HOME.relative_to("/")
    ignored = shutil.ignore_patterns("activate*", "Activate*", "pip", "pip-*.dist-info", "setuptools*")
    shutil.copytree(environment, home, symlinks=True, ignore=ignored)
    for program in (home / "bin").iterdir():
        if not program.name.startswith("python"):
            program.unlink()  # their first lines name the place where they were made
    home.joinpath("pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    # Pure and never rewritten: a root who calls the program leaves no files that dpkg does not know.
    run(
        *(SYSTEM_PYTHON, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
        *("-s", tree, "-p", "/", home / "lib"),
        accepted=(0, 1),  # some packages have templates that are no Python
    )


def put_files(tree: Path) -> None:
    """The command, its manual page and completion, the service, a first configuration, Debian's documents."""
    put(tree / "usr/bin/mattingd", WRAPPER, 0o755)
    put(tree / CONFIG.relative_to("/"), init_text(str(OUT), str(HOT), str(STATE)))
    put_packed(tree / "usr/share/man/man1/mattingd.1.gz", man.page(app))
    command = typer.main.get_command(app)
    assert command is not None  # noqa: S101 - there is one
    for shell, place in COMPLETIONS.items():
        script = get_completion_script(prog_name="mattingd", complete_var="_MATTINGD_COMPLETE", shell=shell)
        put(tree / place, f"{script}\n")
    for place, text in service(tree / CONFIG.relative_to("/")):
        put(tree / place, text)
    documents = tree / "usr/share/doc/mattingd"
    put_packed(documents / "changelog.gz", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    put(documents / "copyright", (HERE / "copyright").read_text(encoding="utf-8"))
    put(documents / "config.example.yaml", (ROOT / "config.example.yaml").read_text(encoding="utf-8"))


def service(config: Path) -> Iterator[tuple[str, str]]:
    """The files of the service for the first configuration; `mattingd service install` goes before them."""
    machine = units.Machine(
        user="mattingd",
        program=(str(HOME / "bin" / "python3"), "-P", "-m", "mattingd"),
        needs=(HOME, Path("/usr")),
        nvidia_modprobe="/usr/bin/nvidia-modprobe",
        mountinfo=ROOT_DISK,
    )
    for place, text in units.rendered(load(config), CONFIG, machine).items():
        yield place.replace("etc/", "usr/lib/", 1), text


def put_control(tree: Path, version: str) -> None:
    """What dpkg knows of the package."""
    control = tree / "DEBIAN"
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    sums = (f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n" for path in files)  # noqa: S324
    put(control / "md5sums", "".join(sums))
    put(control / "conffiles", f"{CONFIG}\n")
    values = {
        "version": version,
        "architecture": output("dpkg", "--print-architecture").strip(),
        "python": Path(os.path.realpath(SYSTEM_PYTHON)).name,
        "kilobytes": str(sum(path.stat().st_size for path in files) // 1024),
    }
    put(control / "control", (HERE / "control.in").read_text(encoding="utf-8").format_map(values))
    for name in ("postinst", "prerm", "postrm"):
        put(control / name, (HERE / name).read_text(encoding="utf-8"), 0o755)


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def put_packed(path: Path, text: str) -> None:
    """The same, packed without a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def run(*command: object, accepted: tuple[int, ...] = (0,)) -> None:
    """A program that must succeed."""
    code = subprocess.run([str(word) for word in command], check=False).returncode
    if code not in accepted:
        sys.exit(f"{' '.join(map(str, command))}: exit code {code}")


def output(*command: str) -> str:
    """What a program that must succeed prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
