"""The detector: a small net that marks the cells within plates and says where their corners are."""

from typing import Final

import cv2
import numpy as np

from gateway.plates.model import Net
from gateway.plates.picture import Corners, Picture, within

SIDE: Final = 384
"""The longest side at which pictures are looked at; plates are found from about 18 pixels on."""
STRIDE: Final = 8
STEP: Final = 16.0
"""Corner offsets are given in units of so many pixels."""
MULTIPLE: Final = 16
COUNT: Final = 8


def found(
    net: Net, picture: Picture, accept: float, side: int = SIDE
) -> tuple[tuple[float, Corners], ...]:
    """Give plates: how sure the detector is, and corners in the picture; the surest first."""
    small, back = within(picture, side)
    height, width = small.shape[:2]
    padded = cv2.copyMakeBorder(
        small,
        0,
        -height % MULTIPLE,
        0,
        -width % MULTIPLE,
        cv2.BORDER_CONSTANT,
        value=(127, 127, 127),
    )
    said = net.run(cv2.dnn.blobFromImage(padded, 1 / 255))[0][0]
    chance = 1 / (1 + np.exp(-said[0]))
    rows, columns = np.where(chance >= accept)
    if rows.size == 0:
        return ()
    order = np.argsort(-chance[rows, columns])[:200]
    rows, columns = rows[order], columns[order]
    middles = np.stack([(columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE], axis=1)
    ways = said[1:, rows, columns].T.reshape(-1, 4, 2) * STEP
    return _merged(chance[rows, columns], ways + middles[:, None, :], back)


def _merged(chances: Picture, corners: Corners, back: float) -> tuple[tuple[float, Corners], ...]:
    """Join the cells of one plate: their corners averaged, the surest counting most."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    area = np.prod(np.maximum(high - low, 1), axis=1)
    left = np.ones(len(chances), bool)
    plates: list[tuple[float, Corners]] = []
    for first in range(len(chances)):
        if not left[first] or len(plates) == COUNT:
            continue
        shared = np.minimum(high, high[first]) - np.maximum(low, low[first])
        both = np.prod(np.maximum(shared, 0), axis=1)
        same = left & (both > 0.3 * np.minimum(area, area[first]))
        near = left & (both > 0.6 * (area + area[first] - both))
        weight = np.where(near, chances, 0.0)[:, None, None]
        middle = (corners * weight).sum(axis=0) / weight.sum()
        plates.append((float(chances[first]), np.asarray(middle * back, np.float32)))
        left &= ~same
    return tuple(plates)
