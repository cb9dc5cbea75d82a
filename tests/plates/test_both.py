"""Both readers together: what the second one says raises confidence, or is a candidate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plates.both import ASKED_MAX, BothReaders, weighed
from gateway.plates.reader import Plate

TEXTS = ("鲁A12345", "鲁A12346", "鲁A12347", "鲁B12345")
CORNERS = ((20.0, 10.0), (60.0, 10.0), (60.0, 22.0), (20.0, 22.0))


def plate(confidence, others=(), text=TEXTS[0]):
    candidates = ((text, confidence), *others) if text else ()
    characters = (confidence,) * len(text)
    return Plate(text, "blue", confidence, characters, (20, 10, 40, 12), CORNERS, candidates)


@st.composite
def plates(draw):
    confidence = draw(st.floats(0.05, 0.95))
    shares = draw(st.lists(st.floats(0, 1), max_size=2))
    rest = 1 - confidence
    return plate(confidence, [(TEXTS[1 + n], each * rest / 2) for n, each in enumerate(shares)])


@given(plates(), st.sampled_from(("", *TEXTS)), st.floats(0, 0.99))
def test_candidates_stay_probabilities_whatever_the_second_reader_says(before, said, sure):
    after = weighed(before, said, sure)
    chances = [chance for _, chance in after.candidates]
    assert (after.text, after.candidates[0]) == (before.text, (before.text, after.confidence))
    assert all(0 <= chance <= 1 for chance in chances)
    assert sum(chances) <= 1 + 1e-9
    assert len({text for text, _ in after.candidates}) == len(chances)


def test_an_agreement_raises_and_a_disagreement_is_one_more_candidate():
    before = plate(0.6, [(TEXTS[1], 0.3)])
    assert 0.7 < weighed(before, TEXTS[0], 0.9).confidence < 0.8
    differs = weighed(before, TEXTS[3], 0.9)
    assert differs.confidence == 0.6
    assert TEXTS[3] in dict(differs.candidates)
    assert weighed(before, TEXTS[3], 0.1) == before
    assert weighed(before, "", 0.9) == before


def test_what_the_second_reader_says_is_among_the_first_candidates():
    """The guard is shown few: what came last would never be seen."""
    others = [(f"鲁A1234{n}", 0.05) for n in range(6, 10)]
    after = weighed(plate(0.6, others), TEXTS[3], 0.8)
    assert [text for text, _ in after.candidates[:2]] == [TEXTS[0], TEXTS[3]]
    known = weighed(plate(0.6, others), "鲁A12349", 0.8)
    assert [text for text, _ in known.candidates[:2]] == [TEXTS[0], "鲁A12349"]


class First:
    accept = 0.9
    runtime = "opencv"

    def __init__(self, *seen):
        self.seen = seen

    def read(self, picture, region=()):
        return self.seen


class Second:
    def __init__(self, said=TEXTS[0]):
        self.said, self.asked = said, []

    def line(self, picture, corners):
        self.asked.append((picture.shape, corners))
        return self.said, 0.9


def test_only_what_is_unsure_is_asked_about():
    many = [plate(0.5, text=text) for text in TEXTS]
    second = Second()
    seen = BothReaders(First(plate(0.95), plate(0.0, text=""), *many), second).read(
        np.zeros((120, 160, 3), np.uint8)
    )
    assert len(second.asked) == ASKED_MAX
    assert [each.text for each in seen] == [TEXTS[0], "", *TEXTS]
    assert seen[0] == plate(0.95)
    assert seen[2].confidence > seen[3].confidence == 0.5
    assert TEXTS[0] in dict(seen[3].candidates)


@pytest.mark.parametrize("shape", [(120, 160), (120, 160, 4), (6000, 8000, 3), (0, 0), (1, 1, 3)])
def test_it_is_asked_where_the_plate_lies_in_any_picture(shape):
    second = Second()
    both = BothReaders(First(plate(0.5)), second)
    (seen,) = both.read(np.zeros(shape, np.uint8))
    if min(shape[:2]) < 8:
        assert (seen, second.asked) == (plate(0.5), [])
        return
    ((whole, corners),) = second.asked
    middle = corners.mean(axis=0) / (whole[1], whole[0])
    assert middle == pytest.approx((40 / shape[1], 16 / shape[0]), rel=1e-2)
