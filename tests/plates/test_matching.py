"""Reading and matching stay apart: a list asks, and never corrects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plates.grammar import DIGITS, LETTERS, PROVINCES
from gateway.plates.matching import LOOKALIKES, matches

TEXTS = st.builds(
    lambda p, rest: p + rest,
    st.sampled_from(PROVINCES),
    st.text(LETTERS + DIGITS, min_size=6, max_size=7),
)


@pytest.mark.parametrize("group", LOOKALIKES)
def test_each_lookalike_is_a_question_about_each_other(group):
    for one in group:
        for other in group:
            found = matches(f"鲁A123{one}5", [f"鲁A123{other}5"])
            assert [match.exact for match in found] == [one == other]
            assert found[0].places == (() if one == other else (5,))


@pytest.mark.parametrize(
    ("read", "listed"),
    [
        ("鲁A12345", "鲁A12346"),  # 5 and 6 are no lookalikes
        ("鲁A12345", "鲁A1234"),
        ("鲁A0885Z", "鲁AQ88SZ"),  # two places: too far
        ("", ""),
        ("皖A12345", "鲁A12345"),
    ],
)
def test_what_is_further_off_is_no_match(read, listed):
    assert matches(read, [listed]) == ()


def test_the_exact_one_comes_first_and_the_doubtful_place_is_named():
    found = matches("浙A8B001", ["渝A8B001", "浙A8B001", "浙A88001"])
    assert [(match.listed, match.places) for match in found] == [
        ("浙A8B001", ()), ("浙A88001", (3,)), ("渝A8B001", (0,)),
    ]  # fmt: skip


@given(TEXTS, st.lists(TEXTS, max_size=5))
def test_a_list_gives_only_its_own_texts_and_an_exact_match_is_the_reading(read, listed):
    for match in matches(read, listed):
        assert match.listed in listed
        assert match.exact == (match.listed == read)
        assert len(match.listed) == len(read)
