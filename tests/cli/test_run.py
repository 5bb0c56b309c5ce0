"""`run`: what terminal and pipe show, what a service manager is told, what the control socket survives."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mattingd.api.client import SOCKET
from tests.cli.conftest import environment, pictures
from tests.daemon.harness.manager import listening
from tests.daemon.harness.site import Site

MakeSite = Callable[..., Site]


def test_on_a_terminal_lines_are_for_people(make_site: MakeSite) -> None:
    site = make_site(log={"format": "auto"})
    paths = pictures(site.hot[0], 2)
    (site.hot[0] / "empty.jpg").touch()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mattingd", "run", "--config", str(site.config)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment()) as process:
        os.close(theirs)
        site.wait_ended(paths)
        process.send_signal(signal.SIGINT)
        shown = bytearray()
        with suppress(OSError):
            while data := os.read(ours, 65536):
                shown += data
        os.close(ours)
    assert process.returncode == 0
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in shown.decode().splitlines()]
    assert {line[:8].count(":") for line in lines} == {2}
    words = [line[10:21].rstrip() for line in lines]
    assert words[:2] == ["starting", "test engine"]
    assert words[-2:] == ["stopping", "ended"]
    assert sorted(words[2:-2]) == ["done", "done", "ready"] + (["failed"] if "failed" in words else [])
    assert any(re.fullmatch(r"[\d:]+  done       in/p00\.png  #\d", line) for line in lines)


def test_under_a_pipe_every_line_is_json(make_site: MakeSite) -> None:
    site = make_site(log={"format": "auto"})
    paths = pictures(site.hot[0], 3)
    site.start()
    site.wait_ended(paths)
    assert site.stop() == 0
    lines = [json.loads(line) for line in site.log.read_text().splitlines()]
    assert {"timestamp", "level", "event"} <= set.intersection(*(set(line) for line in lines))
    assert [line["event"] for line in lines].count("done") == 3


def test_a_log_that_nobody_reads_holds_up_nothing(make_site: MakeSite) -> None:
    site = make_site()
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    command = [sys.executable, "-m", "mattingd", "run", "--config", str(site.config)]
    with subprocess.Popen(command, stderr=writing, env=environment()) as process:
        os.close(writing)
        paths = pictures(site.hot[0], 40)
        site.wait_ended(paths)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    os.close(reading)


def test_closed_standard_streams_are_nobody_s_business(make_site: MakeSite) -> None:
    """The journal must not get the number of standard error, where libraries complain."""
    site = make_site()
    paths = pictures(site.hot[0], 2)
    command = f"exec {sys.executable} -m mattingd run --config {site.config} <&- >&- 2>&-"
    with subprocess.Popen(["sh", "-c", command], env=environment()) as process:
        site.wait_ended(paths)
        standard = {str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert standard == {"/dev/null"}
    status = f"{sys.executable} -m mattingd status --config {site.config} >&-"
    assert subprocess.run(["sh", "-c", status], env=environment(), check=False).returncode == 0


def test_the_service_manager_is_told_when_it_is_ready(make_site: MakeSite) -> None:
    """READY comes after the model was loaded, warmed up and tested, and STOPPING at the end."""
    site = make_site()
    with listening(site.root / "notify") as manager:
        process = site.start(environment={"NOTIFY_SOCKET": str(site.root / "notify")}, ready=False)
        manager.until("READY=1")
        assert site.events("ready"), "not before the engine is"
        assert len(site.children()["worker"]) == 2
        assert any("the model is being loaded" in status for status in manager.statuses)
        site.wait_ended(pictures(site.hot[0], 2))
        manager.until("STATUS=0 in work, 0 waiting; 2 done, 0 failed since the start; counting on cpu")
        manager.until("WATCHDOG=1")
        process.terminate()
        manager.until("STOPPING=1")
        assert process.wait(30) == 0
    assert manager.statuses[-1] == "stopped"
    assert manager.heard.count("READY=1") == 1


def test_the_control_socket_survives_anything(make_site: MakeSite) -> None:
    site = make_site()
    process = site.start()

    def raw(text: bytes) -> Any:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(15)
            peer.connect(str(site.state / SOCKET))
            peer.sendall(text)
            answer = peer.makefile("rb").readline()
        return json.loads(answer) if answer else None

    unknown = {"error": "it does not know that question", "code": "unknown"}
    assert raw(b"[]\n") == raw(b'{"verb": {}}\n') == unknown
    for wrong in (
        b'{"verb": "where"}',
        b'{"verb": "where", "root": 1, "path": "zz"}',
        b"no json",
        b"[" * 10**5,
    ):
        assert raw(wrong + b"\n")["code"] == "malformed"
    assert raw(b'{"verb": "pause", "paused": true, "folders": ["00"]}\n')["code"] == "unknown folder"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(site.state / SOCKET))
        assert site.status()["pid"] == process.pid, "somebody who says nothing holds up nobody for long"
    assert (site.state / SOCKET).stat().st_mode & 0o777 == 0o660
    assert process.poll() is None
    assert "Traceback" not in site.log_tail()
    assert site.stop() == 0
    assert not (site.state / SOCKET).exists()
