"""`mattingd notices`: list messages that wait or were given up, and send those again."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from mattingd.cli.errors import find_config, run_verb
from mattingd.cli.options import Config, Json
from mattingd.domain.exit_codes import ExitCode

notices = typer.Typer(
    help="List notices that were not delivered, or have them sent again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
STATES = {"due": "waits", "dead": "given up", "sent": "sent"}
"""In words, by what the journal stores."""


@notices.command("list")
def notices_list(
    config: Config = None,
    every: Annotated[bool, typer.Option("--all", help="Those that were sent, too.")] = False,
    json: Json = False,
) -> None:
    """List notices that wait or were given up, with the last error."""
    states = [*STATES] if every else ["due", "dead"]
    run_verb(lambda: show(config, states, as_json=json))


@notices.command("again")
def notices_again(config: Config = None, json: Json = False) -> None:
    """Have everything sent that was given up."""
    run_verb(lambda: again(config, as_json=json))


def show(config: Path | None, states: Sequence[str], *, as_json: bool) -> ExitCode:
    """Print the notices in these states; read from the journal, with a daemon or without."""
    from mattingd.config import load  # noqa: PLC0415 - as in all verbs
    from mattingd.journal import NoJournalError  # noqa: PLC0415
    from mattingd.journal.drops import reading_drops  # noqa: PLC0415
    from mattingd.runtime.launch import JOURNAL  # noqa: PLC0415

    settings = load(find_config(config))
    names = {os.fsencode(folder.path): folder.name for folder in settings.hot_folders}
    found = []
    with suppress(NoJournalError), reading_drops(settings.state_dir / JOURNAL) as journal:
        roots = journal.roots()
        for state in states:
            for notice, error in journal.notices(state):
                root = roots[notice.folder]
                found.append(
                    {
                        "id": notice.id,
                        "state": state,
                        "folder": names.get(root, os.fsdecode(root.rpartition(b"/")[2])),
                        "drop": notice.drop,
                        "channel": str(notice.channel),
                        "attempts": notice.attempts,
                        "error": error,
                    }
                )
    if as_json:
        print(json.dumps(found))  # noqa: T201
        return ExitCode.OK
    for each in found:
        why = f" after {each['attempts']} attempts: {each['error']}" if each["error"] else ""
        print(f"{each['folder']} {each['drop']} by {each['channel']}: {STATES[str(each['state'])]}{why}")  # noqa: T201
    if not found:
        print("nothing waits, and nothing was given up")  # noqa: T201
    return ExitCode.OK


def again(config: Path | None, *, as_json: bool) -> ExitCode:
    """Make everything due again that was given up; without a daemon, at its next start."""
    from mattingd.api.client import NoDaemonError, ask  # noqa: PLC0415 - as in all verbs
    from mattingd.api.schemas import requests  # noqa: PLC0415
    from mattingd.cli.offline_journal import journal_of  # noqa: PLC0415
    from mattingd.config import load  # noqa: PLC0415
    from mattingd.domain.commands import SendAgain  # noqa: PLC0415

    settings, when = load(find_config(config)), "now"
    try:
        number = ask(settings.state_dir, requests.SendAgain()).number
    except NoDaemonError:
        when = "at the next start"
        with journal_of(settings) as journal:
            number = journal.dead_notices()
            journal.apply([SendAgain()])
    if as_json:
        print(json.dumps({"number": number}))  # noqa: T201
    else:
        told = f"{number} {'notice is' if number == 1 else 'notices are'} sent again {when}"
        print(told if number else "nothing was given up")  # noqa: T201
    return ExitCode.OK
