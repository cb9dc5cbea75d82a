"""No array makes a reader fail, and none but a plate makes it say a text that it is sure of."""

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gateway.plates.benchmark import load_picture
from gateway.plates.picture import as_picture
from gateway.plates.reader import status_of
from training.drawing import draw_scene

NOISE = np.random.default_rng(3)
SCENE = draw_scene("鲁A12345", "blue", np.random.default_rng(3))


EMPTY = {
    "black": np.zeros((480, 640, 3), np.uint8),
    "white": np.full((480, 640, 3), 255, np.uint8),
    "one point": np.zeros((1, 1, 3), np.uint8),
    "one row": np.zeros((1, 640, 3), np.uint8),
    "nothing": np.zeros((0, 0, 3), np.uint8),
    "no width": np.zeros((480, 0), np.uint8),
    "a line of numbers": np.zeros(100, np.uint8),
    "four dimensions": np.zeros((2, 48, 168, 3), np.uint8),
    "five channels": np.zeros((48, 168, 5), np.uint8),
    "words": np.array([["a", "b"]] * 10),
    "objects": np.empty((20, 60), object),
    "complex": np.zeros((48, 168), np.complex64),
    "not numbers": np.full((48, 168), np.nan, np.float32),
    "endless": np.full((48, 168), np.inf, np.float64),
    "noise": NOISE.integers(0, 256, (480, 640, 3), dtype=np.uint8),
    "small noise": NOISE.integers(0, 256, (24, 94, 3), dtype=np.uint8),
    "tall": NOISE.integers(0, 256, (2000, 9), dtype=np.uint8),
    "wide": NOISE.integers(0, 256, (9, 2000), dtype=np.uint8),
    "48 million points": np.zeros((6000, 8000, 3), np.uint8),
    "booleans": NOISE.integers(0, 2, (100, 200)).astype(bool),
}


@pytest.mark.parametrize("name", EMPTY)
def test_what_is_no_plate_is_never_sure_and_never_fails(reader, name):
    for plate in reader.read(EMPTY[name]):
        assert status_of(plate, reader.accept) != "read", plate


def _as(depth, scene):
    match depth:
        case "16-bit":
            return scene.astype(np.uint16) * 257
        case "transparent":
            return cv2.cvtColor(scene, cv2.COLOR_BGR2BGRA)
        case "grey":
            return cv2.cvtColor(scene, cv2.COLOR_BGR2GRAY)
        case "grey, one channel":
            return cv2.cvtColor(scene, cv2.COLOR_BGR2GRAY)[:, :, None]
        case "floating":
            return scene.astype(np.float32) / 255
        case "signed":
            return scene.astype(np.int32)
        case "not contiguous":
            return np.ascontiguousarray(scene[:, ::-1])[:, ::-1]
        case _:
            return np.repeat(np.repeat(scene, 10, axis=0), 10, axis=1)


DEPTHS = [
    "16-bit", "transparent", "grey", "grey, one channel", "floating", "signed", "not contiguous",
    "large",
]  # fmt: skip


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_plate_is_read_however_the_picture_is_stored(reader, depth):
    shown = _as(depth, SCENE)
    plates = reader.read(shown)
    assert plates
    assert plates[0].text == "鲁A12345"
    left, top, width, height = plates[0].box
    assert 0 <= left < left + width <= shown.shape[1]
    assert 0 <= top < top + height <= shown.shape[0]


def test_the_box_lies_where_the_plate_is(reader):
    empty = draw_scene(None, "blue", np.random.default_rng(3), where="empty").astype(int)
    (left, top, width, height) = reader.read(SCENE)[0].box
    assert 0.38 < (left + width / 2) / 640 < 0.62
    assert 0.6 < (top + height / 2) / 480 < 0.95
    assert 70 < width < 150
    changed = np.abs(SCENE.astype(int) - empty).max(axis=2)[top : top + height, left : left + width]
    assert changed.mean() > 20


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, np.bool_]),
        arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=40),
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_array_becomes_a_picture_or_none(array):
    picture = as_picture(array)
    if picture is not None:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3


@pytest.mark.parametrize("kind", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_a_picture_or_none_and_never_fails(reader, tmp_path, kind, share):
    content = cv2.imencode(kind, SCENE)[1].tobytes()
    file = tmp_path / f"cut{kind}"
    file.write_bytes(content[: int(len(content) * share)])
    picture = load_picture(file)
    for plate in () if picture is None else reader.read(picture):
        assert 0 <= plate.confidence <= 1
