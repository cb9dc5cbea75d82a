"""Which strings are plates, by kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plates.alphabet import NEWEST
from gateway.plates.grammar import KINDS, is_plate, kinds_of, without_province
from training.drawing import random_plate

CLASSES = NEWEST.classes

PLATES = [
    ("鲁A12345", ("blue", "yellow")),
    ("皖AJ832X", ("blue", "yellow")),
    ("粤O00001", ("blue", "yellow")),  # an old official plate: O only at the office's place
    ("粤BD12345", ("green",)),
    ("粤BDF1234", ("green",)),
    ("粤B12345D", ("green",)),
    ("鲁A1234警", ("police",)),
    ("鲁A1234学", ("learner",)),
    ("鲁A1234挂", ("trailer",)),
    ("224578使", ("embassy",)),
    ("使224578", ("embassy",)),
    ("沪A1234领", ("consulate",)),
    ("粤Z1234港", ("border",)),
    ("粤Z123D澳", ("border",)),
    ("鲁A1234临", ("temporary",)),
    ("鲁AB1234试", ("temporary",)),
    ("鲁0112345", ("tractor",)),
    ("京X1234应急", ("emergency",)),
    ("VA12345", ("military",)),
    ("WJ12345", ("armed_police",)),
    ("WJ鲁1234X", ("armed_police",)),
]
NO_PLATES = [
    "", "A12345", "鲁A1234", "鲁A123456", "鲁AI2345", "鲁AO2345", "鲁I12345", "鲁鲁12345",
    "粤B1234D5", "粤BX12345", "粤A1234港", "鲁ABCDEF", "EEEEEEE", "鲁a12345", "鲁A12345 ",
    "鲁A12345\n",
]  # fmt: skip


@pytest.mark.parametrize(("text", "kinds"), PLATES)
def test_a_plate_is_known_by_its_kinds(text, kinds):
    assert kinds_of(text) == kinds


@pytest.mark.parametrize("text", NO_PLATES)
def test_what_is_no_plate_has_no_kind(text):
    assert kinds_of(text) == ()


@given(st.text(alphabet="".join(CLASSES) + "OI鲁A1 ", max_size=10))
def test_every_plate_has_seven_or_eight_places(text):
    assert not is_plate(text) or len(text) in {7, 8}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_is_of_its_kind_and_can_be_spelt(kind):
    rng = np.random.default_rng(7)
    for _ in range(100):
        text, drawn = random_plate(rng, kind)
        assert drawn == kind
        assert kind in kinds_of(text), text
        assert set(text) <= set(CLASSES), text


def test_without_its_province_a_plate_keeps_the_rest():
    assert without_province("鲁A12345") == "A12345"
    assert without_province("224578使") == "224578使"
