"""From the settings in use to those of a configuration that was read anew: what changes, and what cannot.

Most settings can change while the daemon runs; the others stay as they are, and it says that they need a
restart. Pictures that are admitted keep what they were admitted with.
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
from mattingd.domain.presets import Pin, recipe_hash
from mattingd.runtime.mailbox import Defect, Inbox, Reply, Reread
from mattingd.runtime.sd_notify import Notifier
from mattingd.system.mounts import mount_table

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
    """In use from now on, for files that are not admitted yet."""
    restart: tuple[str, ...] = ()
    """Names of settings that stay as they are until the daemon is restarted."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the settings come from."""

    path: Path

    def read(self, old: Settings) -> Settings:
        """The settings that stand there now.

        A hot folder that is in use already may be offline at this moment; any other must be there.

        Raises:
            ConfigError: they cannot be used; holds all mistakes.
        """
        settings = load(self.path)
        mixed, _ = reconciled(old, settings)
        unsound = contradictions(mixed, mount_table())
        problems = (
            problems_on_disk(settings, known=_paths(old))
            or tuple(f"{place(each.loc)}: {each.text}; {_MIXED}" for each in unsound)
            or kept_backgrounds(mixed)
        )
        if problems:
            raise ConfigError(tuple(f"{self.path}: {problem}" for problem in problems))
        return settings


class Reloads:
    """Reads the configuration anew when somebody asks for it, and has it used on the scheduler's thread."""

    def __init__(
        self,
        source: Source | None,
        in_use: Callable[[], Settings],
        inbox: Inbox,
        notifier: Notifier,
    ) -> None:
        """Nothing is read yet; without a `source` nothing ever is."""
        self.mistakes: tuple[str, ...] = ()
        """Of the configuration that was read last, if it could not be used."""
        self.restart: tuple[str, ...] = ()
        """Settings of the one in use that need a restart."""
        self._source = source
        self._in_use = in_use
        self._inbox = inbox
        self._notifier = notifier
        self._lock = threading.Lock()
        self._reading = False
        self._wanted: list[Reply] = []
        """Who waits for a reading that has not begun yet."""

    def begin(self, reply: Reply | None = None) -> None:
        """Read on a thread of its own: a folder that is named may lie on a share that hangs.

        While one reading is under way, another follows it: the file may have changed since.
        """
        with self._lock:
            self._wanted.append(reply or queue.SimpleQueue())
            if self._reading:
                return
            self._reading = True
        threading.Thread(target=self._read_on, name="reload", daemon=True).start()

    def read(self) -> dict[str, Any]:
        """On any thread but the scheduler's: what the configuration changes, or its mistakes."""
        if self._source is None:
            return {"error": "it has no configuration to read"}
        reply: Reply = queue.SimpleQueue()
        self.begin(reply)
        try:
            return reply.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            return {"error": "it is still reading its configuration; the log will say what comes of it"}

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

    def _read(self) -> dict[str, Any]:
        """The configuration is read here, and used on the scheduler's thread."""
        if self._source is None:
            return {}
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
        return self._inbox.ask(lambda reply: Reread(read, mistakes, reply))


def reconciled(old: Settings, new: Settings) -> tuple[Settings, Changes]:
    """The settings to go on with, and what that changes.

    Args:
        old: those in use.
        new: those that were read.
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
    folders = tuple(_with_model(folder, old.engine.model) for folder in new.hot_folders)
    merged = replace(_merged(old, values), hot_folders=folders, presets=new.presets)
    return merged, Changes((*_folder_changes(old, merged), *taken), tuple(restart))


def _pairs(old: Settings, new: Settings) -> Iterator[tuple[str, Any, Any]]:
    """(name, before, now) of every single setting."""
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
    """`old` with other values, by dotted name."""
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
    """A folder whose recipe names the model that is in use: another one needs a restart."""
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


def _differing(old: HotFolder, new: HotFolder) -> Iterator[str]:
    """What is said of a folder that stays: names with their values, recipes by their settings."""
    yield from _changed(old, new, ("name", "preset", "existing", "originals"))
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
    """A value as it stands in the file; of a background picture also how its content begins."""
    if isinstance(value, str) and (pin := Pin.of(value)) and pin.sha256:
        return f"{pin.path} ({pin.sha256[:8]})"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
