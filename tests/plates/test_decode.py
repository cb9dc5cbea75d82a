"""From probabilities to texts: the most probable valid plate, and nothing made up."""

import numpy as np
import pytest

from gateway.plates.alphabet import COLOURS, NEWEST, Alphabet
from gateway.plates.decode import (
    Reading,
    calibrated,
    kind_of,
    presence,
    shared_out,
    softmax,
    texts_of,
)  # fmt: skip

CLASSES = NEWEST.classes


def places(text, sure=0.9):
    chances = np.full((8, len(CLASSES)), (1 - sure) / (len(CLASSES) - 1), np.float32)
    for place in range(8):
        chances[place, CLASSES.index(text[place] if place < len(text) else "")] = sure
    return chances


CLEAR = [
    "鲁A12345", "粤BD12345", "鲁A1234警", "224578使", "204578使", "粤Z1234港", "鲁A12345临",
    "鲁0112345", "京X1234应急", "VA12345", "WJ鲁1234X",
]  # fmt: skip


@pytest.mark.parametrize("text", CLEAR)
def test_a_clear_plate_is_read_first_with_the_product_of_its_places(text):
    found = texts_of(places(text), NEWEST)
    assert found[0][0] == text
    assert found[0][1] == pytest.approx(0.9**8, rel=1e-4)
    assert found[0][2] == pytest.approx((0.9,) * len(text), rel=1e-4)


def test_the_grammar_forbids_and_the_next_valid_text_stands():
    chances = places("鲁A12345", sure=0.6)
    chances[0] = 0.001
    chances[0, CLASSES.index("8")], chances[0, CLASSES.index("渝")] = 0.6, 0.3
    assert texts_of(chances, NEWEST)[0][0] == "渝A12345"


def test_an_office_drawn_as_0_is_spelt_o():
    assert texts_of(places("粤0A2160"), NEWEST)[0][0] == "粤OA2160"


def test_no_valid_text_is_no_text():
    chances = np.zeros((8, len(CLASSES)), np.float32)
    chances[:, CLASSES.index("E")] = 1.0
    assert texts_of(chances, NEWEST) == []


def test_candidates_are_distinct_and_fall_in_probability():
    chances = places("鲁A12345", sure=0.5)
    chances[3, CLASSES.index("Z")] = 0.4
    texts = texts_of(chances, NEWEST)
    assert [text for text, _, _ in texts][:2] == ["鲁A12345", "鲁A1Z345"]
    assert len({text for text, _, _ in texts}) == len(texts)
    assert [c for _, c, _ in texts] == sorted((c for _, c, _ in texts), reverse=True)


def test_the_colour_chooses_among_the_kinds_of_a_text():
    yellow = np.array([colour == "yellow" for colour in COLOURS], np.float32)
    assert kind_of("鲁A12345", yellow, NEWEST) == "yellow"
    assert kind_of("鲁A12345", 1 - yellow, NEWEST) == "blue"
    assert kind_of("鲁A1234警", yellow, NEWEST) == "police"
    assert kind_of("", yellow, NEWEST) == ""


def test_presence_tells_plates_from_nothing():
    assert presence(places("鲁A12345")) > 0.85
    assert presence(places("")) < 0.15


def test_softmax_sums_to_one_and_sharpens_with_a_low_temperature():
    logits = np.array([1.0, 2.0, 400.0], np.float32)
    assert softmax(logits).sum() == pytest.approx(1.0)
    flat = np.array([1.0, 2.0], np.float32)
    assert softmax(flat, 0.5)[1] > softmax(flat)[1]


def test_a_net_says_only_the_kinds_that_it_was_trained_on():
    fewer = Alphabet(NEWEST.characters, ("blue", "yellow"))
    assert texts_of(places("鲁A1234警"), fewer) == []
    assert texts_of(places("鲁A12345"), fewer)[0][0] == "鲁A12345"
    assert kind_of("鲁A1234警", np.ones(5, np.float32), fewer) == ""


def test_calibration_keeps_the_order_and_the_ends():
    chances = [0.0, 1e-6, 0.2, 0.5, 0.9, 1.0]
    sure = [calibrated(chance, 0.7, -0.4) for chance in chances]
    assert sure == sorted(sure)
    assert sure[0] == 0.0
    assert sure[-1] <= 1.0
    assert calibrated(0.5, 1.0, 0.0) == 0.5


def test_candidates_are_probabilities_that_agree_with_the_first():
    texts = [Reading("a", 0.6, ()), Reading("b", 0.3, ()), Reading("c", 0.05, ())]
    shared = shared_out(texts, 0.8)
    assert shared[0] == ("a", 0.8)
    assert shared[1][1] == pytest.approx(0.15)
    assert sum(chance for _, chance in shared) <= 1.0
    assert shared_out([], 0.0) == ()
