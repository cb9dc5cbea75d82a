"""A plate photographed: where its corners lie in a crop, what is around it, and its frame."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.weather import weather

Picture = NDArray[np.uint8]

FIRST: Final = 0.4
"""At strength 1, the share of crops that are as a first look has them."""
BOXED: Final = 0.375
"""For each of these, crops of plates that slope in an upright box."""


def wear(
    face: Picture, rng: np.random.Generator, size: tuple[int, int], strength: float = 1.0
) -> Picture:
    """Photograph a plate's face: loose corners, light, dirt, blur, noise, JPEG.

    `strength` 0 is a clean, straight crop; 1 is what gates see; beyond, worse. The crop is as a
    detector cuts it: with some of what is around the plate, or with a little of it lost.
    """
    corners = loose_corners(rng, size, strength)
    laid = lay(framed(face, rng, strength), corners, plain_ground(rng, size))
    return weather(laid, rng, strength)


def plain_ground(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """Colours without shape, in place of what is around a plate."""
    around = rng.integers(0, 256, (3, 5, 3)).astype(np.float32)
    around = around * rng.uniform(0.0, 0.5) + rng.uniform(20, 120)
    return _picture(cv2.resize(around.astype(np.uint8), size, interpolation=cv2.INTER_CUBIC))


def loose_corners(
    rng: np.random.Generator, size: tuple[int, int], strength: float, first: float = FIRST
) -> NDArray[np.float32]:
    """Draw where a crop's plate has its corners, clockwise from the top left, in pixels."""
    width, height = size
    if rng.random() < BOXED * first * strength:
        return boxed_corners(rng, size, strength)
    if rng.random() < first * strength:
        # As a first box has it: much around the plate, turned, seen from aside.
        half = np.array((rng.uniform(0.55, 0.96) * width, rng.uniform(0.40, 0.94) * height)) / 2
        free = np.array((width, height)) / 2 - half
        middle = np.array((width, height)) / 2 + rng.uniform(-1, 1, 2) * free
        steep = 3.0 if rng.random() < 0.3 else 1.0
        turn, shear = rng.normal(0, 0.07 * steep * strength), rng.normal(0, 0.15 * strength)
    else:
        # As the second look has it: nearly the plate, sometimes a little less than it.
        half = np.array((width, height)) / 2 * (1 - np.array((0.02, 0.06)) * min(strength, 1))
        half = half * (1 + rng.normal(0, 0.022 * strength, 2) * (1, 2))
        middle = np.array((width, height)) * (0.5 + rng.normal(0, 0.012 * strength, 2) * (1, 2))
        turn, shear = rng.normal(0, 0.012 * strength), rng.normal(0, 0.06 * strength)
    away = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * half
    # Turned as it stands in the world, where a plate is three times as wide as high.
    squeeze = height / width * 3.14
    away = away @ np.array(((1, turn * squeeze), (-shear / squeeze, 1)))
    jitter = rng.normal(0, 0.010 * strength, (4, 2)) * (width, 1.8 * height)
    return (middle + away + jitter).astype(np.float32)


def boxed_corners(
    rng: np.random.Generator, size: tuple[int, int], strength: float
) -> NDArray[np.float32]:
    """Draw the corners of a plate that slopes, in the upright box that was cut around it.

    The box is squeezed to the crop's shape, as the public CCPD crops are.
    """
    high = rng.uniform(0.40, 0.95)
    left, right = high * np.exp(rng.normal(0, 0.06 * strength, 2))
    lean = rng.normal(0, 0.05 * strength)
    corners = np.array(((0, 0), (1, 1 - high), (1 + lean, 1 - high + right), (lean, left)))
    if rng.random() < 0.5:
        corners = corners[[1, 0, 3, 2]] * (-1, 1)
    low, top = corners.min(0), corners.max(0)
    inside = (corners - low) / (top - low)
    margin = rng.uniform(-0.02, 0.05, 2)
    jitter = rng.normal(0, 0.008 * strength, (4, 2))
    placed = (inside * (1 - 2 * margin) + margin + jitter) * size
    return np.asarray(placed, np.float32)


def lay(face: Picture, corners: NDArray[np.float32], ground: Picture) -> Picture:
    """Lay a face over four corners of a ground; returns a new picture."""
    wide = float(np.linalg.norm(corners[1] - corners[0])) * 1.5
    if wide < face.shape[1]:
        shrunk = max(0.05, wide / face.shape[1])
        face = _picture(cv2.resize(face, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA))
    height, width = face.shape[:2]
    own = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    turn = cv2.getPerspectiveTransform(own, corners)
    size = (ground.shape[1], ground.shape[0])
    laid = ground.copy()
    cv2.warpPerspective(face, turn, size, laid, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    return laid


def framed(face: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Put a holder's rim over a plate's edge, sometimes with a dealer's strip below."""
    if rng.random() >= 0.25 * strength:
        return face
    height, width = face.shape[:2]
    colour = tuple(int(each) for each in rng.integers(10, 230) + rng.integers(-8, 9, 3))
    rimmed = face.copy()
    rim = max(1, round(rng.uniform(0.01, 0.05) * height))
    cv2.rectangle(rimmed, (0, 0), (width - 1, height - 1), colour, rim)
    strip = round(rng.uniform(0.0, 0.10) * height)
    if strip and rng.random() < 0.5:
        rimmed[height - strip :] = colour
    return rimmed


def _picture(array: object) -> Picture:
    return np.asarray(array, np.uint8)
