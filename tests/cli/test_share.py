"""`mattingd share`: what it prints is a configuration of Samba, and what it tries out is a real server."""

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from samba import PASSWORD, Samba, needs_samba

from tests.daemon.harness.site import MATTINGD, REPOSITORY, Site

pytestmark = needs_samba


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "site")
    yield site
    site.close()


def served(site: Site) -> Samba:
    """A server that offers the site as `share print` says."""
    printed = site.command("share", "print", "--group", "root")
    assert printed.returncode == 0, printed.stderr
    return Samba(site.root / "samba", printed.stdout)


def test_a_picture_goes_in_and_its_cut_out_comes_back_as_a_client_would_have_it(site: Site) -> None:
    samba = served(site)
    try:
        checked = subprocess.run(
            ["testparm", "--suppress-prompt", samba.root / "smb.conf"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0
        assert "Unknown parameter" not in checked.stderr, checked.stderr
        samba.start()
        who = ("--user", f"root%{PASSWORD}")
        answer = site.command("share", "test", samba.address, *who, "--seconds", "1")
        assert answer.returncode == 1
        assert "came within 1 s: `mattingd status` says what happens" in answer.stderr
        site.start()
        answer = site.command("share", "test", samba.address, *who, "--seconds", "60")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "the shares work" in answer.stdout
        assert [
            path for path in site.out.rglob("*") if path.is_file() and not path.name.startswith(".")
        ] == []
        assert list(site.hot[0].iterdir()) == []
        assert asked_for_password(site, samba, PASSWORD).endswith("both files were removed again")
        answer = site.command("share", "test", samba.address, "--user", "root%wrong")
        assert answer.returncode == 1
        assert "the picture cannot be dropped" in answer.stderr
        assert "NT_STATUS_LOGON_FAILURE" in answer.stderr
        assert "Traceback" not in answer.stderr
    finally:
        samba.close()


def asked_for_password(site: Site, samba: Samba, password: str) -> str:
    """What a user at a terminal sees, who is asked once."""
    keyboard, terminal = pty.openpty()
    command = [*MATTINGD[:-2], "share", "test", samba.address, "--user", "root", "--config", str(site.config)]
    try:
        with subprocess.Popen(
            command,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            seen = b""
            while not seen.endswith(b"Samba password of root: ") and (more := process.stdout.read(1)):
                seen += more
            os.write(keyboard, f"{password}\n".encode())
            seen += process.stdout.read()
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert seen.count(b"assword") == 1
    return seen.decode().strip()
