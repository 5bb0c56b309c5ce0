"""The verbs that change live work: retry, forget, rescan, pause, resume, reload.

A running daemon is asked on its socket. Without one, what can be asked for is written to the journal, and
happens at the next start.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mattingd.api.client import NoDaemonError, ask
from mattingd.cli.errors import CommandError, find_config
from mattingd.cli.offline_journal import journal_of
from mattingd.cli.selectors import NOT_TAKEN, Known, folders_named, pictures_named
from mattingd.config import ConfigError, HotFolder, Settings, load
from mattingd.core.lifecycle import LIVE, State
from mattingd.core.user_requests import Reply, reply_to_forget, reply_to_retry
from mattingd.domain.commands import AskAgain, Forget, SetPaused
from mattingd.domain.exit_codes import ExitCode
from mattingd.journal import JournalWriter, reading
from mattingd.runtime.daemon import JOURNAL

AT_ONCE = 500
"""Pictures that are asked for in one request."""
SHOWN = 20
"""Pictures named one by one in an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one picture."""

    picture: Known
    granted: bool
    said: str


# --- pictures ---


def retry(config: Path | None, words: Sequence[str], *, done_too: bool, as_json: bool) -> ExitCode:
    """Have pictures tried again: those that are named, and of folders and patterns what has failed."""
    settings = load(find_config(config))
    everywhere = [str(folder.path) for folder in settings.hot_folders]
    wanted = _wanted(settings, words or everywhere, done_too=done_too, untaken_too=True)
    if not wanted:
        return _tell([], as_json=as_json, nothing="nothing has failed there; `--all` takes the others, too")
    return _ask_for(settings, "retry", wanted, _retry_alone, as_json=as_json)


def forget(config: Path | None, words: Sequence[str], *, as_json: bool) -> ExitCode:
    """Have pictures forgotten."""
    settings = load(find_config(config))
    wanted = _wanted(settings, words, done_too=True)
    if not wanted:
        return _tell([], as_json=as_json, nothing="nothing there is known to the journal")
    return _ask_for(settings, "forget", wanted, _forget_alone, as_json=as_json)


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
    verb: str,
    wanted: list[Known],
    alone: Callable[[JournalWriter, int, Known], Reply],
    *,
    as_json: bool,
) -> ExitCode:
    try:
        answers = [
            Answer(known, said["granted"], said["said"])
            for start in range(0, len(wanted), AT_ONCE)
            for known, said in _asked(settings, verb, wanted[start : start + AT_ONCE])
        ]
    except NoDaemonError:
        with journal_of(settings) as journal:
            replies = [alone(journal, journal.folder_id(os.fsencode(k.folder.path)), k) for k in wanted]
        answers = [
            Answer(known, reply.granted, reply.words) for known, reply in zip(wanted, replies, strict=True)
        ]
    return _tell(answers, as_json=as_json)


def _asked(settings: Settings, verb: str, part: list[Known]) -> list[tuple[Known, dict[str, Any]]]:
    files = [[os.fsencode(known.folder.path).hex(), known.path.hex()] for known in part]
    said = ask(settings.state_dir, {"verb": verb, "files": files})["files"]
    return list(zip(part, said, strict=True))


def _retry_alone(journal: JournalWriter, folder: int, known: Known) -> Reply:
    path = known.path
    state = _state(journal, folder, path)
    reply = reply_to_retry(state, running=False, waits="" if known.state == NOT_TAKEN else None)
    if reply.granted and state is not None and state not in LIVE:
        journal.apply([AskAgain(folder, path)])
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


# --- hot folders ---


def pause(config: Path | None, names: Sequence[str], *, paused: bool, as_json: bool) -> ExitCode:
    """Hold hot folders back, or let them go on."""
    settings = load(find_config(config))
    folders = folders_named(settings, names)
    try:
        told = ask(settings.state_dir, {"verb": "pause", "paused": paused, "folders": _roots(folders)})[
            "folders"
        ]
    except NoDaemonError:
        with journal_of(settings) as journal:
            told = [_pause_alone(journal, folder, paused=paused) for folder in folders]
    if as_json:
        print(json.dumps({"folders": told}))  # noqa: T201
        return ExitCode.OK
    for folder in told:
        print(f"{folder['name']}: {_said_of_pause(folder, paused=paused)}")  # noqa: T201
    return ExitCode.OK


def _pause_alone(journal: JournalWriter, folder: HotFolder, *, paused: bool) -> dict[str, Any]:
    number = journal.folder_id(os.fsencode(folder.path))
    changed = (number in journal.held()) != paused
    journal.apply([SetPaused(number, paused)])
    return {"name": folder.name, "path": str(folder.path), "paused": paused, "changed": changed}


def _said_of_pause(folder: dict[str, Any], *, paused: bool) -> str:
    waiting = folder.get("waiting")
    if waiting is None:
        return "paused from the next start on" if paused else "goes on at the next start"
    wait = {0: "nothing waits", 1: "1 picture waits"}.get(waiting, f"{waiting} pictures wait")
    if not folder["changed"]:
        return f"it was paused already; {wait}" if paused else "it was not paused"
    if paused:
        return f"paused; what is in work is finished, and {wait}"
    return f"it goes on; {wait}"


def rescan(config: Path | None, names: Sequence[str], *, as_json: bool) -> ExitCode:
    """Have hot folders looked through at once."""
    settings = load(find_config(config))
    folders = folders_named(settings, names)
    try:
        told = ask(settings.state_dir, {"verb": "rescan", "folders": _roots(folders)})["folders"]
    except NoDaemonError:
        raise _nobody(settings, "it looks through every folder when it starts") from None
    if as_json:
        print(json.dumps({"folders": told}))  # noqa: T201
        return ExitCode.OK
    for folder in told:
        print(f"{folder['name']}: it is looked through now")  # noqa: T201
    return ExitCode.OK


def _roots(folders: list[HotFolder]) -> list[str]:
    return [os.fsencode(folder.path).hex() for folder in folders]


def _nobody(settings: Settings, hint: str) -> CommandError:
    return CommandError(
        f"no daemon runs here ({settings.state_dir} is the state_dir); {hint}", code=ExitCode.PARTIAL
    )


# --- the configuration ---


def reload(config: Path | None, *, as_json: bool) -> ExitCode:
    """Have the daemon read its configuration anew."""
    try:
        settings = load(find_config(config))
    except ConfigError as error:
        return _mistaken(error.lines, as_json=as_json)
    try:
        answer = ask(settings.state_dir, {"verb": "reload"})
    except NoDaemonError:
        raise _nobody(settings, "it reads its configuration when it starts") from None
    if answer["mistakes"]:
        return _mistaken(answer["mistakes"], as_json=as_json)
    if as_json:
        print(json.dumps(answer))  # noqa: T201
        return ExitCode.OK
    for change in answer["changed"]:
        print(change)  # noqa: T201
    for name in answer["restart"]:
        print(f"{name}: needs a restart; until then it stays as it was")  # noqa: T201
    if not (answer["changed"] or answer["restart"]):
        print("nothing has changed")  # noqa: T201
    return ExitCode.OK


def _mistaken(lines: Sequence[str], *, as_json: bool) -> ExitCode:
    if not as_json:
        raise CommandError(*lines, "the settings in use stay as they are", code=ExitCode.CONFIG)
    print(json.dumps({"mistakes": list(lines), "changed": [], "restart": []}))  # noqa: T201
    return ExitCode.CONFIG
