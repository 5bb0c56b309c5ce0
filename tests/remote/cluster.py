"""A real cluster on loopback: Dask's scheduler with certificates, and workers of ours."""

import datetime as dt
import ipaddress
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mattingd.system import clock
from tests.daemon.harness.site import REPOSITORY, surroundings, wait_until

DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority, and the certificates that it gives."""

    def __init__(self, folder: Path, name: str = "studio") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.ca = folder / f"{name}-ca.pem"
        own = self._certificate(self._subject, self._key.public_key(), authority=True)
        self.ca.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def give(self, whom: str) -> dict[str, str]:
        """A certificate and its key; the options of `mattingd dask-worker` and of the configuration."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, whom)])
        cert = self._certificate(subject, key.public_key(), authority=False)
        cert_file, key_file = self.folder / f"{whom}.pem", self.folder / f"{whom}.key"
        cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return {"ca": str(self.ca), "cert": str(cert_file), "key": str(key_file)}

    def _certificate(self, subject: x509.Name, public: Any, *, authority: bool) -> x509.Certificate:
        now = clock.wall(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
        )
        return builder.sign(self._key, hashes.SHA256())


def free_port() -> int:
    """A port that nobody listens on at present."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class LoopbackCluster:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.authority = Authority(folder)
        self.port = free_port()
        self.address = f"tls://127.0.0.1:{self.port}"
        self.files = self.authority.give("daemon")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """For the daemon's configuration."""
        return {"dask": {"scheduler": self.address, **self.files}}

    def start_scheduler(self) -> None:
        """Start it, or start it again on the same port."""
        files = self.authority.give("scheduler")
        options = {"--tls-ca-file": files["ca"], "--tls-cert": files["cert"], "--tls-key": files["key"]}
        where = (
            "--host",
            self.address,
            "--no-dashboard",
            *(part for pair in options.items() for part in pair),
        )
        self._start("scheduler", [sys.executable, "-m", "distributed.cli.dask_scheduler", *where])
        wait_until(self._listens, "the scheduler listened")

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def start_worker(
        self,
        name: str,
        *more: str,
        files: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a worker as its user would."""
        certificates = files or self.authority.give(name)
        options = [part for key, path in certificates.items() for part in (f"--{key}", path)]
        verb = [sys.executable, "-m", "mattingd", "dask-worker", self.address, "--name", name]
        return self._start(name, [*verb, *options, *more], environment)

    def start_hostile_worker(self, folder: Path) -> None:
        """Start one whose answers run programs, which leave files in a folder."""
        files = self.authority.give("hostile")
        what = [sys.executable, "-m", "tests.remote.hostile_worker", self.address, *files.values()]
        self._start("hostile", [*what, str(folder)])

    def _start(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
                env=surroundings(test_engine=True) | {"OMP_NUM_THREADS": "1"} | (environment or {}),
            )
        return self.processes[name]

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one of the processes."""
        os.kill(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        """End one at once."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(timeout=30)

    def close(self) -> None:
        """End all of them."""
        for name in list(self.processes):
            self.kill(name)

    def said(self, name: str) -> str:
        """What one of them wrote."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


@contextmanager
def loopback(folder: Path) -> Iterator[LoopbackCluster]:
    """A cluster that is gone afterwards."""
    cluster = LoopbackCluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()
