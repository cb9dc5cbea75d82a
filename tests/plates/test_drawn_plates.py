"""The reader on plates that this project draws, by kind: bounds that a first reader holds.

The seeds and the grounds are not those of training. These are floors, not aims; the figures of
real pictures are in training/README.md.
"""

import cv2
import numpy as np
import pytest

from gateway.plates.model import open_models
from gateway.plates.net import CLEAR
from gateway.plates.reader import status_of
from training.drawing import BUILT_IN, SHAPES, draw_plate, draw_scene, random_plate, wear
from training.evaluate import drawn_frame
from training.layouts import TWO_LINES

EACH = 16
KINDS = open_models().alphabet.kinds
CROPS_RIGHT_MIN = dict.fromkeys(KINDS, 14) | {
    "embassy": 12, "trailer": 12, "temporary": 9, "tractor": 9, "military": 8, "armed_police": 7,
}  # fmt: skip
"""Of 16 crops of moderate wear; nothing wrong may be accepted."""


@pytest.mark.parametrize("kind", KINDS)
def test_worn_crops_are_read(reader, kind):
    rng = np.random.default_rng(2026)
    right = wrong = 0
    for _ in range(EACH):
        text, _ = random_plate(rng, kind)
        crop = wear(draw_plate(text, kind, rng), rng, (168, 48), 0.5)
        plates = reader.read(crop)
        right += bool(plates) and plates[0].text == text and plates[0].plate_kind == kind
        if plates and plates[0].text != text:
            wrong += status_of(plates[0], reader.accept) == "read"
    assert wrong <= 1
    assert right >= CROPS_RIGHT_MIN[kind]


@pytest.mark.parametrize("kind", ["blue", "green", "yellow"])
def test_a_gate_s_scenes_are_read(reader, kind):
    rng = np.random.default_rng(2027)
    right = 0
    for number in range(12):
        text, _ = random_plate(rng, kind)
        plates = reader.read(draw_scene(text, kind, rng, ground=number))
        right += bool(plates) and plates[0].text == text
    assert right >= 10


DOUBLES = [
    (kind, shape) for kind in KINDS for shape in dict.fromkeys(SHAPES[kind]) if shape in TWO_LINES
]


@pytest.mark.parametrize(("kind", "shape"), DOUBLES)
def test_plates_of_two_lines_are_read_in_a_gate_s_picture(reader, kind, shape):
    rng = np.random.default_rng(2034)
    right = 0
    for _ in range(EACH):
        text, _ = random_plate(rng, kind)
        plates = reader.read(drawn_frame(text, kind, shape, rng, BUILT_IN))
        right += bool(plates) and plates[0].text == text and plates[0].plate_kind == kind
    assert right >= 15


@pytest.mark.parametrize("number", [39, 139, 217, 269, 410])
def test_a_plate_that_the_detector_saw_too_short_is_looked_at_anew(reader, number):
    """A first digit was cut off each, black on dark ground."""
    rng = np.random.default_rng((2033, number))
    text, _ = random_plate(rng, "embassy")
    plates = reader.read(drawn_frame(text, "embassy", "line", rng, BUILT_IN))
    assert [plate.text for plate in plates] == [text]


ASKEW = {
    "it climbs": ((1, 0), (-0.85, 1)), "it falls": ((1, 0), (0.85, 1)),
    "turned left": ((0.77, 0.64), (-0.64, 0.77)), "turned right": ((0.77, -0.64), (0.64, 0.77)),
}  # fmt: skip


def test_plates_that_lie_askew_are_read(reader):
    rng = np.random.default_rng(2031)
    right = 0
    for matrix in ASKEW.values():
        for number in range(10):
            text, _ = random_plate(rng, "blue")
            plates = reader.read(askew(draw_scene(text, "blue", rng, ground=number), matrix))
            right += bool(plates) and plates[0].text == text
    assert right >= 28, f"{right} of 40"


def askew(scene, matrix):
    """Turn or slant a scene, all of it still in the picture."""
    height, width = scene.shape[:2]
    sides = np.array(((0, 0), (width, 0), (width, height), (0, height))) @ np.array(matrix).T
    there = np.column_stack([matrix, -sides.min(axis=0)])
    size = np.ceil(np.ptp(sides, axis=0)).astype(int)
    return cv2.warpAffine(scene, there, [int(side) for side in size], borderValue=(90, 90, 90))


def test_a_plate_that_fills_the_picture_is_read(reader):
    rng = np.random.default_rng(2032)
    right = 0
    for number in range(6):
        text, _ = random_plate(rng, "blue")
        scene = draw_scene(text, "blue", rng, ground=number)
        (x, y, wide, high) = reader.read(scene)[0].box
        near = scene[max(0, y - high) : y + 2 * high, max(0, x - wide // 2) : x + wide * 3 // 2]
        plates = reader.read(cv2.resize(near, (1200, 1200 * near.shape[0] // near.shape[1])))
        right += bool(plates) and plates[0].text == text
    assert right >= 5


@pytest.mark.parametrize("traveller", ["vehicle", "bicycle", "person"])
def test_where_no_plate_is_none_is_read(reader, traveller):
    rng = np.random.default_rng(2028)
    for number in range(6):
        where = "empty" if traveller == "vehicle" else "zone"
        scene = draw_scene(None, "blue", rng, where=where, traveller=traveller, ground=number)
        assert [plate.text for plate in reader.read(scene) if plate.text] == []


def test_two_plates_in_a_picture_are_both_read(reader):
    rng = np.random.default_rng(2029)
    both = np.hstack([draw_scene("鲁A12345", "blue", rng), draw_scene("苏B67890", "blue", rng)])
    assert {"鲁A12345", "苏B67890"} <= {plate.text for plate in reader.read(both)}


def test_of_two_clear_plates_the_nearer_comes_first(reader):
    rng = np.random.default_rng(2031)
    near, far = draw_scene("鲁A12345", "blue", rng), draw_scene("苏B67890", "blue", rng)
    small = cv2.resize(far, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    both = np.full((480, 1120, 3), 127, np.uint8)
    both[:360, :480], both[:, 480:] = small, near
    plates = reader.read(both)
    assert [plate.text for plate in plates] == ["鲁A12345", "苏B67890"]
    assert all(plate.confidence >= CLEAR for plate in plates)


def test_the_same_picture_gives_the_same_answer(reader):
    scene = draw_scene("鲁A12345", "blue", np.random.default_rng(5))
    assert reader.read(scene) == reader.read(scene)


@pytest.mark.parametrize("overlay", ["2020-02-08 18:21:44", "CAM 01 A12345", "北门 IN 2020/02/08"])
def test_the_camera_s_own_time_and_name_are_no_plate(reader, overlay):
    scene = draw_scene(None, "blue", np.random.default_rng(2031), where="empty", ground=3)
    cv2.putText(scene, overlay, (14, 30), (255, 255, 255), cv2.FontFace("uni"), 24)
    assert "read" not in [status_of(plate, reader.accept) for plate in reader.read(scene)]
    below = ((0.0, 0.1), (1.0, 0.1), (1.0, 1.0), (0.0, 1.0))
    assert [plate.text for plate in reader.read(scene, below) if plate.text] == []
