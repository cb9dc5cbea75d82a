"""The model is of the protocol that the code has: both walk side by side and must agree."""

from collections import Counter

import pytest

from tests.model import checker
from tests.model import gate as gates
from tests.model.beside import EVERYTHING, PartedError, Walk
from tests.model.site import Site
from tests.model.spaces import MUTANTS, PAIRS, SINGLE, site_of
from tests.model.telling import WORDS

WALKS = 20
STEPS = 60


def test_model_and_code_agree_after_every_step_of_random_walks(tmp_path):
    """Messages, cards, beliefs, timers; ledger, LOST, forks, watermarks, counts."""
    seen = Counter()
    for seed in range(WALKS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        walk = Walk(folder, seed, Site(EVERYTHING, gates.Rules(pace=(PAIRS, SINGLE)[seed % 2])))
        walk.go(STEPS)
        seen.update(event.what for event in walk.events)
    missing = set(WORDS) - set(seen) - {"commit"}
    assert not missing, f"the walks never came to {missing}"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_model_that_drifted_from_the_code_is_noticed(tmp_path, name):
    """The code does not go each mutant's own shortest way to break a law, nor on from there."""
    mutant = MUTANTS[name]
    site = site_of(mutant.space, mutant)
    found = checker.walk(site)
    with pytest.raises(PartedError):
        _go_on(tmp_path, site, found.trace)


def _go_on(tmp_path, site, trace):
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        walk = Walk(folder, seed, site)
        walk.follow(trace)
        walk.go(STEPS)
