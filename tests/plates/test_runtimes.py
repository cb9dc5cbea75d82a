"""onnxruntime, where it is installed, gives the strings that OpenCV gives."""

from importlib.util import find_spec

import numpy as np
import pytest

from gateway.plates.errors import ReaderMissing
from gateway.plates.model import open_models
from gateway.plates.net import NetReader
from gateway.plates.reader import status_of
from training.drawing import draw_plate, draw_scene, random_plate, wear

HAS_ONNX = find_spec("onnxruntime") is not None


def pictures():
    rng = np.random.default_rng(31)
    for number in range(8):
        text, kind = random_plate(rng)
        yield draw_scene(text, kind, rng, ground=number)
        yield wear(draw_plate(text, kind, rng), rng, (168, 48), 0.7)


@pytest.mark.skipif(HAS_ONNX, reason="onnxruntime is installed")
def test_asked_for_and_not_installed_it_says_what_to_install():
    assert open_models().runtime == "opencv"
    with pytest.raises(ReaderMissing, match="pip install onnxruntime"):
        open_models(runtime="onnxruntime")


@pytest.mark.skipif(not HAS_ONNX, reason="onnxruntime is not installed: pip install onnxruntime")
def test_both_runtimes_accept_the_same_strings():
    assert open_models().runtime == "onnxruntime"
    opencv, other = (NetReader.open(runtime=name) for name in ("opencv", "onnxruntime"))
    accepted = 0
    for picture in pictures():
        said = [
            [(each.text, status_of(each, one.accept)) for each in one.read(picture)]
            for one in (opencv, other)
        ]
        assert said[0] == said[1]
        accepted += any(status == "read" for _, status in said[0])
    assert accepted >= 4
