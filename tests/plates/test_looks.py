"""Several looks at one plate: what they say together, and when a picture is a plate alone."""

import numpy as np
import pytest

from gateway.plates.alphabet import COLOURS, NEWEST
from gateway.plates.decode import texts_of
from gateway.plates.look import (
    BRIGHT,
    BRIGHTER_MAX,
    LEVEL,
    MIDDLE,
    Look,
    joined,
    levelled,
    lit,
)  # fmt: skip
from gateway.plates.picture import is_crop

CLASSES = NEWEST.classes
SIDES = np.array(((0, 0), (168, 0), (168, 48), (0, 48)), np.float32)


def said(text, *sure):
    chances = np.full((8, len(CLASSES)), 1e-4, np.float32)
    for place, chance in enumerate(sure or (0.95,) * 8):
        chances[place] = (1 - chance) / (len(CLASSES) - 1)
        chances[place, CLASSES.index(text[place] if place < len(text) else "")] = chance
    return Look(chances, SIDES, np.full(len(COLOURS), 0.2, np.float32), 0.0)


def best(look):
    return texts_of(look.places, NEWEST)[0]


def test_looks_that_agree_say_together_what_each_says():
    one = said("鲁A12345")
    text, chance, _ = best(joined([one, one, one]))
    assert text == "鲁A12345"
    assert chance == pytest.approx(best(one)[1], rel=1e-3)


def test_one_sure_look_does_not_carry_two_that_saw_something_else():
    doubled = said("鲁A11234", *(0.97,) * 8)
    seen = said("鲁A12345", *(0.85,) * 8)
    text, chance, _ = best(joined([doubled, seen, seen]))
    assert text == "鲁A12345"
    assert chance < best(seen)[1]


def test_looks_that_differ_are_less_sure_together_than_either_alone():
    first, second = said("鲁A12345"), said("湘A12345")
    assert best(joined([first, second]))[1] < 0.6 * best(first)[1]


@pytest.mark.parametrize("size", [(94, 24), (136, 36), (300, 70), (272, 84), (120, 70), (260, 140)])
def test_a_picture_of_a_plates_size_and_shape_may_be_a_crop(size):
    assert is_crop(np.zeros((size[1], size[0], 3), np.uint8))


@pytest.mark.parametrize(
    "size", [(640, 480), (320, 240), (416, 416), (1280, 400), (600, 60), (24, 94)]
)
def test_a_camera_picture_is_no_crop(size):
    assert not is_crop(np.zeros((size[1], size[0], 3), np.uint8))


def test_a_dark_crop_is_lit_and_a_bright_one_left_as_it_is():
    crop = np.zeros((48, 168, 3), np.uint8)
    crop[:, 20:60] = 50
    assert lit(crop).max() == BRIGHT
    assert (lit(np.asarray(crop * 5, np.uint8)) == crop * 5).all()
    assert not lit(np.zeros_like(crop)).any()
    assert lit(np.asarray(crop // 50, np.uint8)).max() == BRIGHTER_MAX


def test_a_dark_dull_crop_is_brought_to_the_light_of_a_clear_one():
    clear = np.random.default_rng(2).integers(0, 256, (48, 168, 3)).astype(np.uint8)
    dull = np.asarray(20 + clear * 0.2, np.uint8)
    assert np.abs(levelled(clear).astype(int) - levelled(dull)).max() <= 3
    assert levelled(dull).mean() == pytest.approx(MIDDLE, abs=1)
    assert levelled(dull).std() == pytest.approx(LEVEL, abs=1)


def test_a_crop_of_one_colour_shows_no_noise_that_was_not_there():
    flat = np.full((48, 168, 3), 90, np.uint8)
    flat[::2] += 1
    assert levelled(flat).std() < LEVEL / 4
