"""120 sentences, half of them Chinese: what our grammar makes of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mattingd.config import own_settings
from mattingd.domain.presets import BUILT_IN
from mattingd.language import understand

Case = tuple[str, str, dict[str, Any], str]
RIGHT_AT_LEAST = 0.95


def cases(tongue: str) -> list[Case]:
    """Text, preset (or "refused", "nothing"), settings, and a word of the part that is unclear."""
    listed = yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text(encoding="utf-8"))[tongue]
    return [(text, preset, *[*rest, *({}, "")[len(rest) :]]) for text, preset, *rest in listed]


EVERY = [*cases("zh"), *cases("en")]


def fault(case: Case) -> str:
    """Why the answer is wrong; an empty text if it is right."""
    text, preset, settings, unclear = case
    got = understand(text)
    if preset == "refused":
        return "" if got.refused and not got.settings and not got.usable else f"not refused: {got}"
    if preset == "nothing":
        return "" if not got.usable and not got.settings and got.unclear else f"found something: {got}"
    wanted = own_settings(BUILT_IN, "", {"preset": preset, "settings": settings}).recipe
    found = own_settings(BUILT_IN, "", {"preset": got.preset, "settings": dict(got.settings)}).recipe
    if (got.preset, found, got.refused) != (preset, wanted, ""):
        return f"{got.preset} {dict(got.settings)} {got.refused}, not {preset} {settings}"
    named = [each for each in got.unclear if unclear and unclear in each]
    return (
        "" if len(named) == len(got.unclear) and bool(named) == bool(unclear) else f"unclear: {got.unclear}"
    )


def test_there_are_120_sentences() -> None:
    assert [len(cases(tongue)) for tongue in ("zh", "en")] == [60, 60]
    assert sum(case[1] in {"refused", "nothing"} for case in EVERY) == 20
    assert len({case[0] for case in EVERY}) == 120


def test_nearly_all_are_understood() -> None:
    wrong = {case[0]: why for case in EVERY if (why := fault(case))}
    assert len(wrong) <= (1 - RIGHT_AT_LEAST) * len(EVERY), wrong


@pytest.mark.parametrize(
    "case", [case for case in EVERY if case[1] in {"refused", "nothing"}], ids=lambda case: case[0]
)
def test_what_is_forbidden_or_nonsense_gives_no_settings(case: Case) -> None:
    assert fault(case) == ""
