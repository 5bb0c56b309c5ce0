"""Makes ``Settings`` of a ``Document``: complete recipes, names, absolute paths, and contradictions.

Accesses the disk only to resolve symbolic links, so that folders which overlap through a link are found.
`folder_checks` tests whether folders and backgrounds can be used.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from mattingd.config.folder_checks import absolute
from mattingd.config.language_settings import Language
from mattingd.config.messages import Loc, Problem, place, shown
from mattingd.config.recipes import all_presets, recipes_of
from mattingd.config.remote_settings import mistakes
from mattingd.config.schema import UPLOADS, Common, Document, FolderEntry, HotFolder, Settings
from mattingd.config.value_types import address, is_loopback, safe_name
from mattingd.config.web_settings import Web
from mattingd.domain.hours import Hours, window
from mattingd.domain.presets import BUILT_IN, DEFAULT, HASHED_MODEL, recipe_hash
from mattingd.system.mounts import NETWORK, file_system, real_path

Block = TypeVar("Block", Web, Language)
_WEB_FILES = ("password_file", "token_file", "certificate", "key", "callback_secret_file")


def resolve(document: Document, base: Path, mountinfo: str) -> tuple[Settings, list[Problem]]:
    """Return the settings and all contradictions; with any contradiction the settings must not be used.

    Args:
        document: valid by its types.
        base: the folder at which relative paths start.
        mountinfo: text of ``/proc/self/mountinfo``.
    """
    presets, problems = all_presets(document.presets, base)

    def real(text: str) -> Path:
        return real_path(Path(absolute(base, text)), mountinfo)

    folders: list[HotFolder] = []
    for index, entry in enumerate(document.hot_folders):
        recipes, wrong = recipes_of(entry, presets, ("hot_folders", index), base)
        problems += wrong
        folders.append(
            HotFolder(
                path=real(entry.path),
                name=entry.name or _last_part(base, entry.path),
                preset=entry.preset,
                recipe=recipes.first,
                recipe_hash=recipes.hash(HASHED_MODEL),
                also=recipes.also,
                existing=entry.existing,
                originals=entry.originals,
                status_file=entry.status_file,
                weight=entry.weight,
                hours=Hours(tuple(map(window, entry.hours))),
                drops=entry.drops,
            )
        )
    state_dir = real(document.state_dir)
    if document.web.listen is not None:
        folders.append(_uploads(state_dir, folders, HASHED_MODEL))
    settings = Settings(
        **{item.name: getattr(document, item.name) for item in fields(Common)}
        | {
            "web": _with_real_paths(document.web, base, _WEB_FILES),
            "language": _with_real_paths(document.language, base, ("api_key_file",)),
        },
        output_dir=real(document.output_dir),
        state_dir=state_dir,
        archive_dir=None if document.archive_dir is None else real(document.archive_dir),
        hot_folders=tuple(folders),
        presets=presets,
    )
    problems += _name_problems(settings.hot_folders[: len(document.hot_folders)], document.hot_folders)
    return settings, [*problems, *contradictions(settings, mountinfo)]


def _with_real_paths(block: Block, base: Path, files: tuple[str, ...]) -> Block:
    """The block with its ``files`` as absolute paths."""
    paths: dict[str, Any] = {name: absolute(base, path) for name in files if (path := getattr(block, name))}
    return replace(block, **paths)


def _uploads(state_dir: Path, others: list[HotFolder], model: str) -> HotFolder:
    """The hot folder of the page and the API."""
    taken = {_folded(folder.name) for folder in others}
    return HotFolder(
        path=state_dir / UPLOADS,
        name=next(name for name in ("web", "web uploads", "mattingd web") if name not in taken),
        preset=DEFAULT,
        recipe=BUILT_IN[DEFAULT],
        recipe_hash=recipe_hash(BUILT_IN[DEFAULT], model),
        existing="process",
        uploads=True,
    )


def contradictions(settings: Settings, mountinfo: str) -> Iterator[Problem]:
    """Yield problems of values that are valid alone but not together, or not on this machine.

    Args:
        settings: resolved, with absolute paths without links.
        mountinfo: text of ``/proc/self/mountinfo``.
    """
    yield from _overlaps(settings)
    yield from _contradictions(settings, mountinfo)


def _last_part(base: Path, text: str) -> str:
    """Return the folder's name as written, not that of a link's target."""
    return os.path.basename(absolute(base, text))  # noqa: PTH119


def _folded(name: str) -> str:
    """Return the name as a file system compares it that ignores case and Unicode composition."""
    return unicodedata.normalize("NFC", name).casefold()


def _name_problems(folders: tuple[HotFolder, ...], entries: tuple[FolderEntry, ...]) -> Iterator[Problem]:
    """Each name must be a valid folder name, and unique."""
    first: dict[str, int] = {}
    for index, (folder, entry) in enumerate(zip(folders, entries, strict=True)):
        loc: Loc = ("hot_folders", index, "path" if entry.name is None else "name")
        try:
            safe_name(folder.name)
        except ValueError as error:
            yield Problem(loc, f"gives the name {shown(folder.name)}, which {error}; add name:")
            continue
        owner = first.setdefault(_folded(folder.name), index)
        if owner != index:
            text = (
                f"the name {shown(folder.name)} belongs to hot_folders[{owner}]; give this one another name:"
            )
            yield Problem(loc, text)


def _overlaps(settings: Settings) -> Iterator[Problem]:
    """Problems with folders that overlap."""
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
        yield from _inside(output, folder, "cut-outs would be processed as new pictures")
        yield from _inside(state, folder, "the journal would be processed as pictures")
        if folder[1] != output[1]:
            yield from _inside(folder, output, "cut-outs would be processed as new pictures")
    if settings.archive_dir is not None:
        yield from _archive_overlaps(settings.archive_dir, [*inputs, output, state])
    if settings.state_dir == settings.output_dir:
        yield Problem(state[0], "is the same folder as output_dir; the journal needs its own folder")


def _archive_overlaps(path: Path, others: list[tuple[Loc, Path]]) -> Iterator[Problem]:
    archive: tuple[Loc, Path] = (("archive_dir",), path)
    for other in others:
        yield from _inside(archive, other, "originals need their own folder")
        if path != other[1]:
            yield from _inside(other, archive, "originals need their own folder")


def _inside(inner: tuple[Loc, Path], outer: tuple[Loc, Path], why: str) -> Iterator[Problem]:
    """A problem if one path equals the other or is inside it."""
    (loc, path), (other, around) = inner, outer
    if path == around:
        yield Problem(loc, f"is the same folder as {place(other)} ({str(around)!r}); {why}")
    elif path.is_relative_to(around):
        yield Problem(loc, f"is inside {place(other)} ({str(around)!r}); {why}")


def _open_to_others(web: Web) -> Iterator[Problem]:
    """An address that other machines reach is for those who have a password or a token only."""
    guarded = web.password_file is not None or web.token_file is not None
    if web.listen is not None and not guarded and not is_loopback(address(web.listen)[0]):
        text = "can be reached by other machines: it needs web.password_file or web.token_file"
        yield Problem(("web", "listen"), text)
    if (web.certificate is None) != (web.key is None):
        yield Problem(("web", "certificate" if web.certificate else "key"), "needs certificate and key, both")


def _contradictions(settings: Settings, mountinfo: str) -> Iterator[Problem]:
    """Contradictions between single values."""
    kind = file_system(settings.state_dir, mountinfo)
    if kind in NETWORK:
        yield Problem(("state_dir",), f"is on a network file system ({kind}); the journal needs a local disk")
    for index, folder in enumerate(settings.hot_folders):
        if folder.originals == "archive" and settings.archive_dir is None:
            yield Problem(
                ("hot_folders", index, "originals"), "needs the setting archive_dir: the folder for originals"
            )
    yield from _open_to_others(settings.web)
    if (settings.language.base_url is None) != (settings.language.model is None):
        missing = "base_url" if settings.language.base_url is None else "model"
        yield Problem(("language", missing), "is missing: a language model needs base_url and model")
    if (settings.notices.mail_host is None) != (not settings.notices.mail_to):
        missing = "mail_host" if settings.notices.mail_host is None else "mail_to"
        yield Problem(("notices", missing), "is missing: mail needs mail_host and mail_to")
    wrong = mistakes(settings.workers.dask)
    yield from (Problem(("workers", "dask", name), text) for name, text in wrong)
    limits, engine, retry = settings.limits, settings.engine, settings.retry
    if limits.memory_megapixels != "auto" and limits.memory_megapixels < limits.max_megapixels:
        text = f"must be at least max_megapixels ({limits.max_megapixels:g}), or some pictures never start"
        yield Problem(("limits", "memory_megapixels"), text)
    if engine.require_gpu and "cpu" in engine.devices:
        yield Problem(("engine", "require_gpu"), "contradicts device: cpu; change one of them")
    caps = engine.gpu_memory_gb
    if isinstance(caps, tuple) and len(caps) != len(engine.devices):
        text = f"must be one number, or a list of {len(engine.devices)} as `device` has, not of {len(caps)}"
        yield Problem(("engine", "gpu_memory_gb"), text)
    if retry.cap_seconds < retry.first_seconds:
        text = f"must be at least first_seconds ({retry.first_seconds:g}), not {retry.cap_seconds:g}"
        yield Problem(("retry", "cap_seconds"), text)
