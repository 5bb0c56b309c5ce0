"""Lines for systemd's journal."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from because import why

from mattingd.domain import commands
from mattingd.domain.events import (
    FolderTrouble,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.observability import journald
from mattingd.observability.log_setup import configure_log
from tests.observability.log_lines import admitted, ended, told


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the place of journald's."""
    monkeypatch.setattr(journald, "SOCKET", tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "journal"))
        listener.settimeout(10)
        yield listener


def received(journal: socket.socket) -> dict[str, str]:
    """The fields of the next entry, in the datagram itself or in a sealed memory file beside it."""
    data, descriptors, _, _ = socket.recv_fds(journal, 1 << 20, 1)
    if descriptors:
        assert not data
        assert fcntl.fcntl(descriptors[0], fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
        data = os.pread(descriptors[0], os.fstat(descriptors[0]).st_size, 0)
        os.close(descriptors[0])
    entry = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:  # a value of more than one line comes with its length before it
            length = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + length], data[9 + length :]
        entry[name.decode()] = value.decode()
    return entry


def test_journald_gets_a_message_and_every_field(journal: socket.socket) -> None:
    told(
        admitted(8, b"sub/hat.png"),
        ended(8, "failed", "the file is empty; copy it again", b"sub/hat.png"),
        FolderTrouble(1, why("the hot folder cannot be read: Stale file handle")),
        commands.Stop(ExitCode.OK, "stopped"),
        style="journald",
    )
    assert received(journal) == {
        "MESSAGE": "failed in/sub/hat.png: the file is empty; copy it again",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "mattingd",
        "MATTINGD_EVENT": "failed",
        "MATTINGD_JOB": "8",
        "MATTINGD_FILE": "in/sub/hat.png",
        "MATTINGD_FOLDER": "in",
        "MATTINGD_WHY": "the file is empty; copy it again",
    }
    assert received(journal)["MESSAGE"] == "offline in: the hot folder cannot be read: Stale file handle"
    end = received(journal)
    assert (end["MESSAGE"], end["PRIORITY"], end["MATTINGD_CODE"]) == ("ended stopped, code 0", "6", "0")


def test_a_long_line_and_odd_characters_reach_journald_whole(journal: socket.socket) -> None:
    log, outlet = configure_log("journald", "info")
    long = "\n".join(f"{number} \udcff" for number in range(50_000))
    log.error("odd", why=long)
    entry = received(journal)
    assert entry["MATTINGD_WHY"] == long.replace("\udcff", "\\udcff")
    assert entry["MESSAGE"] == f"odd {entry['MATTINGD_WHY']}"
    assert entry["PRIORITY"] == "3"
    outlet.close()


def test_who_reads_the_stream_decides(
    journal: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log, outlet = configure_log("auto", "info", stream)
        log.info("hello")
        assert received(journal)["MESSAGE"] == "hello"
        outlet.close()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
        log, outlet = configure_log("auto", "info", stream)  # redirected since: not the journal any more
        log.info("hello")
        outlet.close()
        assert json.loads((tmp_path / "log").read_text())["event"] == "hello"
