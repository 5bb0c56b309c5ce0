"""Build the parts of a daemon and connect them: the one place that knows all of them.

Built from the journal upwards: each part gets the parts that it needs, which exist by then. `Daemon` runs the
result.
"""

import os
import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from mattingd.config import Settings, own_settings
from mattingd.config.backgrounds import keep
from mattingd.core import output_paths
from mattingd.core.retention import low_space
from mattingd.core.scheduler import Scheduler
from mattingd.core.stopping import ExitWhenIdle
from mattingd.domain.jobs import OwnSettings
from mattingd.domain.presets import HASHED_MODEL, Pin
from mattingd.domain.reasons import Reason
from mattingd.domain.shares import WatchOutput
from mattingd.ingest.hot_folders import HotFolderScanners, Shares, is_remote
from mattingd.ingest.mount_points import MountPoints
from mattingd.ingest.scan_plan import ScanPlan
from mattingd.journal import JournalWriter, PlacingRules, known_to
from mattingd.outputs.cleaner import Cleaner, Sweeper
from mattingd.outputs.other_daemons import OtherDaemons, card
from mattingd.outputs.output_root import RoomWatch
from mattingd.outputs.retention import Commit, Places, Report, sweep_here
from mattingd.runtime.daemon import Daemon, Parts
from mattingd.runtime.days import Days
from mattingd.runtime.executor import CommandExecutor, PixelStore
from mattingd.runtime.health import HealthStatus
from mattingd.runtime.in_use import InUse
from mattingd.runtime.launch import JOURNAL, Launch, locked
from mattingd.runtime.mailbox import Inbox, Question
from mattingd.runtime.models_in_use import models_in_use
from mattingd.runtime.reload import Reloads, Source
from mattingd.runtime.sd_notify import Notifier
from mattingd.runtime.settings_change import SettingsChange
from mattingd.runtime.turns import Turns
from mattingd.shares.output import ShareOutput
from mattingd.shares.scanning import ShareScanner
from mattingd.shares.sweeping import ShareSweeper
from mattingd.system import clock
from mattingd.system.filesystem import Disk, output_root_marker
from mattingd.workers.resources import policy_of
from mattingd.workers.spawning import Programs
from mattingd.workers.supervisor import ProcessSupervisor

OpenJournal = Callable[[Path, PlacingRules, Callable[[], str]], JournalWriter]


@dataclass(frozen=True, slots=True)
class Mode:
    """The kind of a run."""

    once: bool = False
    """End when everything that the first scan found is done."""
    only: Mapping[Path, frozenset[bytes]] | None = None
    """Process only the named files of these folders."""
    programs: Programs = field(default_factory=Programs)
    open_journal: OpenJournal = JournalWriter
    launch: Launch | None = None
    """The lock, and children that were started already; without it the lock is taken when all is built."""


def compose(
    settings: Settings, *, mode: Mode = Mode(), source: Source | None = None, disk: Disk | None = None
) -> Daemon:
    """Open the journal and connect all parts; nothing runs yet, except children that were started ahead.

    Args:
        settings: as `config.load` gives them.
        mode: the kind of run.
        source: reads the settings again; None for settings that never change.
        disk: file operations of the scanners.

    Raises:
        ConfigError: a model in the configuration is not installed.
        LockedError: another daemon uses this state directory.
        JournalError: the journal cannot be used.
    """
    inbox, notifier, disk = Inbox(), Notifier(), disk or Disk()
    zone = clock.zone(settings.timezone)
    launch = mode.launch or locked(settings)
    rules = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
    journal = mode.open_journal(settings.state_dir / JOURNAL, rules, partial(_stamp, zone))
    in_use = InUse(settings, journal)
    ending = ExitWhenIdle() if mode.once else None
    folders, models = in_use.core_folders(), models_in_use(settings, journal)
    scheduler = Scheduler(policy_of(settings), folders, journal.paused_folders(), models, ending)
    processes = _processes(mode, in_use, journal, launch, inbox)
    scanners = _scanners(mode, in_use, journal, inbox, disk, scheduler)
    cleaner = Cleaner(
        lambda: in_use.settings, journal.path, zone, inbox.tell_patiently, inbox.defect, _sweeper(in_use)
    )
    pixels = PixelStore(scheduler)
    executor = CommandExecutor(pixels, processes, scanners, cleaner, journal, in_use)
    turns = Turns(scheduler, journal, scanners, executor, pixels, inbox)
    days = Days(zone, journal, scheduler, in_use, turns, cleaner)
    health = HealthStatus(notifier, len(settings.hot_folders))
    change = SettingsChange(in_use, journal, scheduler, turns, days, processes, scanners, health)
    return Daemon(
        Parts(
            inbox=inbox,
            notifier=notifier,
            lock=launch.lock,
            journal=journal,
            in_use=in_use,
            scheduler=scheduler,
            processes=processes,
            scanners=scanners,
            cleaner=cleaner,
            space=_space(mode, in_use, journal, processes, inbox, disk),
            executor=executor,
            turns=turns,
            days=days,
            health=health,
            change=change,
            reloads=Reloads(source, lambda: in_use.settings, change.take, inbox, notifier),
        ),
        once=mode.once,
        only=mode.only or {},
    )


def _stamp(zone: tzinfo | None) -> str:
    """Return the time in the journal's format."""
    return clock.wall(zone).isoformat(timespec="seconds")


def _processes(
    mode: Mode, in_use: InUse, journal: JournalWriter, launch: Launch, inbox: Inbox
) -> ProcessSupervisor:
    return ProcessSupervisor(
        in_use.settings,
        in_use.roots,
        instance=journal.instance,
        marked=journal.is_home(os.fsencode(in_use.settings.output_dir)),
        keep=(launch.lock.descriptor,),
        programs=mode.programs,
        ahead=launch.ahead,
        heard=inbox.put,
    )


def _scanners(
    mode: Mode, in_use: InUse, journal: JournalWriter, inbox: Inbox, disk: Disk, scheduler: Scheduler
) -> HotFolderScanners:
    def share_scanner(plan: ScanPlan) -> ShareScanner:
        """Return a scanner for a share: a child process, because a call to a share may never return."""
        return ShareScanner(
            plan,
            lambda: known_to(journal.path, plan.folder),
            inbox.tell_patiently,
            inbox.defect,
            lambda: in_use.settings.watch.share_seconds,
        )

    def asked(wanted: dict[str, Any]) -> OwnSettings:
        """Return an upload's settings; the scheduler learns first which models are installed by now."""
        own = _asked(in_use.settings, wanted)
        if own.recipe.preset.model is not None:
            know = partial(scheduler.know_models, policy_of(in_use.settings))
            inbox.put(Question(know, queue.SimpleQueue()))
        return own

    return HotFolderScanners(
        in_use.settings.watch,
        once=mode.once,
        only=mode.only or {},
        tell=inbox.tell_patiently,
        failed=inbox.defect,
        disk=disk,
        asked=asked,
        shares=None if mode.once else Shares(share_scanner, MountPoints(in_use.settings.state_dir)),
    )


def _sweeper(in_use: InUse) -> Sweeper:
    """Who does a sweep: on shares a child process, since a call there may never return."""
    elsewhere = ShareSweeper(lambda: in_use.settings.watch.share_seconds)

    def sweep(
        places: Places,
        journal: Path,
        today: str,
        *,
        confirmed: bool,
        commit: Commit,
        stopped: Callable[[], bool],
    ) -> Report:
        folders = [folder for folder in (places.output_dir, places.archive_dir) if folder is not None]
        by = elsewhere.sweep if any(map(is_remote, folders)) else sweep_here
        return by(places, journal, today, confirmed=confirmed, commit=commit, stopped=stopped)

    return sweep


def _asked(settings: Settings, wanted: dict[str, Any]) -> OwnSettings:
    """What is wanted of an upload; a background picture is kept as those of the configuration are.

    Raises:
        ValueError: it cannot be had.
    """
    own = own_settings(settings.presets, HASHED_MODEL, wanted)
    pin = Pin.of(own.recipe.preset.background)
    if pin is not None and (problems := list(keep(settings.state_dir, [pin]))):
        raise ValueError("; ".join(problems))
    return own


def _space(
    mode: Mode,
    in_use: InUse,
    journal: JournalWriter,
    processes: ProcessSupervisor,
    inbox: Inbox,
    disk: Disk,
) -> RoomWatch | ShareOutput:
    """Return the check of the output folder's free space; on a share, a child process makes it."""
    root = str(in_use.settings.output_dir)

    def judge(free: int, low: bool) -> Reason | None:  # noqa: FBT001 - as it was before
        return low_space(free, in_use.settings.retention, low=low)

    marker = output_root_marker(journal.instance)
    named = "" if mode.once else marker
    own = card(str(in_use.settings.state_dir), [str(hot.path) for hot in in_use.settings.hot_folders])
    if not is_remote(in_use.settings.output_dir):
        daemons = OtherDaemons(root, named, own)
        return RoomWatch(root, judge, inbox.tell_patiently, disk, inbox.defect, daemons)
    return ShareOutput(
        lambda: WatchOutput(root, marker if processes.marked else "", named, own),
        judge,
        inbox.tell_patiently,
        inbox.defect,
        lambda: in_use.settings.watch.share_seconds,
    )
