"""The units of docs/examples/dask under a real systemd: a worker joins a scheduler, with keys of root alone.

Only addresses and the places of programs are others than in the examples, homes can be read, and the engine
is that of the tests.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.harness.site import REPOSITORY, wait_until
from tests.remote.cluster import Authority
from tests.service.machine import PATHS, PYTHON, Machine, booted
from tests.service.test_service import missing

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.timeout(300),
]

EXAMPLES = REPOSITORY / "docs" / "examples" / "dask"
SCHEDULER, WORKER = "mattingd-dask-scheduler", "mattingd-dask-worker"
PROGRAMS = {
    "/usr/local/bin/dask scheduler": f"{PYTHON} -P -m distributed.cli.dask_scheduler",
    "/usr/local/bin/mattingd": f"{PYTHON} -P -m mattingd",
    "10.0.0.5": "127.0.0.1",
}
FOR_THE_TEST = f"""\
[Service]
Environment=MATTINGD_TEST_ENGINE=1 PYTHONPATH={PATHS["PYTHONPATH"]} PYTHONUNBUFFERED=1
ProtectHome=no
StandardOutput=append:/run/%N.log
StandardError=append:/run/%N.log
"""
"""Python may lie in root's home here."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with booted(tmp_path / "console.log") as machine:
        machine("chmod", "o+x", *Path(sys.base_prefix).resolve().parents)
        authority = Authority(tmp_path / "studio")
        for whom in ("scheduler", "worker"):
            files = authority.give(whom)
            machine.write("/etc/mattingd/dask/ca.pem", Path(files["ca"]).read_bytes())
            for kind, end in (("cert", "pem"), ("key", "key")):
                machine.write(f"/etc/mattingd/dask/{whom}.{end}", Path(files[kind]).read_bytes())
        machine("chmod", "-R", "u=rwX,go=", "/etc/mattingd/dask")
        for name in (SCHEDULER, WORKER):
            unit = (EXAMPLES / f"{name}.service").read_text(encoding="utf-8")
            for example, here in PROGRAMS.items():
                unit = unit.replace(example, here)
            machine.write(f"/etc/systemd/system/{name}.service", unit)
            machine.write(f"/etc/systemd/system/{name}.service.d/test.conf", FOR_THE_TEST)
        machine("systemctl", "daemon-reload")
        yield machine


def test_a_worker_joins_the_scheduler_though_only_root_may_read_the_keys(machine: Machine) -> None:
    def log(name: str) -> str:
        return machine("cat", f"/run/{name}.log", check=False)

    def met() -> bool:
        for name in (SCHEDULER, WORKER):
            assert machine.show(name, "NRestarts") == {"NRestarts": "0"}, log(name)
        return "Register worker" in log(SCHEDULER)

    machine("systemctl", "start", SCHEDULER, WORKER)
    wait_until(met, "the worker had joined", 120)
    machine("systemctl", "stop", WORKER)
    assert machine.show(WORKER, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    assert log(WORKER).endswith("left\n")
