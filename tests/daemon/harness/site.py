"""A place to run daemons on: hot folders, output, state and configuration in one folder."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from mattingd.api import client, wire
from mattingd.api.client import NoAnswerError, NoDaemonError
from mattingd.journal import JournalError, JournalReader, Record, reading
from mattingd.system import clock

REPOSITORY = Path(__file__).parent.parent.parent.parent
TESTKIT = REPOSITORY / "tests" / "testkit"
MATTINGD = (sys.executable, "-m", "mattingd", "run", "--config")
"""The real program."""
KILLING = (sys.executable, str(TESTKIT / "killing_daemon.py"))
"""The same in a family that can be killed on order."""
ENDED = frozenset({"done", "unchanged", "failed", "ignored", "superseded", "withdrawn"})


def wait_until(check: Callable[[], bool], what: str, seconds: float = 60.0, pause: float = 0.05) -> None:
    """Wait for something to become true.

    Raises:
        AssertionError: it did not within `seconds`.
    """
    deadline = clock.monotonic_ns() + round(seconds * clock.SECOND)
    while not check():
        if deadline <= clock.monotonic_ns():
            raise AssertionError(f"waited {seconds:g} s in vain until {what}")
        clock.sleep(pause)


def surroundings(*, test_engine: bool) -> dict[str, str]:
    """The environment of a daemon; what it compiles at its first start is kept for all others."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    cache = Path(tempfile.gettempdir()) / f"mattingd-tests-pycache-{os.getuid()}"
    paths = {"PYTHONPATH": f"{REPOSITORY}:{TESTKIT}", "PYTHONPYCACHEPREFIX": str(cache)}
    return kept | paths | ({"MATTINGD_TEST_ENGINE": "1"} if test_engine else {})


class Site:
    """See the module."""

    def __init__(self, root: Path, folders: Iterable[str] = ("in",), **settings: Any) -> None:
        """Make the folders and write the configuration; `settings` go over these defaults, one level deep."""
        self.root = root
        self.out, self.state, self.config = root / "out", root / "state", root / "config.yaml"
        self.hot = [root / name for name in folders]
        self.log = root / "log.jsonl"
        self.processes: list[subprocess.Popen[bytes]] = []
        for folder in (*self.hot, self.out, self.state):
            folder.mkdir(parents=True)
        document: dict[str, Any] = {
            "output_dir": str(self.out),
            "state_dir": str(self.state),
            "hot_folders": [{"path": str(folder)} for folder in self.hot],
            "watch": {"settle_seconds": 0.1, "rescan_seconds": 2},
            "limits": {"workers": 2},
            "retry": {"first_seconds": 0.2, "cap_seconds": 1},
            "log": {"format": "json"},
            "reports": {"tables": False, "sheet_pictures": 0},
        }
        for key, value in settings.items():
            document[key] = document.get(key, {}) | value if isinstance(value, dict) else value
        self.config.write_text(yaml.safe_dump(document), encoding="utf-8")

    # --- processes ---

    def start(
        self,
        program: Iterable[str] = MATTINGD,
        *,
        environment: Mapping[str, str] | None = None,
        ready: bool = True,
        test_engine: bool = True,
    ) -> subprocess.Popen[bytes]:
        """Start a daemon in a session of its own; `ready` waits for its engine and first scans."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*program, str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
                env=surroundings(test_engine=test_engine) | dict(environment or {}),
                start_new_session=True,
            )
        self.processes.append(process)
        if ready:
            self.wait_ready(process)
        return process

    def wait_ready(self, process: subprocess.Popen[bytes], seconds: float = 180.0) -> None:
        """Until this daemon's engine is up and every folder was scanned once."""

        def ready() -> bool:
            assert process.poll() is None, f"the daemon ended with {process.returncode}:\n{self.log_tail()}"
            status = self.status()
            return (
                bool(status)
                and status["pid"] == process.pid
                and status["engine"]["state"] == "ready"
                and all(folder["first_scan"] == "done" for folder in status["folders"])
            )

        with self.explained():
            wait_until(ready, "the daemon was ready", seconds)

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM the newest daemon and wait; returns its exit code."""
        self.processes[-1].send_signal(signal.SIGTERM)
        return self.processes[-1].wait(timeout=seconds)

    def kill(self) -> None:
        """SIGKILL the newest daemon: the main process alone, its children have to see to themselves."""
        self.processes[-1].kill()
        self.processes[-1].wait(timeout=30)

    def children(self) -> dict[str, list[psutil.Process]]:
        """The newest daemon's children: `worker`s and the `engine`."""
        found: dict[str, list[psutil.Process]] = {"worker": [], "engine": []}
        for child in psutil.Process(self.processes[-1].pid).children():
            with suppress(psutil.NoSuchProcess):
                kind = "engine" if any("engine" in part for part in child.cmdline()[1:4]) else "worker"
                found[kind].append(child)
        return found

    def close(self) -> None:
        """End whatever still runs."""
        for process in self.processes:
            if process.poll() is None:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                for member in family:
                    member.kill()
                process.wait(timeout=30)

    # --- what the daemon says ---

    def ask(self, verb: str, **more: Any) -> dict[str, Any]:
        """Ask on the control socket."""
        request = wire.request_in(json.dumps({"verb": verb, **more}).encode())
        answer: dict[str, Any] = json.loads(wire.encode(client.ask(self.state, request)))
        return answer

    def status(self) -> dict[str, Any]:
        """The daemon's status; empty when nobody answers."""
        try:
            return self.ask("status")
        except (NoDaemonError, NoAnswerError):
            return {}

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run another verb of the program on this site."""
        return subprocess.run(
            [sys.executable, "-m", "mattingd", *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            timeout=300,
        )

    def audit(self) -> dict[str, Any]:
        """`mattingd audit --deep --json`, which must balance."""
        answer = self.command("audit", "--deep", "--json")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        result: dict[str, Any] = json.loads(answer.stdout)
        return result

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Add what the daemon says to a failure in here."""
        try:
            yield
        except AssertionError as error:
            said = json.dumps(self.status(), indent=1)
            raise AssertionError(f"{error}\n{said}\n{self.log_tail()}") from None

    def log_tail(self, characters: int = 4000) -> str:
        """The end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-characters:]

    def events(self, event: str) -> list[dict[str, Any]]:
        """Log lines with this event."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in parsed if line.get("event") == event]

    # --- what the journal says ---

    @contextmanager
    def journal(self) -> Iterator[JournalReader]:
        """The journal, read-only."""
        with reading(self.state / "checkpoint.db") as ledger:
            yield ledger

    def has_journal(self) -> bool:
        """Whether a daemon has got as far as that."""
        try:
            with self.journal():
                return True
        except JournalError:
            return False

    def rows(self) -> list[dict[str, Any]]:
        """The journal's jobs as they are stored, every column."""
        with closing(sqlite3.connect(f"file:{self.state}/checkpoint.db?mode=ro", uri=True)) as journal:
            journal.row_factory = sqlite3.Row
            return [dict(row) for row in journal.execute("SELECT * FROM jobs ORDER BY id")]

    def count_ended(self) -> int:
        """How many jobs have come to their end so far, cleanup included."""
        return sum(not row["live"] for row in self.rows()) if self.has_journal() else 0

    def records(self, file: Path) -> list[Record]:
        """Everything that became of a source file, newest first."""
        root = next(folder for folder in self.hot if file.is_relative_to(folder))
        with self.journal() as ledger:
            return ledger.records_of(os.fsencode(root), os.fsencode(file.relative_to(root)))

    def wait_ended(self, files: Iterable[Path], seconds: float = 60.0) -> None:
        """Until all these files, as they lie there now, came to an end, and nothing is left to be done.

        They are looked at each time: a share shows for a second what was. `seconds` are those in which no
        further file comes to its end: a machine with other work may take as long as it needs.
        """
        wanted = {os.fsencode(file): file.lstat() for file in files}
        missing: list[str] = []
        ended_before = self.count_ended()

        def ended() -> bool:
            if not self.has_journal():
                return False
            with self.journal() as ledger:
                if ledger.live_jobs():
                    return False
                known = {
                    record.root + b"/" + record.path: (record.size, record.mtime_ns)
                    for record in ledger.all()
                    if record.state in ENDED
                }
            missing.clear()
            for name, status in wanted.items():
                with suppress(FileNotFoundError):  # archived meanwhile
                    wanted[name] = status = os.lstat(name)  # noqa: PLW2901
                stamp = status.st_size, status.st_mtime_ns
                if known.get(name) != stamp:
                    missing.append(f"{os.fsdecode(name)}: {stamp}, in the journal {known.get(name)}")
            return not missing

        with self.explained():
            while True:
                try:
                    wait_until(ended, "all files had come to an end", seconds, pause=0.1)
                except AssertionError as error:
                    before, ended_before = ended_before, self.count_ended()
                    if ended_before <= before:
                        raise AssertionError("\n".join([str(error), *missing])) from None
                else:
                    return

    # --- what lies there ---

    def results(self) -> list[Path]:
        """All finished cut-outs."""
        return sorted(self.out.rglob("*.png"))

    def result_of(self, file: Path) -> Path:
        """The one published output of a file's newest job."""
        (output,) = self.records(file)[0].outputs
        return self.out / output

    def temps(self) -> list[Path]:
        """Temp files that were left behind."""
        return sorted(path for path in self.out.rglob(".mattingd*") if not path.name.endswith("-home"))

    def remove(self) -> None:
        """Give the disk space back."""
        shutil.rmtree(self.root, ignore_errors=True)
