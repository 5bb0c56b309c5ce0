"""A Samba server of one's own on a loopback address of its own, and its share mounted over FUSE.

Nothing of the machine's own Samba is touched. Needs root, and the packages samba, smbnetfs and fuse3.
"""

import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest
from smbprotocol.connection import Connection
from smbprotocol.file_info import FileEndOfFileInformation, FileInformationClass
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FileAttributes,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    ShareAccess,
    SMB2SetInfoRequest,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

from mattingd.system import clock

PASSWORD = "pw"  # noqa: S105 - of a server that lives for one test
ANSWER_SECONDS = 30
_CONFIGURATION = """[global]
  server role = standalone server
  interfaces = {address}
  bind interfaces only = yes
  smb ports = 445
  disable netbios = yes
  server min protocol = SMB2
  load printers = no
  printcap name = /dev/null
  disable spoolss = yes
  private dir = {root}/private
  passdb backend = tdbsam:{root}/private/passdb.tdb
  lock directory = {root}/lock
  state directory = {root}/state
  cache directory = {root}/cache
  pid directory = {root}/pid
  ncalrpc dir = {root}/ncalrpc
  log file = {root}/log/log.%m
  security = user

[hot]
  path = {share}
  read only = no
  force user = root
  create mask = 0664
  directory mask = 0775
{options}
"""


def needed() -> str:
    """Why there can be no such server here; empty when there can."""
    if os.geteuid() != 0:
        return "a Samba server and a mount need root"
    missing = [
        name for name in ("smbd", "smbclient", "smbnetfs", "fusermount3", "ip") if shutil.which(name) is None
    ]
    return f"{', '.join(missing)} not installed" if missing else ""


needs_samba = pytest.mark.skipif(bool(needed()), reason=needed() or "never")


def _wait(seconds: float, what: str) -> Iterator[None]:
    deadline = clock.monotonic_ns() + round(seconds * clock.SECOND)
    while clock.monotonic_ns() < deadline:
        yield
        clock.sleep(0.05)
    raise AssertionError(f"waited {seconds:g} s in vain until {what}")


class Samba:
    """See the module. `share` is the folder on the server; a client sees it as //`address`/hot."""

    def __init__(self, root: Path, options: str = "") -> None:
        self.root, self.share = root, root / "share"
        number = os.getpid()
        self.address = f"127.{64 + number // 65536 % 128}.{number // 256 % 256}.{number % 256 or 1}"
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc", "log", "share"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self._address("add")
        conf = root / "smb.conf"
        conf.write_text(
            _CONFIGURATION.format(root=root, share=self.share, address=self.address, options=options)
        )
        subprocess.run(
            ["smbpasswd", "-c", conf, "-s", "-a", "root"],
            input=f"{PASSWORD}\n{PASSWORD}\n".encode(),
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Listen."""
        with (self.root / "log" / "smbd").open("ab") as log:
            self._process = subprocess.Popen(
                ["smbd", "-F", "--no-process-group", "-s", self.root / "smb.conf", "-l", self.root / "log"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in _wait(20, "smbd listened"):
            assert self._process.poll() is None, (self.root / "log" / "smbd").read_text()[-2000:]
            with suppress(OSError):
                socket.create_connection((self.address, 445), 0.5).close()
                return

    def signal(self, number: int) -> None:
        """To the server and all its sessions: SIGKILL, SIGSTOP, SIGCONT."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            if number in {signal.SIGKILL, signal.SIGTERM}:
                self._process.wait(20)

    def close(self) -> None:
        """End it, frozen or not."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self._address("del")

    def _address(self, verb: str) -> None:
        command = ["ip", "address", verb, f"{self.address}/32", "dev", "lo"]
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL)


class Mount:
    """The share as a client mounts it: `path`."""

    def __init__(self, samba: Samba, root: Path, point: Path | None = None) -> None:
        self._root, self._point = root, point or root / "mnt"
        self.path = self._point / samba.address / "hot"
        root.mkdir(parents=True, exist_ok=True)
        self._point.mkdir(parents=True, exist_ok=True)
        conf = root / "smbnetfs.conf"
        conf.write_text(f'auth "root" "{PASSWORD}"\nshow_hidden_hosts "true"\nsmb_timeout 5000\n')
        conf.chmod(0o600)
        (root / "smb.conf").write_text("[global]\nclient min protocol = SMB2\n")
        with (root / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["smbnetfs", self._point, "-f", "-o", f"config={conf}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "HOME": str(root)},
            )

    def wait(self) -> None:
        """Until the share is seen through it."""
        for _ in _wait(20, "the share was mounted"):
            with suppress(OSError):
                if self.path.is_dir():
                    return

    def broken(self) -> list[str]:
        """What smbnetfs said of calls that it cannot do: it connects anew, and nobody gets an answer."""
        return [line for line in (self._root / "log").read_text().splitlines() if ")->smb_conn_srv_" in line]

    def close(self) -> None:
        """Unmount, whatever still uses it."""
        subprocess.run(["fusermount3", "-uz", self._point], check=False, stderr=subprocess.DEVNULL)
        self._process.kill()
        self._process.wait(20)


@contextmanager
def mounted(root: Path, options: str = "") -> Iterator[tuple[Samba, Mount]]:
    """A running server with its share mounted."""
    samba = Samba(root / "samba", options)
    try:
        samba.start()
        mount = Mount(samba, root / "client")
        try:
            mount.wait()
            yield samba, mount
        finally:
            samba.signal(signal.SIGCONT)
            mount.close()
    finally:
        samba.close()


class PatientForAWhile(Connection):  # type: ignore[misc]
    """A connection that gives up: by itself it waits for ever where its server died just after a request."""

    def receive(self, request: Any, wait: bool = True, timeout: int | None = None, **more: Any) -> Any:  # noqa: FBT001, FBT002
        """Return the answer.

        Raises:
            SMBException: there is none.
        """
        return super().receive(request, wait, ANSWER_SECONDS if timeout is None else timeout, **more)


class Client:
    """An SMB client that writes as slowly, and in as many pieces, as one wants."""

    def __init__(self, address: str) -> None:
        self._connection = PatientForAWhile(uuid.uuid4(), address, 445)

    def __enter__(self) -> Self:
        self._connection.connect(timeout=5)
        self._session = session = Session(self._connection, "root", PASSWORD, require_encryption=False)
        session.connect()
        self._tree = TreeConnect(session, rf"\\{self._connection.server_name}\hot")
        self._tree.connect(require_secure_negotiate=False)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            self._connection.disconnect(close=True)

    def put(self, name: str, data: bytes, *, pieces: int = 1, pause: float = 0.05) -> None:
        """Create, write piece by piece, close."""
        file = self.open(name)
        size = -(-len(data) // pieces)
        for start in range(0, len(data), size):
            file.write(data[start : start + size], start)
            clock.sleep(pause)
        file.close()

    def set_size(self, file: Open, size: int) -> None:
        """As Explorer does before it sends the first byte."""
        wanted = FileEndOfFileInformation()
        wanted["end_of_file"] = size
        request = SMB2SetInfoRequest()
        request["info_type"] = 1  # of a file
        request["file_info_class"] = FileInformationClass.FILE_END_OF_FILE_INFORMATION
        request["file_id"] = file.file_id
        request["buffer"] = wanted
        sent = self._connection.send(request, sid=self._session.session_id, tid=self._tree.tree_connect_id)
        self._connection.receive(sent)

    def open(self, name: str, *, alone: bool = False) -> Open:
        """A new file, or an older one emptied; `alone`: nobody else may open it meanwhile."""
        file = Open(self._tree, name)
        file.create(
            ImpersonationLevel.Impersonation,
            FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE,
            FileAttributes.FILE_ATTRIBUTE_NORMAL,
            0 if alone else ShareAccess.FILE_SHARE_READ,
            CreateDisposition.FILE_OVERWRITE_IF,
            CreateOptions.FILE_NON_DIRECTORY_FILE,
        )
        return file
