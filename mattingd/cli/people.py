"""The services that inform users while the daemon runs: reports, status files, notices, hooks."""

from collections import Counter

from mattingd.domain.drops import Channel
from mattingd.notices.hooks import Hooks
from mattingd.notices.secrets import Secrets
from mattingd.notices.sender import Sender, channels
from mattingd.reports.desk import ReportDesk
from mattingd.reports.status_files import Now, StatusFiles
from mattingd.runtime.daemon import Daemon, Service
from mattingd.system import clock

MANY = 20_000
"""Files that are still being copied; more are counted together, since the scheduler has better to do."""


def for_people(daemon: Daemon, secrets: Secrets) -> list[Service]:
    """Return the services that inform users; they get every event from now on."""
    journal, in_use = daemon.journal.path, daemon.in_use

    def name(folder: int) -> str:
        return in_use.names.get(folder, "?")

    desk = ReportDesk(
        journal,
        lambda: in_use.settings,
        lambda: daemon.between_turns(lambda: (dict(in_use.folders), in_use.core_folders())),
        daemon.record,
        lambda settings: channels(settings, secrets),
        daemon.defect,
    )
    status = StatusFiles(journal, lambda: _now(daemon), daemon.defect)
    hooks = Hooks(journal, lambda: in_use.settings, name, daemon.defect)
    senders = [
        Sender(channel, journal, lambda: in_use.settings, name, secrets, daemon.record, daemon.defect)
        for channel in Channel
    ]
    daemon.report_to(desk, status, hooks, *senders)
    return [desk, status, hooks, *senders]


def _now(daemon: Daemon) -> Now:
    """Return the present state for status files.

    Raises:
        RefusedError: the daemon is too busy.
    """
    settings = daemon.in_use.settings

    def ask() -> Now:
        view, status = daemon.scheduler.snapshot(), daemon.scheduler.status
        few = view.settling + view.admitting <= MANY
        settling = Counter(each.source.folder for each in status.pending()) if few else Counter[int]()
        return Now(
            folders=dict(daemon.in_use.folders),
            views=dict(view.folders),
            settling=settling,
            eta_seconds=view.eta_seconds,
            output=settings.output_dir,
            core=daemon.in_use.core_folders(),
            language=settings.words,
            time=clock.wall(clock.zone(settings.timezone)),
        )

    return daemon.between_turns(ask)
