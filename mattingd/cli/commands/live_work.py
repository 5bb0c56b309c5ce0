"""The verbs that change live work: retry, forget, approve, rescan, pause, resume, reload.

A running daemon is asked on its socket. Without one, possible requests are written to the journal and are
carried out at the next start.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mattingd.api.client import NoDaemonError, ask
from mattingd.api.schemas import answers, requests
from mattingd.cli.commands.process import STATE, Order, settings_for
from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.format import as_json_text
from mattingd.cli.offline_journal import journal_of
from mattingd.cli.selectors import NOT_TAKEN, Known, folders_named, pictures_named
from mattingd.config import ConfigError, HotFolder, Settings, load
from mattingd.core.lifecycle import LIVE, State
from mattingd.core.user_requests import Reply, reply_to_approve, reply_to_forget, reply_to_retry
from mattingd.domain.commands import Approve, AskAgain, Forget, SetPaused
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.journal import JournalReader, JournalWriter, NoJournalError, reading
from mattingd.runtime.launch import JOURNAL

AT_ONCE = 500
"""Pictures that are asked for in one request."""
Files = tuple[requests.FileKey, ...]
SHOWN = 20
"""Pictures named one by one in an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome for one picture."""

    picture: Known
    granted: bool
    said: str


# --- pictures ---


def retry(
    config: Path | None, words: Sequence[str], *, done_too: bool, as_json: bool, anyway: bool = False
) -> ExitCode:
    """Retry pictures: those that are named, and of folders and patterns the failed ones.

    With `anyway` they are published even if no subject is found, or their file is damaged.
    """
    settings = load(find_config(config))
    everywhere = [str(folder.path) for folder in settings.hot_folders]
    wanted = _wanted(settings, words or everywhere, done_too=done_too, untaken_too=True)
    if not wanted:
        return _tell([], as_json=as_json, nothing="nothing has failed there; `--all` takes the others, too")
    return _ask_for(
        settings,
        partial(requests.Retry, anyway=anyway),
        wanted,
        partial(_retry_alone, anyway=anyway),
        as_json=as_json,
    )


def forget(config: Path | None, words: Sequence[str], *, as_json: bool) -> ExitCode:
    """Forget pictures."""
    settings = load(find_config(config))
    wanted = _wanted(settings, words, done_too=True)
    if not wanted:
        return _tell([], as_json=as_json, nothing="nothing there is known to the journal")
    return _ask_for(settings, requests.Forget, wanted, _forget_alone, as_json=as_json)


def _wanted(
    settings: Settings, words: Sequence[str], *, done_too: bool, untaken_too: bool = False
) -> list[Known]:
    with reading(settings.state_dir / JOURNAL) as ledger:

        def states(folder: HotFolder) -> Mapping[bytes, str]:
            return ledger.newest_states(os.fsencode(folder.path))

        chosen = pictures_named(settings, words, states, untaken_too=untaken_too)
    by_group = [known for known in chosen.groups if done_too or known.state == State.FAILED]
    return sorted((*chosen.pictures, *by_group), key=lambda known: known.name)


def _ask_for(
    settings: Settings,
    request_for: Callable[[Files], requests.Request[answers.PerFile]],
    wanted: list[Known],
    alone: Callable[[JournalWriter, int, Known], Reply],
    *,
    as_json: bool,
) -> ExitCode:
    """Send a verb for pictures to a running daemon, or carry it out `alone` in the journal."""
    try:
        answers = [
            Answer(known, said.granted, said.said)
            for start in range(0, len(wanted), AT_ONCE)
            for known, said in _asked(settings, request_for, wanted[start : start + AT_ONCE])
        ]
    except NoDaemonError:
        with journal_of(settings) as journal:
            replies = [alone(journal, journal.folder_id(os.fsencode(k.folder.path)), k) for k in wanted]
        answers = [
            Answer(known, reply.granted, reply.words) for known, reply in zip(wanted, replies, strict=True)
        ]
    return _tell(answers, as_json=as_json)


def _asked(
    settings: Settings, request_for: Callable[[Files], requests.Request[answers.PerFile]], part: list[Known]
) -> list[tuple[Known, answers.Reply]]:
    files = tuple((os.fsencode(known.folder.path).hex(), known.path.hex()) for known in part)
    return list(zip(part, ask(settings.state_dir, request_for(files)).files, strict=True))


def _retry_alone(journal: JournalWriter, folder: int, known: Known, *, anyway: bool) -> Reply:
    path = known.path
    state = _state(journal, folder, path)
    reply = reply_to_retry(state, running=False, waits="" if known.state == NOT_TAKEN else None)
    if reply.granted and state is not None and state not in LIVE:
        journal.apply([AskAgain(folder, path, anyway)])
    return reply


def _forget_alone(journal: JournalWriter, folder: int, known: Known) -> Reply:
    path = known.path
    reply = reply_to_forget(_state(journal, folder, path), busy=journal.owes(folder, path))
    if reply.granted:
        journal.apply([Forget(folder, path)])
    return reply


def _state(journal: JournalWriter, folder: int, path: bytes) -> State | None:
    state = journal.state_of(folder, path)
    return None if state is None else State(state)


def _tell(answers: list[Answer], *, as_json: bool, nothing: str = "") -> ExitCode:
    """Print the outcome for each picture; `nothing` if there is none."""
    if as_json:
        files = [
            {
                "file": str(answer.picture.folder.path / os.fsdecode(answer.picture.path)),
                "granted": answer.granted,
                "said": answer.said,
            }
            for answer in answers
        ]
        print(json.dumps({"files": files}))  # noqa: T201
    elif not answers:
        print(nothing)  # noqa: T201
    else:
        for answer in answers[:SHOWN]:
            print(f"{answer.picture.name}: {answer.said}")  # noqa: T201
        if len(answers) > SHOWN:
            print(f"... and {len(answers) - SHOWN} more")  # noqa: T201
    return ExitCode.OK if all(answer.granted for answer in answers) else ExitCode.PARTIAL


# --- approvals ---


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command line."""

    words: tuple[str, ...]
    """Pictures, cut-outs, folders or patterns."""
    drop: str | None
    everything: bool
    approved: bool
    """False to revoke approvals."""


def approve(config: Path | None, wanted: Wanted, *, output: Path | None, as_json: bool) -> ExitCode:
    """Approve cut-outs, or revoke that, and print the outcome for each.

    Raises:
        CommandError: nothing is named, or an unknown picture.
    """
    if bool(wanted.words) + bool(wanted.drop) + wanted.everything != 1:
        raise CommandError("name pictures, or a drop with --drop, or everything with --all")
    settings = load(find_config(config)) if output is None else _settings_of_run(output)
    chosen: list[Known] = []
    with suppress(NoJournalError), reading(settings.state_dir / JOURNAL) as ledger:
        chosen = _chosen(settings, ledger, wanted)
    if not chosen:
        nothing = "nothing there needs a look" if wanted.approved else "nothing there was approved"
        return _tell([], as_json=as_json, nothing=nothing)

    def alone(journal: JournalWriter, folder: int, known: Known) -> Reply:
        reply = reply_to_approve(journal.look_of(folder, known.path), approved=wanted.approved)
        if reply.granted:
            journal.apply([Approve(folder, known.path, wanted.approved)])
        return reply

    chosen.sort(key=lambda known: known.name)

    def request_for(files: Files) -> requests.Approve:
        return requests.Approve(files, wanted.approved)

    return _ask_for(settings, request_for, chosen, alone, as_json=as_json)


def _settings_of_run(output: Path) -> Settings:
    """Return the settings of an earlier `mattingd process` into this folder.

    Raises:
        CommandError: there was none.
    """
    try:
        with reading(output / STATE / JOURNAL) as ledger:
            roots = tuple(Path(os.fsdecode(root)) for _, root in sorted(ledger.roots().items()))
    except NoJournalError:
        raise CommandError(f"{output}: `mattingd process` has put no cut-outs there") from None
    return settings_for(Order((), output), roots)


def _chosen(settings: Settings, ledger: JournalReader, wanted: Wanted) -> list[Known]:
    """Return what is named; of folders and patterns what needs checking (or, to revoke, was approved)."""
    endings, _ = ledger.endings(
        sys.maxsize, state="done", below=NEEDS_A_LOOK, approved=not wanted.approved, drop=wanted.drop
    )
    listed = {(ending.root, ending.path) for ending in endings}
    folders = {bytes(folder.path): folder for folder in settings.hot_folders}
    if not wanted.words:
        return [Known(folders[root], path, "done") for root, path in listed if root in folders]
    sources = [_source_of(settings, ledger, word) for word in wanted.words]
    pictures = {
        source: Known(folders[source[0]], source[1], "done")
        for source in sources
        if source and source[0] in folders
    }
    words = [word for word, source in zip(wanted.words, sources, strict=True) if source is None]

    def states(folder: HotFolder) -> dict[bytes, str]:
        return ledger.newest_states(bytes(folder.path))

    chosen = pictures_named(settings, words, states)
    pictures |= {(bytes(known.folder.path), known.path): known for known in chosen.pictures}
    groups = {(bytes(known.folder.path), known.path): known for known in chosen.groups}
    return [*pictures.values(), *(groups[key] for key in groups.keys() & listed - pictures.keys())]


def _source_of(settings: Settings, ledger: JournalReader, word: str) -> tuple[bytes, bytes] | None:
    """Return hot folder and path of the source of a cut-out; None when the word names no cut-out."""
    path = Path(word)
    real = Path(os.path.realpath(path.parent)) / path.name
    if not real.is_relative_to(settings.output_dir):
        return None
    return ledger.source_of(str(real.relative_to(settings.output_dir)))


# --- hot folders ---


def pause(config: Path | None, names: Sequence[str], *, paused: bool, as_json: bool) -> ExitCode:
    """Pause hot folders, or resume them."""
    settings = load(find_config(config))
    folders = folders_named(settings, names)
    try:
        told = ask(settings.state_dir, requests.Pause(paused, _roots(folders))).folders
    except NoDaemonError:
        with journal_of(settings) as journal:
            told = [_pause_alone(journal, folder, paused=paused) for folder in folders]
    if as_json:
        print(as_json_text({"folders": told}))  # noqa: T201
        return ExitCode.OK
    for folder in told:
        print(f"{folder.name}: {_said_of_pause(folder, paused=paused)}")  # noqa: T201
    return ExitCode.OK


def _pause_alone(journal: JournalWriter, folder: HotFolder, *, paused: bool) -> answers.PausedFolder:
    number = journal.folder_id(os.fsencode(folder.path))
    changed = (number in journal.paused_folders()) != paused
    journal.apply([SetPaused(number, paused)])
    return answers.PausedFolder(folder.name, str(folder.path), paused, changed, waiting=None)


def _said_of_pause(folder: answers.PausedFolder, *, paused: bool) -> str:
    waiting = folder.waiting
    if waiting is None:
        return "paused from the next start on" if paused else "continues at the next start"
    wait = {0: "nothing waits", 1: "1 picture waits"}.get(waiting, f"{waiting} pictures wait")
    if not folder.changed:
        return f"it was paused already; {wait}" if paused else "it was not paused"
    if paused:
        return f"paused; what is in work is finished, and {wait}"
    return f"it continues; {wait}"


def rescan(config: Path | None, names: Sequence[str], *, as_json: bool) -> ExitCode:
    """Have hot folders scanned at once."""
    settings = load(find_config(config))
    folders = folders_named(settings, names)
    try:
        told = ask(settings.state_dir, requests.Rescan(_roots(folders))).folders
    except NoDaemonError:
        raise _nobody(settings, "it looks through every folder when it starts") from None
    if as_json:
        print(as_json_text({"folders": told}))  # noqa: T201
        return ExitCode.OK
    for folder in told:
        print(f"{folder.name}: it is looked through now")  # noqa: T201
    return ExitCode.OK


def _roots(folders: list[HotFolder]) -> tuple[str, ...]:
    return tuple(os.fsencode(folder.path).hex() for folder in folders)


def _nobody(settings: Settings, hint: str) -> CommandError:
    return CommandError(
        f"no daemon runs here ({settings.state_dir} is the state_dir); {hint}", code=ExitCode.PARTIAL
    )


# --- the configuration ---


def reload(config: Path | None, *, as_json: bool) -> ExitCode:
    """Have the daemon read its configuration again."""
    try:
        settings = load(find_config(config))
    except ConfigError as error:
        return _mistaken(error.lines, as_json=as_json)
    try:
        answer = ask(settings.state_dir, requests.Reload())
    except NoDaemonError:
        raise _nobody(settings, "it reads its configuration when it starts") from None
    if answer.mistakes:
        return _mistaken(answer.mistakes, as_json=as_json)
    if as_json:
        print(as_json_text(answer))  # noqa: T201
        return ExitCode.OK
    for change in answer.changed:
        print(change)  # noqa: T201
    for name in answer.restart:
        print(f"{name}: needs a restart; until then it stays as it was")  # noqa: T201
    if not (answer.changed or answer.restart):
        print("nothing has changed")  # noqa: T201
    return ExitCode.OK


def _mistaken(lines: Sequence[str], *, as_json: bool) -> ExitCode:
    if not as_json:
        raise CommandError(*lines, "the settings in use stay as they are", code=ExitCode.CONFIG)
    print(json.dumps({"mistakes": list(lines), "changed": [], "restart": []}))  # noqa: T201
    return ExitCode.CONFIG
