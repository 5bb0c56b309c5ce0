"""The example files of docs/examples/dask fit the program: its verb, its options, its addresses."""

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from mattingd.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "dask"


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml", "mattingd-dask-worker.service"])
def test_every_option_that_an_example_gives_a_worker_exists(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    if name.endswith(".yaml"):
        assert yaml.safe_load(text)
    (line,) = [line for line in text.splitlines() if "dask-worker" in line and "--key" in line]
    given = set(re.findall(r"--[a-z-]+", line))
    helped = CliRunner().invoke(app, ["dask-worker", "--help"], env={"COLUMNS": "200"}).output
    assert given
    assert given <= set(re.findall(r"--[a-z-]+", helped))
