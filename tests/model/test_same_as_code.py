"""The model is of the protocol that the code has: both walk side by side and must agree."""

from collections import Counter

from tests.model import gate as gates
from tests.model.beside import EVERYTHING, STEPS, Walk
from tests.model.site import Site
from tests.model.spaces import PAIRS, SINGLE
from tests.model.telling import WORDS

WALKS = 20


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
