"""Naming a model in a configuration changes that line, and nothing else in the text."""

import pytest

from mattingd.config.model_setting import with_model


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n", "a: 1\nengine:\n  model: new\n"),
        ("a: 1\n\n", "a: 1\nengine:\n  model: new\n"),
        ("engine:\n  model: old  # ours\nb: 2\n", "engine:\n  model: new  # ours\nb: 2\n"),
        ("engine: # why\n    device: cpu\nb: 2\n", "engine: # why\n    model: new\n    device: cpu\nb: 2\n"),
        ("engine:\n  # y\n  device: cpu\n  model: 'old'\n", "engine:\n  # y\n  device: cpu\n  model: new\n"),
        ("engine: {}\n", "engine: {model: new}\n"),
        ("engine: {device: cpu, model: old} # x\n", "engine: {model: new, device: cpu} # x\n"),
        ("b:\n  model: x\nengine:\n  a: 1\n", "b:\n  model: x\nengine:\n  model: new\n  a: 1\n"),
    ],
)  # fmt: skip
def test_only_that_line_changes(before: str, after: str) -> None:
    assert with_model(before, "new") == after


@pytest.mark.parametrize("text", ["{engine: {device: cpu}}\n", '"engine": {device: cpu}\n'])
def test_an_unusual_way_of_writing_is_left_alone(text: str) -> None:
    assert with_model(text, "new") is None
