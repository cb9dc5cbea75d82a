"""The empty lane as a fixed camera sees it: learnt slowly, and what differs from it.

A picture is compared with the ground after the light is taken out (one gain for the whole
picture, as the sun, a lamp or the camera's own exposure changes it). What differs from every
layer of the ground is something that came. Layers: the empty lane, and what was parked in it for
so long that it was learnt; when the parked car drives off, the layer under it is still there and
nothing ghostly appears.

Pure: no clock, no disk. Pictures are small, in colour: a brown car is no lighter than the road.
"""

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Small: TypeAlias = NDArray[np.float32]
"""Rows, columns, and blue, green, red."""
Mask: TypeAlias = NDArray[np.bool_]

WIDTH: Final = 160
HEIGHT: Final = 120
DIFFERS: Final = 20.0
"""Levels by day: above noise, a leaf, a cloud. By night the same share of less light."""
DIFFERS_MIN: Final = 12.0
BELONGS: Final = 0.5
"""Half as different belongs to what differs, when it touches it: a car as grey as the road."""
GAINS: Final = (0.25, 4.0)
LAYERS_MAX: Final = 3
LEARN_S: Final = 30.0
"""How fast the ground follows the day, where nothing stands."""
GHOST_EDGES: Final = 0.5
"""A place with so much less detail than the ground had: what was learnt there has gone."""


class Ground:
    """The learnt empty lane."""

    def __init__(self, first: Small, *, sure: bool = False) -> None:
        self.layers: list[Small] = [first.copy()]
        self._gains = [1.0]
        self.sure = sure
        """Something came before it and went again: it was not learnt with a car in it."""

    def compare(self, seen: Small) -> Mask:
        """Find what differs from every layer."""
        self._gains = [
            _fit(seen, layer, last) for layer, last in zip(self.layers, self._gains, strict=True)
        ]
        shares = [
            self._off(seen, at) / max(DIFFERS_MIN, DIFFERS * min(1.0, gain))
            for at, gain in enumerate(self._gains)
        ]
        share = np.min(shares, axis=0)
        _, places = cv2.connectedComponents((share > BELONGS).astype(np.uint8))
        touched = np.unique(places[share > 1.0])
        return np.isin(places, touched[touched > 0])

    def learn(self, seen: Small, standing: Mask, passed_s: float) -> None:
        """Follow the day where nothing stands."""
        share = np.float32(1.0 - np.exp(-passed_s / LEARN_S))
        for at, (layer, gain) in enumerate(zip(self.layers, self._gains, strict=True)):
            alike = ~standing & (self._off(seen, at) <= DIFFERS * min(1.0, gain))
            layer[alike] += share * (seen[alike] / gain - layer[alike])

    def take_in(self, seen: Small, parked: Mask) -> None:
        """Learn what has stood for too long; what was there before stays known."""
        layer = self.layers[0].copy()
        layer[parked] = seen[parked] / self._gains[0]
        self.layers = [layer, *self.layers][:LAYERS_MAX]
        self._gains = [self._gains[0], *self._gains][:LAYERS_MAX]

    def restart(self, seen: Small) -> None:
        """Begin anew: the camera was moved, or sees another way (night vision)."""
        self.layers, self.sure, self._gains = [seen.copy()], False, [1.0]

    def lost_detail(self, seen: Small, there: Mask) -> bool:
        """Say whether a place has much less detail than the ground has: it is emptier."""
        now, then = _detail(seen, there), _detail(self.layers[0] * self._gains[0], there)
        return now < GHOST_EDGES * then

    def _off(self, seen: Small, at: int) -> NDArray[np.float32]:
        lit = np.minimum(self.layers[at] * self._gains[at], 255.0)
        off: NDArray[np.float32] = np.abs(seen - lit).max(axis=2)
        return off


def _detail(seen: Small, there: Mask) -> float:
    green = np.ascontiguousarray(seen[:, :, 1])
    across = np.abs(cv2.Sobel(green, cv2.CV_32F, 1, 0))
    along = np.abs(cv2.Sobel(green, cv2.CV_32F, 0, 1))
    return float(np.mean(np.minimum(across + along, 200.0)[there]))


def _fit(seen: Small, layer: Small, last: float) -> float:
    """Find the gain under which most of the picture is the ground.

    The candidates are the medians of twelve tiles, since a vehicle may fill most of the picture.
    """
    green, ground = seen[::2, ::2, 1], np.maximum(layer[::2, ::2, 1], 4.0)
    high, wide = green.shape
    tiles = (green / ground).reshape(3, high // 3, 4, wide // 4).transpose(0, 2, 1, 3)
    candidates = [1.0, last, *np.median(tiles.reshape(12, -1), axis=1).tolist()]
    best, most = last, -1.0
    for gain in candidates:
        if not GAINS[0] <= gain <= GAINS[1]:
            continue
        # The earlier candidate wins what is nearly a tie: a black picture fits any.
        alike = float(np.count_nonzero(np.abs(green - ground * gain) <= DIFFERS / 2))
        if alike > most * 1.02:
            best, most = float(gain), alike
    return best
