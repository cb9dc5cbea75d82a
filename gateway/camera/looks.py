"""How one traveller looks, so that it is known again in the next picture or told from another.

Pure. Looks are a small coloured picture of its place, whatever its size.
"""

from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.camera.blobs import Blob, View
from gateway.camera.ground import Mask

Looks: TypeAlias = NDArray[np.float32]
Verdict: TypeAlias = Literal["same", "unsure", "other"]

SIZE: Final = (48, 36)
ALIKE: Final = 0.7
UNLIKE: Final = 0.5
"""Correlation of two looks: above the one it is the same vehicle, below the other it is not."""
PLATE_ALIKE: Final = 0.8
FLAT: Final = 4.0
COLOUR_ALIKE: Final = 35.0
COLOUR_UNLIKE: Final = 60.0
"""Levels of blue, green or red, in the lower half: the paint, without the windscreen."""


def looks_of(view: View, blob: Blob) -> Looks:
    """Cut out how it looks."""
    part = view.colours[blob.top : blob.bottom, blob.left : blob.right]
    looks: Looks = cv2.resize(part, SIZE, interpolation=cv2.INTER_AREA)
    return looks


def compare(one: Looks, other: Looks) -> Verdict:
    """Say whether two looks are of one vehicle, some shift and light between them allowed."""
    grey = [cv2.cvtColor(part, cv2.COLOR_BGR2GRAY) for part in (other, one[6:30, 8:40])]
    found = cv2.matchTemplate(grey[0], grey[1], cv2.TM_CCOEFF_NORMED)
    alike = float(found.max()) if np.isfinite(found).all() else 0.0
    paint = [part[18:32, 8:40].reshape(-1, 3).mean(axis=0) for part in (one, other)]
    off = float(np.abs(paint[0] - paint[1]).max())
    if alike >= ALIKE and off < COLOUR_ALIKE:
        return "same"
    return "other" if alike < UNLIKE or off > COLOUR_UNLIKE else "unsure"


def plate_changed(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Say whether the place of a plate looks otherwise than when it was read."""
    spread = float(one.std()), float(other.std())
    if min(spread) < FLAT:
        return max(spread) >= 2 * FLAT  # A flat place correlates with anything.
    found = cv2.matchTemplate(other, one[4:20, 8:64], cv2.TM_CCOEFF_NORMED)
    return float(found.max()) < PLATE_ALIKE


def light_changed(before: View, view: View, free: Mask) -> float:
    """Measure how the light changed between two pictures, outside a place."""
    if np.count_nonzero(free) < 200:
        return 1.0
    ratio = view.grey[free][::7] / np.maximum(before.grey[free][::7], 4.0)
    return float(np.clip(np.median(ratio), 0.25, 4.0))
