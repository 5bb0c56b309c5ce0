"""Carry out the cleanup of ended jobs: error notes, temp files, originals that leave their hot folder."""

import errno
import os

from mattingd.domain.commands import DoChore, MoveFolder, WorkerConfig
from mattingd.domain.events import ChoreDone, Fact, FolderMoved
from mattingd.domain.jobs import Chore
from mattingd.outputs.archive import OriginalsStore, Source
from mattingd.outputs.error_notes import is_note_of, note_text, other_name
from mattingd.outputs.whole_folder import WholeFolderStore
from mattingd.outputs.write_faults import refused_place
from mattingd.system.filesystem import Disk
from mattingd.system.permissions import give
from mattingd.workers.output_files import OutputFiles
from mattingd.workers.trouble import PASSING

NAMES = 1000
"""Error notes of pictures whose names are the same on some file systems."""


class Cleanup:
    """See the module."""

    def __init__(self, bench: WorkerConfig, disk: Disk, files: OutputFiles) -> None:
        self.bench = bench
        self.disk = disk
        self._files = files
        self._originals = OriginalsStore(disk, bench.archive_root, bench.instance)
        self._folders = WholeFolderStore(disk, bench.archive_root or "")

    def perform(self, command: DoChore | MoveFolder) -> Fact:
        """Carry out one cleanup task."""
        if isinstance(command, MoveFolder):
            return self._move_folder(command)
        where, stays = "", False
        try:
            match command.chore:
                case Chore.ORIGINAL:
                    where, stays = self._put_away(command)
                case Chore.NOTE:
                    where = self._write_note(command)
                case Chore.REMOVE_NOTE:
                    self._remove_notes(command.notes)
                case Chore.SWEEP:
                    temps = [self._files.temp(command.job, output) for output in command.outputs]
                    for output, temp in zip(command.outputs, temps, strict=True):
                        self.disk.give_up_claim(self._files.path(output.place.path), temp)
                    for temp in (
                        *temps,
                        *(self._files.note_temp(command.job, note) for note in command.notes),
                    ):
                        self.disk.remove(temp)
        except (OSError, UnicodeError) as error:
            return self._chore_failed(command, error)
        return ChoreDone(self.bench.worker, command.job, command.chore, where=where, stays=stays)

    def _chore_failed(self, command: DoChore, error: OSError | UnicodeError) -> ChoreDone:
        alone = self._files.concerns_one_place(error)
        reason = getattr(error, "strerror", None) or str(error)
        if alone and command.chore is Chore.NOTE:
            reason = str(refused_place(error, ", ".join(command.notes)))
        return ChoreDone(self.bench.worker, command.job, command.chore, reason, alone=alone)

    def _move_folder(self, command: MoveFolder) -> Fact:
        """Move a sub-folder that is one job into the archive."""
        moved: tuple[str, tuple[bytes, ...]] | None = None
        failed, root = "", self.bench.roots.get(command.folder)
        try:
            self._files.check_root()
            if root is not None and self.bench.archive_root is not None:
                moved = self._folders.move(root, command)
        except (OSError, UnicodeError) as error:
            failed = getattr(error, "strerror", None) or str(error)
        where, left = moved or ("", ())
        return FolderMoved(self.bench.worker, command.job, where, failed, left)

    def _put_away(self, command: DoChore) -> tuple[str, bool]:
        """Archive or delete the original of a job whose outputs all exist unchanged; otherwise it stays.

        What leaves with its whole folder goes to the archive in any case, also when somebody has fetched the
        cut-outs meanwhile. Returns its path in the archive, or "", and whether it is to leave in that way.
        """
        self._files.check_root()
        root, original = self.bench.roots.get(command.folder), command.original
        if root is None:
            return "", False
        source = Source(root, command.source, command.job)
        stand = command.together or all(
            self._files.is_ours(self._files.path(output.place.path), output) for output in command.outputs
        )
        deletes_all_there_is = original is not None and original.action == "delete" and not command.outputs
        if original is None or not stand or deletes_all_there_is:
            self._originals.put_back(source)
            return "", False
        if not command.together:
            return self._originals.put_away(source, original), False
        self._originals.put_back(source)
        there = self._originals.is_there(source, original) or self._folders.holds(source, original)
        return "", there

    def _write_note(self, command: DoChore) -> str:
        """Write an error note; returns its path if another file has its own name."""
        self._files.check_root()
        (note,) = command.notes
        directory = os.path.dirname(self._files.path(note))
        self._files.make_directories(directory)
        temp = self._files.note_temp(command.job, note)
        source = os.path.join(self.bench.roots.get(command.folder, b""), command.source)
        self.disk.write(temp, note_text(source, command.reason, self.bench.language))
        give(temp, self.bench.permissions)
        names = (note, *(other_name(note, number) for number in range(2, NAMES)))
        where = next((name for name in names if self._is_note(temp, self._files.path(name), source)), None)
        if where is None:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        self.disk.sync_directory(directory)
        return "" if where == note else where

    def _is_note(self, temp: str, final: str, source: bytes) -> bool:
        """Give an error note its name, also over an older one of the same picture; False when it is taken.

        On shares and Macs `shoe.PNG` has the name of `shoe.png`.
        """
        if self.disk.publish(temp, final):
            return True
        try:
            older = is_note_of(source, self.disk.read_back(final))
        except OSError as error:
            if error.errno in PASSING:
                raise
            return False
        if older:
            self.disk.replace(temp, final)
        return older

    def _remove_notes(self, notes: tuple[str, ...]) -> None:
        """Remove notes, and the folders that become empty, up to `_failed`."""
        for note in notes:
            self.disk.remove(self._files.path(note))
            directory = os.path.dirname(note)
            while "_failed" in directory.split("/") and self._removed(directory):
                directory = os.path.dirname(directory)

    def _removed(self, directory: str) -> bool:
        return self.disk.remove_directory_if_empty(self._files.path(directory))
