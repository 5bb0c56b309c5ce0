"""`mattingd run`."""

import faulthandler
import os
from contextlib import suppress
from pathlib import Path

from mattingd.cli.errors import CommandError, find_config
from mattingd.config import kept_backgrounds, load, problems_on_disk
from mattingd.domain.exit_codes import ExitCode
from mattingd.journal import JournalError, reading
from mattingd.notices.secrets import secrets_of_process
from mattingd.runtime.launch import JOURNAL, launched
from mattingd.runtime.sd_notify import Notifier
from mattingd.system.loading import loading
from mattingd.workers.spawning import Programs


def run(config: Path | None) -> ExitCode:
    """Work until stopped; the reason of a failure goes to the service manager as well."""
    faulthandler.enable(2)  # systemd sends SIGABRT to a hung process: the stack goes to the journal
    try:
        return _run(config)
    except Exception as error:
        Notifier().tell(STATUS="cannot go on: " + (str(error) or repr(error)).splitlines()[0])
        raise


def _run(config: Path | None) -> ExitCode:
    """Check the configuration, start the children, and load the rest of the daemon beside them."""
    path, secrets = find_config(config).absolute(), secrets_of_process()
    settings = load(path)
    problems = problems_on_disk(
        settings, known=worked_with(settings.state_dir / JOURNAL)
    ) or kept_backgrounds(settings)
    if problems:
        raise CommandError(*problems, code=ExitCode.FOLDER)
    programs = Programs()
    with launched(settings, programs) as launch:
        with loading():
            from mattingd.cli.commands import serving  # noqa: PLC0415 - said above
        return serving.serve(settings, path, secrets, programs, launch)


def worked_with(journal: Path) -> frozenset[Path]:
    """Return the hot folders that the journal knows: the daemon waits for one of them that is missing."""
    with suppress(JournalError), reading(journal) as ledger:
        return frozenset(Path(os.fsdecode(root)) for root in ledger.roots().values())
    return frozenset()
