"""Views of a picture in which plates that lie askew lie level, as the detector knows them.

A plate seen from far aside keeps its strokes upright while its line climbs: that is undone by
slanting the picture the other way. A camera that hangs askew turns strokes and line alike: that is
undone by turning it. Pure.
"""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from gateway.plates.picture import Corners, Picture, mapped

GREY: Final = (127, 127, 127)
CLIMB: Final = 0.5
"""How much a line climbs that is made level: by half its length. One that climbs by 45 degrees is
level enough then, too."""
TURN_RAD: Final = np.deg2rad(30.0)
_SLANTED: Final = tuple(np.array(((1.0, 0.0), (by, 1.0))) for by in (CLIMB, -CLIMB))
_TURNED: Final = tuple(
    np.array(((np.cos(by), np.sin(by)), (-np.sin(by), np.cos(by)))) for by in (TURN_RAD, -TURN_RAD)
)


def views(picture: Picture) -> Iterator[tuple[Picture, Corners]]:
    """Give each view, and the 3 x 3 matrix by which its points are mapped back."""
    height, width = picture.shape[:2]
    sides = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    for matrix in (*_SLANTED, *_TURNED):
        there = np.eye(3, dtype=np.float32)
        there[:2, :2] = matrix
        first = mapped(sides, there).min(axis=0)
        there[:2, 2] = -first
        last = mapped(sides, there).max(axis=0)
        size = (int(np.ceil(last[0])), int(np.ceil(last[1])))
        view = cv2.warpAffine(picture, there[:2], size, borderValue=GREY)
        yield np.asarray(view, np.uint8), np.asarray(np.linalg.inv(there), np.float32)
