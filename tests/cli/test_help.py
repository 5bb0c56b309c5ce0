"""docs/CLI.md is what `--help` prints, and every verb stands whole in the list of its group."""

from pathlib import Path

import pytest

from tests.cli import cli_reference

PAGE = Path(__file__).parents[2] / "docs" / "CLI.md"
VERBS = cli_reference.verbs()
GROUPS = sorted({verb.rpartition(" ")[0] for verb in VERBS[1:]})


def test_the_reference_is_what_the_help_prints() -> None:
    assert PAGE.read_text(encoding="utf-8") == cli_reference.document(), "write it again: make example"


@pytest.mark.parametrize("group", GROUPS)
def test_every_verb_is_listed_with_its_whole_first_sentence(group: str) -> None:
    listed = cli_reference.help_text(group).partition("Commands:\n")[2].partition("\n\n")[0]
    names = [verb.rpartition(" ")[2] for verb in VERBS[1:] if verb.rpartition(" ")[0] == group]
    assert [line.split()[0] for line in listed.splitlines()] == names
    assert "..." not in listed, "no verb's first sentence is cut off"
