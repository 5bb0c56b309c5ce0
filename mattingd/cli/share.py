"""`mattingd share`: export the workstation's folders with Samba, and test them like a client."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from getpass import getpass
from importlib import resources
from pathlib import Path

from mattingd.cli.errors import CommandError, find_config
from mattingd.config import load
from mattingd.domain.exit_codes import ExitCode
from mattingd.shares.samba_config import Share, fragment, shares_of
from mattingd.system import clock

PICTURE = "coffee.jpg"
"""Of those that the demo uses."""
LOOK_SECONDS = 1.0
REMOVED = (
    "the shares work, but clients may not remove cut-outs; for that set output_files:"
    ' {file_mode: "0664", folder_mode: "2775"} in the configuration'
)


@dataclass(frozen=True, slots=True)
class Trial:
    """How to reach the shares."""

    server: str
    user: str | None
    port: int
    seconds: float
    folder: str | None
    """The share to test; by default the first hot folder's."""
    login: Path | None = None
    """A file with name and password for smbclient."""


def show(config: Path | None, group: str, *, as_json: bool) -> ExitCode:
    """Print the fragment."""
    settings = load(find_config(config))
    if as_json:
        told = [{"name": each.name, "path": str(each.path)} for each in shares_of(settings)]
        print(json.dumps({"shares": told, "smb_conf": fragment(settings, group)}))  # noqa: T201
    else:
        print(fragment(settings, group))  # noqa: T201
    return ExitCode.OK


def try_out(config: Path | None, trial: Trial) -> ExitCode:
    """Drop a picture like a client, fetch its cut-out, and remove both."""
    if shutil.which("smbclient") is None:
        raise CommandError("smbclient is not installed: apt install smbclient", code=ExitCode.PARTIAL)
    *inputs, output = shares_of(load(find_config(config)))
    source = next((each for each in inputs if trial.folder in {None, each.name}), None)
    if source is None:
        raise CommandError(f"no hot folder is offered as {trial.folder!r}")
    stem = f"mattingd-share-test-{os.getpid()}"
    with tempfile.TemporaryDirectory() as work:
        trial = _with_password(trial, Path(work))
        picture = Path(work) / PICTURE
        picture.write_bytes(resources.files("mattingd.cli.demo_pictures").joinpath(PICTURE).read_bytes())
        _smb(trial, source, f'put "{picture}" "{stem}.jpg"', "the picture cannot be dropped")
        print(f"dropped  {stem}.jpg into {source.name}")  # noqa: T201
        try:
            found = _awaited(trial, output, stem)
            _smb(trial, output, f'get "{found}" "{work}/cut-out"', "the cut-out cannot be fetched")
            size = (Path(work) / "cut-out").stat().st_size
            print(f"fetched  {found} from {output.name}, {size:,} bytes")  # noqa: T201
            _smb(trial, output, f'del "{found}"', REMOVED)
        finally:
            with suppress(CommandError):
                _smb(trial, source, f'del "{stem}.jpg"', "the picture cannot be removed")
    print("the shares work: both files were removed again")  # noqa: T201
    return ExitCode.OK


def _with_password(trial: Trial, work: Path) -> Trial:
    """Ask for the password, once for all calls; smbclient reads it from a file that only we can read."""
    if trial.user is None or "%" in trial.user or not sys.stdin.isatty():
        return trial
    login = work / "login"
    login.touch(0o600)
    asked = getpass(f"Samba password of {trial.user}: ")
    login.write_text(f"username = {trial.user}\npassword = {asked}\n", encoding="utf-8")
    return replace(trial, login=login)


def _awaited(trial: Trial, output: Share, stem: str) -> str:
    """Return the path of the cut-out in its share, once it exists."""
    deadline = clock.monotonic_ns() + round(trial.seconds * clock.SECOND)
    while clock.monotonic_ns() < deadline:
        listed = _smb(trial, output, "recurse ON; ls", "the cut-outs cannot be listed")
        folder = ""
        for line in listed.splitlines():
            if line.startswith("\\"):
                folder = line.strip()
            elif line.strip().startswith(stem) and ".error." not in line:
                name = line.strip().split("  ")[0].strip()
                return f"{folder}\\{name}".lstrip("\\")
        clock.sleep(LOOK_SECONDS)
    raise CommandError(
        f"no cut-out of {stem}.jpg came within {trial.seconds:g} s: `mattingd status` says what happens",
        code=ExitCode.PARTIAL,
    )


def _smb(trial: Trial, share: Share, command: str, why: str) -> str:
    """Return smbclient's output.

    Raises:
        CommandError: it failed; includes its output.
    """
    who = ["-N"] if trial.user is None else ["-U", trial.user]
    who = who if trial.login is None else ["-A", str(trial.login)]
    arguments = ["smbclient", f"//{trial.server}/{share.name}", *who, "-p", str(trial.port), "-c", command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, errors="replace")
    said = [line for line in (done.stdout + done.stderr).splitlines() if "NT_STATUS" in line]
    missing = all("NT_STATUS_NO_SUCH_FILE" in line for line in said)
    if (done.returncode or said) and not (said and missing):
        reason = said[0] if said else (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise CommandError(f"{why} (//{trial.server}/{share.name}): {reason.strip()}", code=ExitCode.PARTIAL)
    return done.stdout
