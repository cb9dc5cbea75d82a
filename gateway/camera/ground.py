"""The empty lane as a fixed camera sees it: learnt slowly, and what differs from it.

A picture is compared with the ground after the light is taken out (one gain for the whole
picture, as the sun, a lamp or the camera's own exposure changes it). What differs is something
that came, or something that went: the ground remembers what stood at a place before (the empty
lane under a car that was parked until it was learnt), and what is seen again is no ghost.

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
GAIN_STEP: Final = 0.15
GAIN_ALIKE: Final = 0.45
"""A greater step of light than this is believed when so much of the picture bears it out."""
LAYERS_MAX: Final = 3
KNOWN_SHARE: Final = 0.85
"""So much of a place looks as it did before: what stood there has gone, nothing came."""
LEARN_S: Final = 30.0
"""How fast the ground follows the day, where nothing stands."""
GHOST_EDGES: Final = 0.5
"""A place with so much less detail than the ground had: what was learnt there has gone."""


class Ground:
    """The learnt empty lane."""

    def __init__(self, first: Small, *, sure: bool = False) -> None:
        self.layers: list[Small] = [first.copy()]
        self._gain = 1.0
        self.sure = sure
        """Something came before it and went again: it was not learnt with a car in it."""

    def compare(self, seen: Small) -> Mask:
        """Find what differs, and has not been seen there before."""
        share = self._share(seen, 0)
        count, places = cv2.connectedComponents((share > BELONGS).astype(np.uint8))
        strong = np.bincount(places[share > 1.0], minlength=count) > 0
        strong[0] = False
        for at in range(1, len(self.layers) if strong.any() else 1):
            like = self._share(seen, at) <= 1.0
            sizes = np.bincount(places.ravel(), minlength=count)
            known = np.bincount(places[like], minlength=count) >= KNOWN_SHARE * sizes
            back = strong & known
            if back.any():
                self._swap(back[places], at)
                strong &= ~back
        found: Mask = strong[places]
        return found

    def learn(self, seen: Small, standing: Mask, passed_s: float) -> None:
        """Follow the day where nothing stands."""
        share = np.float32(1.0 - np.exp(-passed_s / LEARN_S))
        alike = ~standing & (self._share(seen, 0) <= 1.0)
        layer = self.layers[0]
        layer[alike] += share * (seen[alike] / self._gain - layer[alike])

    def take_in(self, seen: Small, parked: Mask) -> None:
        """Learn what stands there; what was there before stays known."""
        layer = self.layers[0].copy()
        layer[parked] = seen[parked] / self._gain
        self.layers = [layer, *self.layers][:LAYERS_MAX]

    def be_sure(self) -> None:
        """Rely on it from now on: something came and went, and the ground was seen again."""
        self.sure, self.layers = True, self.layers[:1]

    def restart(self, seen: Small) -> None:
        """Begin anew: the camera was moved, or sees another way (night vision)."""
        self.layers, self.sure, self._gain = [seen.copy()], False, 1.0

    def lost_detail(self, seen: Small, there: Mask) -> bool:
        """Say whether a place has much less detail than the ground has: it is emptier."""
        now, then = _detail(seen, there), _detail(self.layers[0] * self._gain, there)
        return now < GHOST_EDGES * then

    def _share(self, seen: Small, at: int) -> NDArray[np.float32]:
        """Measure how much of what counts as different each pixel differs."""
        gain = _fit(seen, self.layers[at], self._gain if at == 0 else 1.0)
        if at == 0:
            self._gain = gain
        lit = np.minimum(self.layers[at] * gain, 255.0)
        least = max(DIFFERS_MIN, DIFFERS * min(1.0, gain))
        share: NDArray[np.float32] = np.abs(seen - lit).max(axis=2) / np.float32(least)
        return share

    def _swap(self, places: Mask, at: int) -> None:
        wide = cv2.dilate(places.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.bool_)
        top, under = self.layers[0], self.layers[at]
        top[wide], under[wide] = under[wide], top[wide].copy()


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
    candidates = [last, 1.0, *np.median(tiles.reshape(12, -1), axis=1).tolist()]
    best, most = last, -1.0
    for gain in candidates:
        if not GAINS[0] <= gain <= GAINS[1]:
            continue
        alike = float(np.count_nonzero(np.abs(green - ground * gain) <= DIFFERS / 2))
        # A road of another picture may look like this one in another light.
        believed = abs(gain / last - 1.0) <= GAIN_STEP or alike >= GAIN_ALIKE * green.size
        # The earlier candidate wins what is nearly a tie: a black picture fits any.
        if believed and alike > most * 1.02:
            best, most = float(gain), alike
    return best
