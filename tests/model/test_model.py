"""The protocol keeps every law in every state of the small spaces; every mutant breaks one.

And the code is no mutant: it does not go a mutant's own shortest way to break a law, nor on from
there.
"""

import pytest

from tests.model.beside import STEPS, PartedError, Walk
from tests.model.checker import walk
from tests.model.spaces import MUTANTS, SMALL, site_of
from tests.model.telling import told

STATES_MIN = {"cloned card": 5_000, "restored from an older backup": 5_000}
"""A space that shrinks to nothing proves nothing."""


@pytest.mark.parametrize("name", SMALL)
def test_every_state_of_a_small_space_keeps_every_law(name):
    site = site_of(SMALL[name])
    found = walk(site)
    assert not found.broken, "\n".join(told(site, found))
    assert found.complete
    assert found.states >= STATES_MIN.get(name, 1_000)


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_refuted_by_the_law_that_it_breaks(tmp_path, name):
    mutant = MUTANTS[name]
    site = site_of(mutant.space, mutant)
    found = walk(site)
    assert found.broken
    assert found.broken.startswith(mutant.law), "\n".join(told(site, found))
    with pytest.raises(PartedError):
        _beside_the_code(tmp_path, site, found.trace)


def _beside_the_code(tmp_path, site, trace):
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        both = Walk(folder, seed, site)
        both.follow(trace)
        both.go(STEPS)
