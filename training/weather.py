"""What light, weather, motion and the camera do to a picture: all between a plate and a file.

`strength` 0 changes nothing; 1 is what gates see; beyond, worse.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Values = NDArray[np.float32]

FEWEST: Final = 50.4
"""Pixels that a camera has of a plate's width, at least."""


def weather(
    picture: Picture,
    rng: np.random.Generator,
    strength: float,
    wide: float | None = None,
    heavy: float = 1.0,
) -> Picture:
    """Lay light, dirt, blur and the sensor's own over a picture.

    `strength` says how often each comes, and how far light and colours stray; `heavy`, 0 to 1, how
    much mud, rain, shadow, glare and darkness hide where they come. What blurs goes by how wide the
    plate is in the picture, in pixels: by the whole picture unless given.
    """
    if rng.random() < 0.18 * strength:
        picture = _dirty(picture, rng, heavy)
    picture = _lit(picture, rng, strength, heavy)
    picture = _blurred(picture, rng, strength, wide or picture.shape[1])
    if rng.random() < 0.06 * strength:
        picture = _rained(picture, rng, heavy)
    return _sensed(picture, rng, strength)


def _picture(array: object) -> Picture:
    return np.asarray(array, np.uint8)


# --- Light ----------------------------------------------------------------------------------


def _lit(picture: Picture, rng: np.random.Generator, strength: float, heavy: float) -> Picture:
    lit = picture.astype(np.float32)
    if rng.random() < 0.25 * strength:
        lit *= _shadow(picture.shape, rng, heavy)
    grey = rng.random()
    if grey < 0.08 * strength:
        lit = _infrared(lit, rng)
    elif grey < 0.16 * strength:
        lit = np.repeat(lit.mean(axis=2, keepdims=True), 3, 2)
    contrast = np.exp(rng.normal(-0.15, 0.35) * strength)
    bright = rng.normal(0, 28) * strength
    tint = np.exp(rng.normal(0, 0.10, 3) * strength).astype(np.float32)
    mean = float(lit.mean())
    lit = ((lit - mean) * np.float32(contrast) + np.float32(mean + bright)) * tint
    if rng.random() < 0.25 * strength:
        lit *= np.float32(1 - heavy * (1 - rng.uniform(0.15, 0.8)))
    if rng.random() < 0.14 * strength:
        # Last, so that a lamp outshines a dark picture.
        lit += np.float32(heavy) * _glare(picture.shape, rng)
    return np.clip(lit, 0, 255).astype(np.uint8)


def _shadow(shape: tuple[int, ...], rng: np.random.Generator, heavy: float) -> Values:
    """Give a shadow's edge across the plate."""
    height, width = shape[:2]
    edge, slope = rng.uniform(0.1, 0.9) * width, rng.uniform(-1.5, 1.5)
    across = np.arange(width)[None, :] + slope * np.arange(height)[:, None]
    share = 1 / (1 + np.exp(np.clip(-(across - edge) / rng.uniform(1, 8), -50, 50)))
    return (1 - heavy * rng.uniform(0.2, 0.65) * share)[:, :, None].astype(np.float32)


def _glare(shape: tuple[int, ...], rng: np.random.Generator) -> Values:
    """Give the sun's or a lamp's spot."""
    height, width = shape[:2]
    spot = rng.uniform(0, 1, 2) * (width, height)
    reach = rng.uniform(0.08, 0.5) * width
    across = (np.arange(width)[None, :] - spot[0]) ** 2
    away = across + (np.arange(height)[:, None] - spot[1]) ** 2
    return (rng.uniform(60, 220) * np.exp(-away / reach**2))[:, :, None].astype(np.float32)


def _infrared(lit: Values, rng: np.random.Generator) -> Values:
    """Night vision: grey, by other shares of the colours than an eye's, ground and ink nearer."""
    shares = rng.dirichlet((1.0, 1.0, 1.5)).astype(np.float32)
    grey = lit @ shares
    low, high = float(grey.min()), float(grey.max())
    flat = rng.uniform(0.0, 0.5) * (high - low)
    grey = grey * (1 - flat / max(1.0, high - low)) + rng.uniform(0, 1) * flat
    return np.repeat(grey[:, :, None], 3, 2).astype(np.float32)


# --- Weather --------------------------------------------------------------------------------


def _dirty(picture: Picture, rng: np.random.Generator, heavy: float) -> Picture:
    """Mud thrown up from below, or snow lying from above, over some of it."""
    height, width = picture.shape[:2]
    snow = rng.random() < 0.4
    colour = np.array((240, 240, 240) if snow else (60, 80, 100), np.float32)
    colour = colour * np.float32(rng.uniform(0.8, 1.1))
    cloth = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(3, 18))):
        x, y = rng.uniform(0, width), height * rng.beta(1, 2.5)
        spot = (int(x), int(y if snow else height - y))
        axes = (
            int(rng.integers(1, max(2, width // 20))),
            int(rng.integers(1, max(2, height // 8))),
        )
        cv2.ellipse(cloth, spot, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    if snow and rng.random() < 0.5:
        cloth[: int(rng.uniform(0, 0.25) * height)] = 255
    soft = cv2.GaussianBlur(cloth, (0, 0), float(rng.uniform(0.3, 1.5)))
    share = (soft.astype(np.float32) / 255 * np.float32(heavy * rng.uniform(0.35, 0.9)))[:, :, None]
    return _picture(picture * (1 - share) + np.clip(colour, 0, 255) * share)


def _rained(picture: Picture, rng: np.random.Generator, heavy: float) -> Picture:
    """Streaks of rain or flakes of snow in the air, and drops on the lens."""
    height, width = picture.shape[:2]
    air = picture.copy()
    slope, flakes = rng.uniform(-0.4, 0.4), rng.random() < 0.4
    for _ in range(int(rng.integers(4, 22))):
        spot = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        if flakes:
            cv2.circle(air, spot, int(rng.integers(1, max(2, height // 14))), (235, 235, 235), -1)
            continue
        length = int(rng.integers(3, max(4, height // 2)))
        end = (spot[0] + int(slope * length), spot[1] + length)
        cv2.line(air, spot, end, (205, 205, 205), 1, cv2.LINE_AA)
    share = heavy * rng.uniform(0.25, 0.7)
    wet = _picture(cv2.addWeighted(picture, 1 - share, air, share, 0))
    for _ in range(int(rng.integers(0, 3))):
        drop = np.zeros((height, width, 1), np.float32)
        spot = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        cv2.circle(drop, spot, int(rng.integers(3, max(4, height // 4))), 1.0, -1, cv2.LINE_AA)
        blurred = cv2.GaussianBlur(wet, (0, 0), 0.05 * height + 0.5)
        drop = np.float32(heavy) * drop.reshape(height, width, 1)
        wet = _picture(wet * (1 - drop) + blurred * drop)
    return wet


# --- Camera ---------------------------------------------------------------------------------


def _blurred(picture: Picture, rng: np.random.Generator, strength: float, wide: float) -> Picture:
    """Too few pixels, out of focus, moving."""
    height, width = picture.shape[:2]
    if rng.random() < 0.65 * strength:
        shrink = max(rng.uniform(0.30, 0.9), FEWEST / wide)
        small = (max(8, round(width * shrink)), max(4, round(height * shrink)))
        picture = _picture(cv2.resize(picture, small, interpolation=cv2.INTER_AREA))
        how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[
            int(rng.choice(3, p=(0.5, 0.4, 0.1)))
        ]
        picture = _picture(cv2.resize(picture, (width, height), interpolation=how))
    chance = rng.random()
    if chance < 0.35 * strength:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.6) * wide / 168))
    elif chance < 0.5 * strength:
        length = int(rng.integers(3, max(4, int(wide) // 24)) | 1)
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
