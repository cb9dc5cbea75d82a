"""The votes over one vehicle's plate."""

import pytest

from gateway.camera.sightings import TEXTS_MAX, Votes, apart, choose
from gateway.plates.reader import Plate


def seen(text: str, confidence: float = 0.99, wide: int = 100) -> Plate:
    return Plate(text, "blue" if text else "", confidence, (), (0, 0, wide, wide // 3), (), ())


def voted(*plates: Plate | None) -> Votes:
    votes = Votes()
    for plate in plates:
        votes.add(plate, b"crop")
    return votes


@pytest.mark.parametrize(
    ("plates", "status", "text"),
    [
        ([None], "none", ""),
        ([seen("", 0.0)], "unread", ""),
        ([None, seen("", 0.0)], "unread", ""),
        ([seen("鲁A12345", 0.5)], "unsure", "鲁A12345"),
        ([seen("鲁A12345", 0.95)], "read", "鲁A12345"),
        ([seen("鲁A12345", 0.95), None, seen("", 0.0)], "read", "鲁A12345"),
        ([seen("鲁A12345", 0.95), seen("鲁A1Z345", 0.5)], "read", "鲁A12345"),
        ([seen("鲁A1Z345", 0.6), seen("鲁A12345", 0.95)], "read", "鲁A12345"),
        (
            [seen("鲁A1Z345", 0.7), seen("鲁A12345", 0.5), seen("鲁A12345", 0.5)],
            "unsure",
            "鲁A12345",
        ),
        ([seen("", 0.0), seen("鲁A12345", 0.4)], "unsure", "鲁A12345"),
    ],
)
def test_the_best_of_all_looks(plates, status, text):
    votes = voted(*plates)
    assert votes.status(0.9) == status
    assert (votes.best.text if votes.best else "") == text


def test_only_better_news_is_news():
    votes = voted(seen("鲁A12345", 0.5))
    votes.told = votes.news(0.9)
    assert votes.told == ("unsure", "鲁A12345", 50)
    votes.add(None, b"")
    votes.add(seen("鲁A12345", 0.55), b"")
    assert votes.news(0.9) is None
    votes.add(seen("鲁A12345", 0.95), b"")
    assert votes.news(0.9) == ("read", "鲁A12345", 95)


def test_another_plate_is_one_that_cannot_be_a_misreading():
    mine = voted(seen("鲁A12345"))
    assert mine.is_other(seen("京B67890"), 0.9)
    assert not mine.is_other(seen("鲁A1Z3A5"), 0.9)
    assert not mine.is_other(seen("京B67890", 0.5), 0.9)
    assert not mine.is_other(seen("", 0.0), 0.9)
    assert not voted(seen("鲁A12345", 0.5)).is_other(seen("京B67890"), 0.9)
    assert not voted(None).is_other(seen("京B67890"), 0.9)


@pytest.mark.parametrize(
    ("one", "other", "characters"),
    [
        ("鲁A12345", "鲁A12345", 0),
        ("鲁A12345", "鲁A12346", 1),
        ("鲁A12345", "鲁AD12345", 7 - 2 + 1),
    ],
)
def test_how_far_texts_are_apart(one, other, characters):
    assert apart(one, other) == characters


def test_a_vehicles_own_plate_is_the_large_one_with_a_text():
    assert choose(()) is None
    assert choose((seen("京B67890", 0.99, 30), seen("鲁A12345", 0.8, 90))).text == "鲁A12345"
    assert choose((seen("", 0.0, 100), seen("鲁A12345", 0.8, 90))).text == "鲁A12345"


def test_a_plate_is_in_no_repr():
    votes = voted(seen("鲁A12345"))
    votes.told = votes.news(0.9)
    assert "A12345" not in repr(votes)


def test_the_look_that_speaks_best_for_the_leading_text_is_kept_with_its_crop():
    """Though that text did not lead yet when it was looked at."""
    votes = Votes()
    for text, confidence, crop in (("鲁A1Z345", 0.8, b"z"), ("鲁A12345", 0.7, b"best"),
                                   ("鲁A12345", 0.3, b"poor")):  # fmt: skip
        votes.add(seen(text, confidence), crop)
    assert votes.best == seen("鲁A12345", 0.7)
    assert votes.crop == b"best"


def test_a_vehicle_that_reads_otherwise_each_time_holds_few_crops():
    votes = Votes()
    votes.add(seen("鲁A12345", 0.9), b"best")
    for number in range(200):
        votes.add(seen(f"京B{number:05}", 0.3), b"poor")
    assert votes.best == seen("鲁A12345", 0.9)
    assert votes.crop == b"best"
    assert len(votes.shown) <= TEXTS_MAX
    assert len(votes.weights) <= TEXTS_MAX
