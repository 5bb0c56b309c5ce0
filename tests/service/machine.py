"""A machine with a real systemd as its first process: a container over this machine's own tree.

Writes go to memory and are gone with it; it has no network but loopback. Root is needed, and systemd-nspawn.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psutil

from tests.daemon.harness.site import REPOSITORY, wait_until

SOURCE, ENVIRONMENT = Path("/opt/mattingd/source"), Path("/opt/mattingd/environment")
"""Where the repository and the Python environment of the tests lie in there: /tmp is another one."""
PYTHON = ENVIRONMENT / "bin" / Path(sys.executable).name
PATHS = {"PYTHONPATH": f"{SOURCE}:{SOURCE / 'tests' / 'testkit'}"}
Env = Mapping[str, str]
NOTHING: Env = MappingProxyType({})
ORDERLY_END = "RTMIN+4"
"""systemd takes this signal as a request to power off."""


class Machine:
    """See the module. What it is told to run, it runs as root unless somebody else is named."""

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        self._leader = leader

    def __call__(
        self, *command: object, check: bool = True, by: str = "", more: Env = NOTHING, seconds: float = 120
    ) -> str:
        """Run a command in there; what it said."""
        done = self.run(*command, by=by, more=more, seconds=seconds)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def run(
        self, *command: object, by: str = "", more: Env = NOTHING, seconds: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """The same, with its exit code."""
        return subprocess.run(
            self.words(*command, by=by), capture_output=True, text=True, check=False, timeout=seconds,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **PATHS, **more},
        )  # fmt: skip

    def words(self, *command: object, by: str = "") -> list[str]:
        """The command line on this side of the wall."""
        enter = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        who = ["setpriv", f"--reuid={by}", f"--regid={by}", "--init-groups", "--"] if by else []
        return [*enter, *who, *map(str, command)]

    def mattingd(self, *words: object) -> list[object]:
        """The program's command line in there."""
        return [PYTHON, "-P", "-m", "mattingd", *words]

    def write(self, path: str, content: str | bytes) -> Path:
        """A file in there, with the folders on its way; its place on this side."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """What systemd says of a unit."""
        said = self("systemctl", "show", unit, *(f"--property={name}" for name in properties))
        return dict(line.split("=", 1) for line in said.splitlines())


@contextmanager
def booted(log: Path, more: Mapping[Path, Path] = MappingProxyType({})) -> Iterator[Machine]:
    """A machine that is up, with `more` folders of this side to read in there; powered off in the end."""
    place = Path(tempfile.mkdtemp(prefix="mattingd-machine-", dir="/var/tmp"))
    run("mount", "-t", "tmpfs", "-o", "mode=755", "mattingd-machine", place)
    root, upper, work = (place / name for name in ("root", "upper", "work"))
    for folder in (root, upper, work):
        folder.mkdir()
    try:
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", root)
        with log.open("wb") as sink:
            container = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--register=no", "--keep-unit"),
                    *(
                        "--private-network",
                        "--quiet",
                        f"--machine=mattingd-{os.getpid()}",
                        f"--directory={root}",
                    ),
                    *(f"--bind-ro={here}:{there}" for here, there in more.items()),
                    *(f"--bind-ro={REPOSITORY}:{SOURCE}", f"--bind-ro={sys.prefix}:{ENVIRONMENT}"),
                    *("--boot", "systemd.unit=basic.target"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        try:
            yield _up(root, container, log)
        finally:
            _power_off(container)
    finally:
        for point in (root, place):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
        place.rmdir()


def _up(root: Path, container: "subprocess.Popen[bytes]", log: Path) -> Machine:

    def born() -> bool:
        assert container.poll() is None, _text(log)
        return bool(_leader(container))

    wait_until(born, "there was a first process", 30)
    machine = Machine(root, _leader(container))

    def running() -> bool:
        assert container.poll() is None, _text(log)
        return machine("systemctl", "is-system-running", check=False).strip() in {"running", "degraded"}

    wait_until(running, "the machine was up", 60)
    return machine


def _leader(container: "subprocess.Popen[bytes]") -> int:
    """The process that is number 1 in there; 0 while there is none."""
    for process in psutil.Process(container.pid).children(recursive=True):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
        if numbers[-1] == "1" and "(sd-" not in status:  # no helper of systemd-nspawn on its way to be it
            return int(process.pid)
    return 0


def _power_off(container: "subprocess.Popen[bytes]") -> None:
    """As by its power button; killed outright it would leave its processes behind."""
    if container.poll() is None and (leader := _leader(container)):
        subprocess.run(["kill", "-s", ORDERLY_END, str(leader)], check=False)
    try:
        container.wait(timeout=30)
    except subprocess.TimeoutExpired:
        container.kill()
        container.wait()


def run(*command: object) -> None:
    """A command on this side that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]
