"""A region of interest: what lies within is read as before, the rest is not, for less work."""

import numpy as np
import pytest

from gateway.plates import find
from gateway.plates.picture import cut_out
from training.drawing import draw_scene

LOWER = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
UPPER = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


@pytest.fixture(scope="module")
def both():
    rng = np.random.default_rng(2029)
    return np.hstack([draw_scene("鲁A12345", "blue", rng), draw_scene("苏B67890", "blue", rng)])


def test_only_plates_of_the_region_are_read_and_lie_where_they_did(reader, both):
    whole = {plate.text: plate for plate in reader.read(both)}
    (right,) = [plate for plate in reader.read(both, RIGHT) if plate.text]
    assert right.text == "苏B67890"
    before = np.array(whole["苏B67890"].corners)
    assert np.abs(np.array(right.corners) - before).max() < 4
    assert right.box[0] > both.shape[1] / 2
    assert {plate.text for plate in reader.read(both, LOWER)} >= {"鲁A12345", "苏B67890"}
    assert not [plate for plate in reader.read(both, UPPER) if plate.text]


def test_half_of_the_picture_is_half_of_the_detectors_work(reader, both, monkeypatch):
    cells = []

    class Counting:
        def __init__(self, net):
            self.net = net

        def run(self, blob):
            cells.append(blob.shape[2] * blob.shape[3])
            return self.net.run(blob)

    counting = Counting(reader._models.finder)
    for region in ((), RIGHT):
        shrunk = cut_out(both, region)
        find.found(counting, shrunk.array, 0.4, round(find.SIDE * shrunk.share))
    assert cells[1] < 0.6 * cells[0]


@pytest.mark.parametrize(
    "region",
    [((0, 0), (0, 0), (0, 0)), ((2, 2), (3, 2), (3, 3)), ((0.5, 0.5), (0.5001, 0.5), (0.5, 0.5001)),
     ((-1, -1), (2, -1), (2, 2), (-1, 2))],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(480, 640, 3), (1, 1, 3), (0, 0), (9, 2000)])
def test_no_region_makes_a_reader_fail(reader, region, shape):
    assert isinstance(reader.read(np.zeros(shape, np.uint8), region), tuple)
