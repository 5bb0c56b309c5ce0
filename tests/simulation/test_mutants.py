"""A simulation that finds nothing proves nothing: it must notice every broken promise, and soon."""

import re

import pytest

from tests.simulation.simulator.mutants import MUTANTS
from tests.simulation.simulator.suite import run_seeds
from tests.simulation.simulator.world import SimulationError

SOON = 250
"""Seeds within which a mutant must be caught; the whole run has four times as many."""
CLASSIC = (
    "second look dropped",
    "prepared skipped",
    "suspects not alone",
    "deadline compared wrongly",
    "events trusted alone",
)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_promise_is_noticed(name: str) -> None:
    with pytest.raises(SimulationError) as caught:
        run_seeds(range(50 if name in CLASSIC else SOON), MUTANTS[name])
    told = str(caught.value)
    seed = re.match(r"seed (\d+): ", told)
    assert seed, told
    assert f"MATTINGD_SIM_SEED={seed[1]} python -m pytest tests/simulation" in told, "how to see it again"
    assert re.search(r"\d+\.\d{4} (fact|command)", told), "what led to it"


def test_the_five_classic_mutants_are_there() -> None:
    assert set(CLASSIC) < set(MUTANTS)
