"""`mattingd demo`: a real daemon on a fresh hot folder, real photographs, and a sheet of what came out."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.schemas import answers, requests
from mattingd.cli.commands.history import doubtful
from mattingd.cli.commands.status_of_file import WORDS
from mattingd.cli.errors import CommandError
from mattingd.cli.format import console_for
from mattingd.config import init_text
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.text import readable
from mattingd.journal import JournalError, Record, reading
from mattingd.runtime.launch import JOURNAL
from mattingd.system import clock

PHOTOGRAPHS = ("astronaut.jpg", "chelsea.jpg", "coffee.jpg")
"""In the package, public domain and CC0: nothing is downloaded."""
MARKER = ".mattingd-demo"
"""Says that a folder is an earlier demo's and may be made anew."""
PATIENCE_SECONDS = 180
BEAT_SECONDS = 0.2


def demo(folder: Path) -> ExitCode:
    """Run the main task once, visibly; success only if every cut-out exists."""
    try:
        hot_folder, config = lay_out(folder)
    except OSError as error:
        raise CommandError(f"{folder} cannot be made: {error.strerror}; name another folder") from None
    console = console_for()
    console.print(f"[dim]hot folder[/]      {escape(str(hot_folder))}", soft_wrap=True)
    console.print(f"[dim]daemon[/]          mattingd run --config {escape(str(config))}", soft_wrap=True)
    with daemon(config, folder / "daemon.log") as process:
        drop_photographs(hot_folder)
        records = wait(console, process, folder, len(PHOTOGRAPHS))
    made = {record.path: folder / "out" / record.outputs[0] for record in records if record.outputs}
    for record in records:
        place, doubt = made.get(record.path, record.reason), doubtful(record.state, record.confidence)
        state = f"{record.state} ({doubt})" if doubt else record.state
        console.print(f"{readable(record.path):<15} {state}: {place}", markup=False, soft_wrap=True)
    if made:
        from mattingd.cli.contact_sheet import contact_sheet  # noqa: PLC0415 - cv2 only for who needs it

        pairs = [(hot_folder / os.fsdecode(path), cut_out) for path, cut_out in sorted(made.items())]
        sheet = contact_sheet(pairs, folder / "contact-sheet.png")
        console.print(f"Before and after: [bold]{escape(str(sheet))}[/]", soft_wrap=True)
    return ExitCode.OK if len(made) == len(PHOTOGRAPHS) else ExitCode.FAILED


def drop_photographs(hot_folder: Path) -> None:
    """Copy the package's photographs into a hot folder."""
    for name in PHOTOGRAPHS:
        picture = resources.files("mattingd.cli") / "demo_pictures" / name
        (hot_folder / name).write_bytes(picture.read_bytes())


def lay_out(folder: Path) -> tuple[Path, Path]:
    """Create an empty hot folder and a configuration. Only an earlier demo's folder is cleared.

    Raises:
        CommandError: the folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is no folder: name another one")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise CommandError(f"{folder} is not empty and no earlier demo: name another folder")
        shutil.rmtree(folder)
    hot_folder, config = folder / "in", folder / "config.yaml"
    hot_folder.mkdir(parents=True)
    (folder / MARKER).touch()
    config.write_text(init_text("out", "in", "state"), encoding="utf-8")
    return hot_folder, config


@contextlib.contextmanager
def daemon(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a daemon in a separate process, as a user would, and stop it cleanly afterwards."""
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "mattingd", "run", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stderr=lines,
            stdout=lines,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE_SECONDS)


def wait(console: Console, process: "subprocess.Popen[bytes]", folder: Path, expected: int) -> list[Record]:
    """Show the daemon's progress until every photograph has ended, or the time limit is reached.

    Raises:
        CommandError: the daemon ended by itself.
    """
    until = clock.monotonic_ns() + PATIENCE_SECONDS * clock.SECOND
    records: list[Record] = []
    with Live(console=console, refresh_per_second=5, transient=True) as live:
        while clock.monotonic_ns() < until:
            if process.poll() is not None:
                raise CommandError(f"the daemon ended by itself: see {folder / 'daemon.log'}")
            with contextlib.suppress(NoDaemonError):
                live.update(_progress(ask(folder / "state", requests.Status()), expected))
            records = _ended(folder)
            if len(records) == expected:
                break
            clock.sleep(BEAT_SECONDS)
    return records


def _ended(folder: Path) -> list[Record]:
    with contextlib.suppress(JournalError), reading(folder / "state" / JOURNAL) as ledger:
        return [record for state in ("done", "failed") for record in ledger.newest(state, len(PHOTOGRAPHS))]
    return []  # the journal does not exist at first


def _progress(status: answers.Status, expected: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=14, style="dim")
    table.add_column()
    engine, ended = status.engine, status.counts["done"] + status.counts["failed"]
    running = engine.state == "ready"
    table.add_row("engine", f"{engine.model} on {engine.device}" if running else engine.state)
    table.add_row("done", f"{ended} of {expected}")
    for picture in status.in_work:
        table.add_row("", f"{picture.file}: {WORDS[picture.state]}")
    return table
