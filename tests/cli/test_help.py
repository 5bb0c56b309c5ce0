"""The help texts, word for word, so that a change is seen. Store them anew: python tests/cli/test_help.py."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mattingd.cli import app

STORED = Path(__file__).parent / "help"
VERBS = (
    "",
    "init",
    "check",
    "run",
    "process",
    "status",
    "history",
    "audit",
    "retry",
    "forget",
    "rescan",
    "pause",
    "resume",
    "reload",
    "clean",
    "doctor",
    "demo",
    "evaluate",
    "train",
    "man",
)
GROUPS = {
    "service": ("print", "install", "uninstall"),
    "presets": ("list", "show", "try"),
    "models": ("list", "verify", "reload", "rollback", "compare"),
}
"""Verbs that have verbs of their own."""
ALL = (*VERBS, *GROUPS, *(f"{group} {verb}" for group, verbs in GROUPS.items() for verb in verbs))


def text_of(verb: str) -> str:
    """What `mattingd VERB --help` prints on a terminal of 80 columns."""
    words = [*verb.split(), "--help"]
    answer = CliRunner().invoke(app, words, prog_name="mattingd")
    assert answer.exit_code == 0
    return answer.stdout


def place(verb: str) -> Path:
    return STORED / f"{verb.replace(' ', '-') or 'mattingd'}.txt"


@pytest.mark.parametrize("verb", ALL)
def test_the_help_is_the_stored_one(verb: str) -> None:
    assert text_of(verb) == place(verb).read_text(encoding="utf-8")


def test_every_verb_has_its_help_and_stands_in_the_list() -> None:
    verbs = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert verbs == set(VERBS) - {""}
    assert {group.name for group in app.registered_groups} == set(GROUPS)
    assert {path.stem for path in STORED.iterdir()} == {place(verb).stem for verb in ALL}
    for group, names in {"": (*VERBS[1:], *GROUPS), **GROUPS}.items():
        listed = text_of(group).partition("Commands:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in listed.splitlines()] == list(names)
        assert "..." not in listed, "no verb's first sentence is cut off"


if __name__ == "__main__":
    for each in ALL:
        place(each).write_text(text_of(each), encoding="utf-8")
