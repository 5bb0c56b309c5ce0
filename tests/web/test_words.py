"""The page's words: every text that a template names is there, in both languages."""

import re
import string
from pathlib import Path

import pytest

import mattingd.web
from mattingd.core.lifecycle import State
from mattingd.web.words import LANGUAGES, PROBLEMS, WORDS
from tests.daemon.harness.site import ENDED

TEMPLATES = sorted((Path(mattingd.web.__file__).parent / "templates").glob("*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_every_text_of_a_template_is_there(template: Path) -> None:
    named = set(re.findall(r"\bt\('(\w+)'\)", template.read_text(encoding="utf-8")))
    assert named <= WORDS.keys()


def test_every_state_has_words() -> None:
    stages = {f"stage_{each}" for each in {str(state) for state in State} - ENDED} | {"stage_settling"}
    engines = {"engine_ready", "engine_asleep", "engine_starting", "engine_restarting"}
    assert stages | engines <= WORDS.keys()


def test_all_is_said_in_both_languages_with_the_same_values() -> None:
    for name, words in [*WORDS.items(), *PROBLEMS.items()]:
        assert words.keys() == LANGUAGES.keys(), name
        assert all(words.values()), name
        fields = [{field for _, field, _, _ in string.Formatter().parse(text)} for text in words.values()]
        assert fields[0] - {None} == fields[1] - {None}, name
