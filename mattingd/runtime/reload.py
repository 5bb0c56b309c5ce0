"""From the settings in use to those that were read again: what changes, and what cannot.

Most settings can change while the daemon runs. The others stay, and the daemon says that they need a restart.
Admitted pictures keep the settings that they were admitted with.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from mattingd.config import (
    ConfigError,
    HotFolder,
    Settings,
    contradictions,
    kept_backgrounds,
    load,
    place,
    problems_on_disk,
)
from mattingd.domain.presets import HASHED_MODEL, Pin, recipe_hash
from mattingd.runtime.mailbox import Defect, Inbox, Reply, answer_in
from mattingd.runtime.refusal import RefusedError
from mattingd.runtime.sd_notify import Notifier
from mattingd.system.mounts import mount_table
from mattingd.workers.installed import missing_models

LIVE = frozenset(
    {
        "layout",
        "watch",
        "retry",
        "retention",
        "stop_seconds",
        "log",
        "engine.batch_wait_ms",
        "engine.idle_unload_seconds",
        "limits.max_megapixels",
        "limits.max_megabytes",
        "limits.picture_seconds",
        "limits.memory_megapixels",
    }
)
"""Settings, and blocks of them, that can change while the daemon runs; hot folders can, too."""
PATIENCE_SECONDS = 8.0
"""How long somebody who asks for a reload waits for word: others have questions, too."""
_MIXED = "it is so until a restart, with the folders that are in use now: restart the daemon instead"
"""Of settings that are sound in the file, and contradict what stays in use."""
ELSEWHERE = frozenset({"hot_folders", "presets"})
"""Compared folder by folder: a preset matters only where a folder uses it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What another configuration changes, in words."""

    taken: tuple[str, ...] = ()
    """Used from now on, for files that are not admitted yet."""
    restart: tuple[str, ...] = ()
    """Names of settings that stay unchanged until a restart."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What another configuration changed, or its mistakes."""

    mistakes: tuple[str, ...]
    changed: tuple[str, ...]
    restart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The source of the settings."""

    path: Path

    def read(self, old: Settings) -> Settings:
        """Return the present settings.

        A hot folder that is already in use may be offline at this moment; any other must exist.

        Raises:
            ConfigError: they cannot be used; holds all mistakes.
        """
        settings = load(self.path)
        mixed, _ = reconciled(old, settings)
        unsound = contradictions(mixed, mount_table())
        problems = (
            problems_on_disk(settings, known=_paths(old))
            or missing_models(settings)
            or tuple(f"{place(each.loc)}: {each.text}; {_MIXED}" for each in unsound)
            or kept_backgrounds(mixed)
        )
        if problems:
            raise ConfigError(tuple(f"{self.path}: {problem}" for problem in problems))
        return settings


class Reloads:
    """Reads the configuration again on request, and applies it on the scheduler's thread."""

    def __init__(
        self,
        source: Source | None,
        in_use: Callable[[], Settings],
        use: Callable[[Settings | None, tuple[str, ...]], ReloadOutcome],
        inbox: Inbox,
        notifier: Notifier,
    ) -> None:
        """Nothing is read yet, and never without a `source`.

        Args:
            source: reads the settings.
            in_use: the present settings.
            use: applies what was read, settings or (None) mistakes, on the scheduler's thread.
            inbox: the mailbox of that thread.
            notifier: informs the service manager.
        """
        self._source = source
        self._in_use = in_use
        self._use = use
        self._inbox = inbox
        self._notifier = notifier
        self._lock = threading.Lock()
        self._reading = False
        self._wanted: list[Reply] = []
        """Who waits for a reading that has not begun yet."""

    def begin(self, reply: Reply | None = None) -> None:
        """Read on a separate thread: a folder in the configuration may be on a share that hangs.

        A request during a reading causes another one afterwards: the file may have changed meanwhile.
        """
        with self._lock:
            self._wanted.append(reply or queue.SimpleQueue())
            if self._reading:
                return
            self._reading = True
        threading.Thread(target=self._read_on, name="reload", daemon=True).start()

    def read(self) -> ReloadOutcome:
        """Return what the configuration changes, or its mistakes. On any thread but the scheduler's.

        Raises:
            RefusedError: it takes too long.
        """
        reply: Reply = queue.SimpleQueue()
        self.begin(reply)
        late = "it is still reading its configuration; the log will say what comes of it"
        outcome: ReloadOutcome = answer_in(reply, PATIENCE_SECONDS, late)
        return outcome

    def _read_on(self) -> None:
        while True:
            with self._lock:
                waiting, self._wanted = self._wanted, []
                self._reading = bool(waiting)
            if not waiting:
                return
            answer = self._read()
            for reply in waiting:
                reply.put(answer)

    def _take(self, read: Settings | None, mistakes: tuple[str, ...]) -> ReloadOutcome:
        """Apply what was read, on the scheduler's thread."""
        outcome = self._use(read, mistakes)
        self._notifier.reloaded()
        return outcome

    def _read(self) -> ReloadOutcome | RefusedError:
        """Read the configuration here, and apply it on the scheduler's thread."""
        if self._source is None:
            return RefusedError("it has no configuration to read")
        self._notifier.reloading()
        read: Settings | None = None
        mistakes: tuple[str, ...] = ()
        try:
            read = self._source.read(self._in_use())
        except ConfigError as error:
            mistakes = error.lines
        except BaseException as error:
            self._inbox.put(Defect(error))
            raise
        try:
            return self._inbox.between_turns(lambda: self._take(read, mistakes))
        except RefusedError as refused:
            return refused


def reconciled(old: Settings, new: Settings) -> tuple[Settings, Changes]:
    """Return the settings to use, and what they change.

    Args:
        old: the settings in use.
        new: the settings that were read.
    """
    taken: list[str] = []
    restart: list[str] = []
    values: dict[str, Any] = {}
    for name, before, now in _pairs(old, new):
        if before == now:
            continue
        if name in LIVE or name.partition(".")[0] in LIVE:
            values[name] = now
            taken.append(f"{name}: {_shown(before)} -> {_shown(now)}")
        else:
            restart.append(name)
    uploads = [folder for folder in old.hot_folders if folder.uploads]
    chosen = [*(folder for folder in new.hot_folders if not folder.uploads), *uploads]
    folders = tuple(_with_model(folder, HASHED_MODEL) for folder in chosen)
    merged = replace(_merged(old, values), hot_folders=folders, presets=new.presets)
    return merged, Changes((*_folder_changes(old, merged), *taken), tuple(restart))


def _pairs(old: Settings, new: Settings) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, before, now) of every single setting."""
    for item in fields(Settings):
        if item.name in ELSEWHERE:
            continue
        before, now = getattr(old, item.name), getattr(new, item.name)
        if not is_dataclass(before):
            yield item.name, before, now
            continue
        for part in fields(before):
            yield f"{item.name}.{part.name}", getattr(before, part.name), getattr(now, part.name)


def _merged(old: Settings, values: dict[str, Any]) -> Settings:
    """Return `old` with other values, by dotted name."""
    blocks: dict[str, dict[str, Any]] = {}
    plain = {}
    for name, value in values.items():
        block, dot, part = name.partition(".")
        if dot:
            blocks.setdefault(block, {})[part] = value
        else:
            plain[name] = value
    filled = {name: replace(getattr(old, name), **parts) for name, parts in blocks.items()}
    return replace(old, **plain, **filled)


def _with_model(folder: HotFolder, model: str) -> HotFolder:
    """Keep the model in use in a folder whose recipe names it: another one needs a restart."""
    first, *also = folder.recipes
    return replace(folder, recipe_hash=recipe_hash(first, model, also))


def _folder_changes(old: Settings, new: Settings) -> Iterator[str]:
    before = {folder.path: folder for folder in old.hot_folders}
    for folder in new.hot_folders:
        if folder.path not in before:
            yield f"hot folder {folder.path} is new"
        elif parts := list(_differing(before[folder.path], folder)):
            yield f"hot folder {folder.path}: {', '.join(parts)}"
    for path in before.keys() - _paths(new):
        yield f"hot folder {path} is left out; its pictures that are taken already are finished"


_OF_FOLDER = ("name", "preset", "existing", "originals", "drops", "weight", "hours", "status_file")


def _differing(old: HotFolder, new: HotFolder) -> Iterator[str]:
    """Describe the changes of a folder that stays: names with their values, recipes by their settings."""
    yield from _changed(old, new, _OF_FOLDER)
    yield from _changed(old.recipe, new.recipe, [item.name for item in fields(new.recipe)])
    if old.also != new.also:
        named = ", ".join(each.preset + f" ({each.suffix})" for each in new.also)
        yield f"also {named or 'nothing'}"


def _changed(old: object, new: object, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        before, now = getattr(old, name), getattr(new, name)
        if before != now:
            yield f"{name} {_shown(before)} -> {_shown(now)}"


def _paths(settings: Settings) -> frozenset[Path]:
    return frozenset(folder.path for folder in settings.hot_folders)


def _shown(value: object) -> str:
    """Return a value as it is written in the file; of a background picture also the start of its hash."""
    if isinstance(value, str) and (pin := Pin.of(value)) and pin.sha256:
        return f"{pin.path} ({pin.sha256[:8]})"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
