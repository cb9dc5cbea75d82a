"""What is drawn: the same from the same seed, and different where it must be."""

import numpy as np
import pytest

from gateway.plates.grammar import KINDS
from training.drawing import PLACES, draw_plate, draw_scene, random_plate, wear
from training.weather import weather


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plate_is_a_picture_with_ink_in_every_place(kind):
    text, _ = random_plate(rng(), kind)
    face = draw_plate(text, kind, rng())
    assert face.dtype == np.uint8
    sizes = {
        "green": (140, 480), "trailer": (220, 440), "temporary": (140, 220), "tractor": (165, 300),
    }  # fmt: skip
    assert face.shape == (*sizes.get(kind, (140, 440)), 3)
    assert face.std(axis=(0, 1)).max() > 20


def test_the_same_seed_draws_the_same(tmp_path):
    assert (draw_scene("鲁A12345", "blue", rng()) == draw_scene("鲁A12345", "blue", rng())).all()
    face = draw_plate("鲁A12345", "blue", rng())
    assert (wear(face, rng(), (168, 48)) == wear(face, rng(), (168, 48))).all()


def test_weather_comes_as_often_and_hides_less_where_it_is_less_heavy():
    face, hidden = draw_plate("鲁A12345", "blue", rng()), []
    for heavy in (0.0, 0.5, 1.0):
        worn = [weather(face, rng(seed), 1.0, heavy=heavy).astype(int) for seed in range(60)]
        light = [weather(face, rng(seed), 1.0, heavy=0.0).astype(int) for seed in range(60)]
        changed = [np.abs(one - other).mean() for one, other in zip(worn, light, strict=True)]
        hidden.append(np.mean(changed))
    assert hidden[0] == 0 < 1.5 * hidden[1] < hidden[2]


def test_another_character_is_another_picture():
    first, second = (draw_plate(text, "blue", rng()) for text in ("鲁A12345", "苏A12345"))
    differing = np.where((first != second).any(axis=(0, 2)))[0]
    assert 10 < differing.min() < differing.max() < 70  # millimetres of the first place


@pytest.mark.parametrize("where", ["far", "near", "zone", "two"])
def test_a_vehicle_stands_where_it_was_put_on_the_same_ground(where):
    empty = draw_scene(None, "blue", rng(1), where="empty").astype(int)
    scene = draw_scene("鲁A12345", "blue", rng(2), where=where).astype(int)
    changed = (np.abs(scene - empty).max(axis=2) > 45).mean()
    wide = PLACES["zone" if where == "two" else where][2]
    assert 0.25 * wide**2 < changed < 1.6 * wide**2


def test_grounds_differ_by_gate_and_keep_their_size():
    first, second = (draw_scene(None, "blue", rng(), where="empty", ground=i) for i in (0, 1))
    assert (first != second).mean() > 0.2
    assert draw_scene(None, "blue", rng(), size=(320, 240)).shape == (240, 320, 3)


def test_night_is_darker_than_day():
    day, night = (draw_scene(None, "blue", rng(), light=light) for light in (1.0, 0.35))
    assert night.mean() < 0.5 * day.mean()
