"""Sets of sequences behave as sets."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from central import spans

RANGES = st.lists(
    st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 6)), min_size=1, max_size=30
)


@given(RANGES)
@settings(max_examples=200, deadline=None)
def test_they_are_sets(steps):
    held, truth = [], set()
    for adds, first, more in steps:
        numbers = range(first, first + more + 1)
        if adds:
            spans.add(held, first, first + more)
            truth |= set(numbers)
        else:
            spans.remove(held, first, first + more)
            truth -= set(numbers)
        assert [n for low, high in held for n in range(low, high + 1)] == sorted(truth)
        assert spans.size(held) == len(truth)
        assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(held))
    assert {n for n in range(50) if spans.contains(held, n)} == truth
    missing = {n for low, high in spans.holes(held, 1, 50) for n in range(low, high + 1)}
    assert missing == set(range(1, 51)) - truth
    first_missing = min(missing)
    assert spans.contiguous(held) == first_missing - 1
