"""``Document`` -> ``Settings``: recipes joined, names filled in, paths made real, contradictions found.

Looks at the disk only to follow symbolic links, so that folders which overlap by way of a link are seen to.
Whether folders and backgrounds can be used is asked elsewhere, when the program starts.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from mattingd.config.folder_checks import absolute
from mattingd.config.messages import Loc, Problem, place, shown
from mattingd.config.recipes import all_presets, recipes_of
from mattingd.config.schema import Common, Document, FolderEntry, HotFolder, Settings, safe_name
from mattingd.system.mounts import NETWORK, file_system


def resolve(document: Document, base: Path, mountinfo: str) -> tuple[Settings, list[Problem]]:
    """What the program uses, and every contradiction; where there is one, the settings must not be used.

    Args:
        document: sound in itself.
        base: the folder that relative paths go from.
        mountinfo: text of ``/proc/self/mountinfo``.
    """
    presets, problems = all_presets(document.presets, base)
    folders: list[HotFolder] = []
    for index, entry in enumerate(document.hot_folders):
        recipes, wrong = recipes_of(entry, presets, ("hot_folders", index), base)
        problems += wrong
        folders.append(
            HotFolder(
                path=_real(base, entry.path),
                name=entry.name or _last_part(base, entry.path),
                preset=entry.preset,
                recipe=recipes.first,
                recipe_hash=recipes.hash(document.engine.model),
                also=recipes.also,
                existing=entry.existing,
                originals=entry.originals,
            )
        )
    settings = Settings(
        **{item.name: getattr(document, item.name) for item in fields(Common)},
        output_dir=_real(base, document.output_dir),
        state_dir=_real(base, document.state_dir),
        archive_dir=None if document.archive_dir is None else _real(base, document.archive_dir),
        hot_folders=tuple(folders),
        presets=presets,
    )
    problems += _name_problems(settings.hot_folders, document.hot_folders)
    return settings, [*problems, *contradictions(settings, mountinfo)]


def contradictions(settings: Settings, mountinfo: str) -> Iterator[Problem]:
    """What is sound by itself, but not together, or not on this machine.

    Args:
        settings: resolved, with paths made real.
        mountinfo: text of ``/proc/self/mountinfo``.
    """
    yield from _overlaps(settings)
    yield from _contradictions(settings, mountinfo)


def _real(base: Path, text: str) -> Path:
    return Path(os.path.realpath(absolute(base, text)))


def _last_part(base: Path, text: str) -> str:
    """The name people gave the folder, not that of a link's target."""
    return os.path.basename(absolute(base, text))  # noqa: PTH119


def _folded(name: str) -> str:
    """Names that are equal on a file system which ignores case, or composes characters, are equal here."""
    return unicodedata.normalize("NFC", name).casefold()


def _name_problems(folders: tuple[HotFolder, ...], entries: tuple[FolderEntry, ...]) -> Iterator[Problem]:
    """A name can be a folder's in the output tree, and only one hot folder has it."""
    first: dict[str, int] = {}
    for index, (folder, entry) in enumerate(zip(folders, entries, strict=True)):
        loc: Loc = ("hot_folders", index, "path" if entry.name is None else "name")
        try:
            safe_name(folder.name)
        except ValueError as error:
            yield Problem(
                loc, f"cannot lend its last part {shown(folder.name)} as a name, which {error}; add name:"
            )
            continue
        owner = first.setdefault(_folded(folder.name), index)
        if owner != index:
            text = (
                f"the name {shown(folder.name)} belongs to hot_folders[{owner}]; give this one another name:"
            )
            yield Problem(loc, text)


def _overlaps(settings: Settings) -> Iterator[Problem]:
    """No folder may hold what another one works on."""
    inputs: list[tuple[Loc, Path]] = [
        (("hot_folders", index, "path"), folder.path) for index, folder in enumerate(settings.hot_folders)
    ]
    output: tuple[Loc, Path] = (("output_dir",), settings.output_dir)
    state: tuple[Loc, Path] = (("state_dir",), settings.state_dir)
    for index, later in enumerate(inputs):
        for earlier in inputs[:index]:
            yield from _inside(later, earlier, "hot folders must not overlap")
            if later[1] != earlier[1]:
                yield from _inside(earlier, later, "hot folders must not overlap")
    for folder in inputs:
        yield from _inside(output, folder, "cut-outs would be taken for new pictures")
        yield from _inside(state, folder, "the journal would be taken for pictures")
        if folder[1] != output[1]:
            yield from _inside(folder, output, "cut-outs would be taken for new pictures")
    if settings.archive_dir is not None:
        yield from _archive_overlaps(settings.archive_dir, [*inputs, output, state])
    if settings.state_dir == settings.output_dir:
        yield Problem(state[0], "is output_dir too; the journal needs a folder of its own")


def _archive_overlaps(path: Path, others: list[tuple[Loc, Path]]) -> Iterator[Problem]:
    archive: tuple[Loc, Path] = (("archive_dir",), path)
    for other in others:
        yield from _inside(archive, other, "originals need a folder of their own")
        if path != other[1]:
            yield from _inside(other, archive, "originals need a folder of their own")


def _inside(inner: tuple[Loc, Path], outer: tuple[Loc, Path], why: str) -> Iterator[Problem]:
    """A problem where the one path is, or lies in, the other."""
    (loc, path), (other, around) = inner, outer
    if path == around:
        yield Problem(loc, f"is the same folder as {place(other)} ({str(around)!r}); {why}")
    elif path.is_relative_to(around):
        yield Problem(loc, f"lies inside {place(other)} ({str(around)!r}); {why}")


def _contradictions(settings: Settings, mountinfo: str) -> Iterator[Problem]:
    """The same of single values."""
    kind = file_system(settings.state_dir, mountinfo)
    if kind in NETWORK:
        yield Problem(
            ("state_dir",), f"lies on a network file system ({kind}); the journal needs a local disk"
        )
    for index, folder in enumerate(settings.hot_folders):
        if folder.originals == "archive" and settings.archive_dir is None:
            yield Problem(
                ("hot_folders", index, "originals"), "needs archive_dir: say there where originals go"
            )
    limits, engine, retry = settings.limits, settings.engine, settings.retry
    if limits.memory_megapixels != "auto" and limits.memory_megapixels < limits.max_megapixels:
        text = f"must be at least max_megapixels ({limits.max_megapixels:g}), or some pictures never start"
        yield Problem(("limits", "memory_megapixels"), text)
    if engine.require_gpu and engine.device == "cpu":
        yield Problem(("engine", "require_gpu"), "contradicts device: cpu; change one of them")
    if retry.cap_seconds < retry.first_seconds:
        text = f"must be at least first_seconds ({retry.first_seconds:g}), not {retry.cap_seconds:g}"
        yield Problem(("retry", "cap_seconds"), text)
