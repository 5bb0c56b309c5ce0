"""Images built by buildah and containers run by crun, without a registry of images and without Docker.

A registry's `debian:bookworm-slim` is stood in for by a tree that debootstrap makes from Debian's packages,
once: it is kept in `BASE_TREE`. Root is needed.
"""

import configparser
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.daemon.harness.site import REPOSITORY, wait_until

BASE_TREE = Path(os.environ.get("MATTINGD_BASE_TREE", "/var/tmp/mattingd-bookworm"))  # noqa: S108 - 200 MB, kept
BASE = "localhost/mattingd-base:bookworm"
BUILDAH = {"BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "docker"}
PROGRAMS = ("buildah", "crun", "debootstrap", "unshare")
UNIFIED = "umount --recursive /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup; exec "
"""crun refuses control groups of the first version; it gets an empty view, for no limits are set here."""


def missing() -> str:
    """Why no image can be built here; empty when one can."""
    if os.geteuid() != 0:
        return "only root can build an image here"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def run(*command: object, env: Mapping[str, str] | None = None) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **BUILDAH, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def base() -> str:
    """The image that a registry would give."""
    if not (BASE_TREE / "etc" / "debian_version").exists():
        rest = BASE_TREE.with_name(f"{BASE_TREE.name}.part")
        shutil.rmtree(rest, ignore_errors=True)
        run(
            *("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", rest),
            "http://deb.debian.org/debian",
        )
        rest.rename(BASE_TREE)
    if not run("buildah", "images", "--quiet", "--filter", f"reference={BASE}").strip():
        container = run("buildah", "from", "scratch").strip()
        run("buildah", "add", "--quiet", container, BASE_TREE, "/")
        run("buildah", "commit", "--quiet", "--rm", container, BASE)
    return BASE


def build(tag: str, context: Path = REPOSITORY, **arguments: str) -> str:
    """Build the Dockerfile of a folder, with this machine's own ways to its package indexes."""
    words = [f"--build-arg={name}={value}" for name, value in {"BASE": base(), **arguments}.items()]
    with tempfile.TemporaryDirectory() as place:
        words += _package_indexes(Path(place) / "pip.conf")
        run("buildah", "bud", "--quiet", *words, "--tag", tag, context)
    return tag


@cache
def image() -> str:
    """The image of our Dockerfile for the processor, or one that is there: `MATTINGD_IMAGE=TAG`."""
    there = os.environ["MATTINGD_IMAGE"]
    return build("localhost/mattingd:test", TORCH="cpu") if there == "1" else there


def _package_indexes(file: Path) -> Iterator[str]:
    """This machine's settings of pip and the folders they name, mounted for the build; not in the image."""
    merged = configparser.ConfigParser()
    merged.read(["/etc/pip.conf", "/root/.pip/pip.conf", "/root/.config/pip/pip.conf"])
    words = " ".join(value for section in merged.values() for value in section.values()).split()
    paths = {Path(word.removeprefix("file://")) for word in words}
    folders = {path.parent if path.name == "simple" else path for path in paths if path.is_absolute()}
    merged.read_dict({"global": {"retries": "0"}})  # an index that cannot be reached is not waited for
    with file.open("w", encoding="utf-8") as sink:
        merged.write(sink)
    yield f"--volume={file}:/etc/pip.conf:ro"
    yield from (f"--volume={path}:{path}:ro" for path in sorted(folders) if path.exists())


class Container:
    """An image that runs as compose.yaml has it: read-only, without capabilities, with three folders."""

    def __init__(
        self, image: str, folder: Path, mounts: Mapping[Path, str], command: tuple[str, ...] = ()
    ) -> None:
        self._image, self._folder, self._mounts, self._command = image, folder, mounts, command
        self.name = f"mattingd-{os.getpid()}-{folder.name}"
        self.log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        described = json.loads(run("buildah", "inspect", "--type", "image", image))
        self.config: dict[str, Any] = described["Docker"]["config"]

    def start(self) -> None:
        """Run it in the background."""
        with self.log.open("ab") as sink:
            words = f"{UNIFIED} crun --cgroup-manager=disabled run --bundle '{self._folder}' {self.name}"
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", words], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )

    def says(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command in the running container, as `docker exec` has it."""
        user, group = self._user()
        who = (
            "--user",
            f"{user}:{group}",
            *(word for pair in self.config["Env"] for word in ("--env", pair)),
        )
        words = ["crun", "--cgroup-manager=disabled", "exec", *who, self.name, *command]
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", UNIFIED + shlex.join(words)],
            capture_output=True,
            text=True,
            check=False,
        )

    def healthy(self) -> bool:
        """What its HEALTHCHECK finds."""
        kind, *check = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.says(*check).returncode == 0

    def wait_healthy(self) -> None:
        def good() -> bool:
            assert self.running(), self.log.read_text()[-3000:]
            return self.healthy()

        wait_until(good, "the container was healthy", 240)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, stop_signal: str = "") -> int:
        """Send what STOPSIGNAL says, and wait; the exit code."""
        assert self._process is not None
        name = stop_signal or self.config.get("StopSignal", "SIGTERM")
        run("crun", "kill", self.name, name.removeprefix("SIG"))
        return self._process.wait(timeout=120)

    def _user(self) -> tuple[int, int]:
        """Numbers of the user that the image names."""
        user, _, group = self.config["User"].partition(":")
        passwd = (self._folder / "rootfs" / "etc" / "passwd").read_text().splitlines()
        lines = {line.split(":")[0]: line.split(":") for line in passwd}
        return int(lines[user][2]), int(lines[group or user][3])

    @contextmanager
    def prepared(self) -> Iterator["Container"]:
        """Its file system in place; stopped and removed in the end."""
        working = run("buildah", "from", "--pull-never", self._image).strip()
        try:
            rootfs = self._folder / "rootfs"
            rootfs.unlink(missing_ok=True)
            rootfs.symlink_to(run("buildah", "mount", working).strip())
            (self._folder / "config.json").write_text(json.dumps(self._specification()))
            yield self
        finally:
            if self.running():
                assert self._process is not None
                subprocess.run(
                    ["crun", "kill", self.name, str(int(signal.SIGKILL))], check=False, capture_output=True
                )
                self._process.wait(timeout=30)
            run("buildah", "rm", working)

    def _specification(self) -> dict[str, Any]:
        (self._folder / "config.json").unlink(missing_ok=True)
        subprocess.run(["crun", "spec"], cwd=self._folder, check=True)
        found: dict[str, Any] = json.loads((self._folder / "config.json").read_text())
        user, group = self._user()
        found["root"] = {"path": str((self._folder / "rootfs").resolve()), "readonly": True}
        found["process"] |= {
            "terminal": False,
            "user": {"uid": user, "gid": group},
            "args": [*self.config["Entrypoint"], *(self._command or self.config["Cmd"])],
            "env": self.config["Env"],
            "cwd": self.config["WorkingDir"],
            "capabilities": {},
            "noNewPrivileges": True,
            "rlimits": [],
        }
        kept = [mount for mount in found["mounts"] if mount["type"] != "cgroup"]
        tmp = {
            "destination": "/tmp",  # noqa: S108
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777"],
        }
        binds = [
            {"destination": there, "type": "none", "source": str(here), "options": ["rbind", "rw"]}
            for here, there in self._mounts.items()
        ]
        found["mounts"] = [*kept, tmp, *binds]
        return found
