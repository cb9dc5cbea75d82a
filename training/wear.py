"""What light, weather, motion and the camera do to a plate's picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def wear(
    face: Picture, rng: np.random.Generator, size: tuple[int, int], strength: float = 1.0
) -> Picture:
    """Photograph a plate's face: loose corners, light, dirt, blur, noise, JPEG.

    `strength` 0 is a clean, straight crop; 1 is what gates see; beyond, worse. The crop is as a
    detector cuts it: with some of what is around the plate, or with a little of it lost.
    """
    corners = loose_corners(rng, size, strength)
    return weather(lay(face, corners, plain_ground(rng, size)), rng, strength)


def weather(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Light, dirt, blur and the sensor: all that happens between a plate and a file."""
    picture = _lit(picture, rng, strength)
    if rng.random() < 0.15 * strength:
        picture = _dirty(picture, rng)
    picture = _blurred(picture, rng, strength)
    return _sensed(picture, rng, strength)


def plain_ground(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """Colours without shape, in place of what is around a plate."""
    around = rng.integers(0, 256, (3, 5, 3)).astype(np.float32)
    around = around * rng.uniform(0.0, 0.5) + rng.uniform(20, 120)
    return _picture(cv2.resize(around.astype(np.uint8), size, interpolation=cv2.INTER_CUBIC))


def loose_corners(
    rng: np.random.Generator, size: tuple[int, int], strength: float
) -> NDArray[np.float32]:
    """Draw where a crop's plate has its corners, clockwise from the top left, in pixels."""
    width, height = size
    if rng.random() < 0.4 * strength:
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


def _picture(array: object) -> Picture:
    return np.asarray(array, np.uint8)


def _lit(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    lit = picture.astype(np.float32)
    height, width = picture.shape[:2]
    if rng.random() < 0.25 * strength:
        # A shadow's edge across the plate.
        edge, slope = rng.uniform(0.1, 0.9) * width, rng.uniform(-1.5, 1.5)
        across = np.arange(width)[None, :] + slope * np.arange(height)[:, None]
        share = 1 / (1 + np.exp(-(across - edge) / rng.uniform(1, 8)))
        lit *= (1 - rng.uniform(0.2, 0.65) * share)[:, :, None].astype(np.float32)
    if rng.random() < 0.12 * strength:
        # Glare.
        spot = rng.uniform(0, 1, 2) * (width, height)
        reach = rng.uniform(0.1, 0.5) * width
        away = (np.arange(width)[None, :] - spot[0]) ** 2 + (
            np.arange(height)[:, None] - spot[1]
        ) ** 2
        lit += (rng.uniform(60, 200) * np.exp(-away / reach**2))[:, :, None].astype(np.float32)
    if rng.random() < 0.12 * strength:
        grey = cv2.cvtColor(np.clip(lit, 0, 255).astype(np.uint8), cv2.COLOR_BGR2GRAY)
        lit = np.repeat(grey[:, :, None], 3, 2).astype(np.float32)
    contrast = np.exp(rng.normal(-0.15, 0.35) * strength)
    bright = rng.normal(0, 28) * strength
    tint = np.exp(rng.normal(0, 0.10, 3) * strength).astype(np.float32)
    mean = float(lit.mean())
    lit = ((lit - mean) * np.float32(contrast) + np.float32(mean + bright)) * tint
    if rng.random() < 0.25 * strength:
        lit *= np.float32(rng.uniform(0.15, 0.8))
    return np.clip(lit, 0, 255).astype(np.uint8)


def _dirty(picture: Picture, rng: np.random.Generator) -> Picture:
    """Mud, snow or rain over some of it."""
    height, width = picture.shape[:2]
    kind = rng.integers(0, 3)
    soiled = picture.copy()
    for _ in range(int(rng.integers(2, 14))):
        spot = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        if kind == 2:
            length = int(rng.integers(3, max(4, height // 3)))
            cv2.line(soiled, spot, (spot[0] + 1, spot[1] + length), (200, 200, 200), 1, cv2.LINE_AA)
            continue
        colour = (60, 80, 100) if kind == 0 else (240, 240, 240)
        axes = (
            int(rng.integers(1, max(2, width // 22))),
            int(rng.integers(1, max(2, height // 9))),
        )
        cv2.ellipse(soiled, spot, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    share = rng.uniform(0.3, 0.8)
    return _picture(cv2.addWeighted(picture, 1 - share, soiled, share, 0))


def _blurred(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Too few pixels, out of focus, moving."""
    height, width = picture.shape[:2]
    if rng.random() < 0.65 * strength:
        shrink = rng.uniform(0.30, 0.9)
        small = (max(8, round(width * shrink)), max(4, round(height * shrink)))
        picture = _picture(cv2.resize(picture, small, interpolation=cv2.INTER_AREA))
        how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[
            int(rng.choice(3, p=(0.5, 0.4, 0.1)))
        ]
        picture = _picture(cv2.resize(picture, (width, height), interpolation=how))
    chance = rng.random()
    if chance < 0.35 * strength:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.6) * width / 168))
    elif chance < 0.5 * strength:
        length = int(rng.integers(3, max(4, width // 24)) | 1)
        kernel = np.zeros((length, length), np.float32)
        slope = rng.uniform(-0.5, 0.5)
        for i in range(length):
            kernel[round(length // 2 + slope * (i - length // 2)), i] = 1
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    return picture


def _sensed(picture: Picture, rng: np.random.Generator, strength: float) -> Picture:
    if rng.random() < 0.5 * strength:
        noise = np.empty(picture.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(0, 2**31)))
        cv2.randn(noise, 0, float(rng.uniform(1, 12)))
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5 * strength:
        how = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, how)[1], cv2.IMREAD_COLOR)
    return picture
