"""Each target survives its seeds and a number of mutations; ``make fuzz`` goes on, guided by coverage."""

from itertools import count

import pytest

from fuzz.mutation import mutations
from fuzz.targets import TARGETS

ROUNDS = {"association": 60, "store": 120, "seg": 60, "series": 60, "header": 200, "configuration": 80, "bundle": 12}


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.filterwarnings("ignore")
def test_a_target_survives_its_seeds_and_what_is_made_of_them(name: str) -> None:
    """Whatever foreign bytes say: a refusal with its reason, never another exception."""
    target = TARGETS[name]
    rounds = count()
    for content in mutations(target.seeds(), ROUNDS[name]):
        next(rounds)
        target.run(content)
    assert next(rounds) >= ROUNDS[name]
