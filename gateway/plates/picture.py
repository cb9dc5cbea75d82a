"""Any array becomes a picture that the readers understand, or is none; and crops by corners.

Pure. No array makes these functions fail.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.reader import Point, Region

Picture = NDArray[np.uint8]
"""Height x width x blue, green, red."""
Corners = NDArray[np.float32]
"""Four points x, y in pixels, clockwise from the top left."""

SIDE_MAX: Final = 1600
"""Larger pictures are shrunk before anything is looked for in them."""
SIDE_MIN: Final = 8
"""Smaller ones hold no plate."""
CROP_WIDTH_MAX: Final = 640
"""Up to this width a picture of a plate's shape is taken for a bare crop."""
SQUAT_WIDTH_MAX: Final = 260
"""The same, where it is less than twice as wide as high, as small camera pictures are too."""
FLAT: Final = 2.4
"""A plate that is less than so many times as wide as high has two lines."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an array that a region lies in."""

    array: NDArray[np.generic]
    left: int
    top: int
    """In pixels of the whole."""
    share: float
    """Of the whole's longest side."""
    region: Corners | None
    """In pixels of the whole."""

    def holds(self, corners: tuple[Point, ...]) -> bool:
        """Say whether the middle of these corners lies in the region."""
        if self.region is None:
            return True
        x, y = np.array(corners, np.float32).mean(axis=0)
        return cv2.pointPolygonTest(self.region, (float(x), float(y)), measureDist=False) >= 0


def cut_out(array: NDArray[np.generic], region: Region) -> Part:
    """Cut out the box of a region; the whole when there is none, or the array is no picture."""
    if not region or array.ndim not in {2, 3} or min(array.shape[:2]) < SIDE_MIN:
        return Part(array, 0, 0, 1.0, None)
    high, wide = array.shape[:2]
    corners = np.asarray(np.clip(np.array(region), 0, 1) * (wide, high), np.float32)
    left, top = np.floor(corners.min(axis=0)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int)
    part = array[top:bottom, left:right]
    share = max(part.shape[:2]) / max(wide, high)
    return Part(part, int(left), int(top), share, corners)


def as_picture(array: NDArray[np.generic]) -> Picture | None:
    """Make 8-bit BGR of grey, 16-bit, transparent or floating pictures; None of anything else."""
    if (
        array.ndim not in {2, 3}
        or min(array.shape[:2]) < SIDE_MIN
        or array.dtype.kind not in "buif"
    ):
        return None
    deep = array if array.ndim == 3 else array[:, :, None]
    if deep.shape[2] not in {1, 2, 3, 4}:
        return None
    if max(deep.shape[:2]) > 4 * SIDE_MAX:
        # Thinned out first: a picture of 48 million points need not be converted whole.
        skip = max(deep.shape[:2]) // (2 * SIDE_MAX)
        deep = deep[::skip, ::skip]
    shallow = _eight_bits(deep)
    if shallow.shape[2] in {2, 4}:
        shallow = _on_grey(shallow)
    if shallow.shape[2] == 1:
        shallow = np.repeat(shallow, 3, axis=2)
    return np.ascontiguousarray(shallow)


def _eight_bits(deep: NDArray[np.generic]) -> Picture:
    if deep.dtype == np.uint8:
        return deep.astype(np.uint8, copy=False)
    if deep.dtype == np.uint16:
        return (deep.astype(np.uint16) >> 8).astype(np.uint8)
    if deep.dtype == np.bool_:
        return deep.astype(np.uint8) * 255
    wide = np.nan_to_num(deep.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if deep.dtype.kind == "f" and float(wide.max()) <= 1.0:
        wide = wide * 255
    return np.clip(wide, 0, 255).astype(np.uint8)


def _on_grey(layered: Picture) -> Picture:
    """Lay what is transparent over a middle grey."""
    share = layered[:, :, -1:].astype(np.float32) / 255
    laid = layered[:, :, :-1] * share + 128 * (1 - share)
    return laid.astype(np.uint8)


def is_crop(picture: Picture) -> bool:
    """Tell whether a picture may be no more than one plate, by its size and shape."""
    height, width = picture.shape[:2]
    widest = CROP_WIDTH_MAX if width >= 2 * height else SQUAT_WIDTH_MAX
    return bool(width <= widest and 1.3 < width / height < 7)


def within(picture: Picture, side_max: int) -> tuple[Picture, float]:
    """Shrink a picture to a longest side; returns it and the factor back to the original.

    Halved while that is enough, and the rest between points: a fifth of what averaging costs.
    """
    longest = max(picture.shape[:2])
    if longest <= side_max:
        return picture, 1.0
    share = side_max / longest
    size = (max(1, round(picture.shape[1] * share)), max(1, round(picture.shape[0] * share)))
    small = picture
    while max(small.shape[:2]) >= 2 * side_max and min(small.shape[:2]) >= 4:
        even = small[: small.shape[0] // 2 * 2, : small.shape[1] // 2 * 2]
        half = (even.shape[1] // 2, even.shape[0] // 2)
        small = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8), 1 / share


def widened(corners: Corners, across: float, down: float) -> Corners:
    """Push corners outwards from their middle, along the plate's own sides."""
    right = (corners[1] + corners[2] - corners[0] - corners[3]) / 4
    below = (corners[2] + corners[3] - corners[0] - corners[1]) / 4
    signs = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1)), np.float32)
    push = signs[:, :1] * right * (across - 1) + signs[:, 1:] * below * (down - 1)
    return np.asarray(corners + push, np.float32)


def is_tall(corners: Corners) -> bool:
    """Say whether a plate of this shape has two lines."""
    wide, high = (float(np.linalg.norm(corners[end] - corners[0])) for end in (1, 3))
    return wide < FLAT * high


def flattened(picture: Picture, corners: Corners, size: tuple[int, int]) -> tuple[Picture, Corners]:
    """Cut what lies within corners as if seen from before it.

    Returns the crop and the turn (3 x 3) that maps its points back to the picture.
    """
    width, height = size
    own = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    turn = cv2.getPerspectiveTransform(corners.astype(np.float32), own)
    wide = float(np.linalg.norm(corners[1] - corners[0]))
    source = picture
    if wide > 2.0 * width:
        # Much larger than the net looks at: shrink first, or the crop would alias.
        left, top = np.floor(corners.min(axis=0)).astype(int) - 2
        right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 2
        left, top = max(int(left), 0), max(int(top), 0)
        part = picture[top : max(int(bottom), top + 1), left : max(int(right), left + 1)]
        if part.size:
            share = 1.5 * width / wide
            source = cv2.resize(part, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
            fx, fy = source.shape[1] / part.shape[1], source.shape[0] / part.shape[0]
            moved = (corners - np.array((left, top), np.float32)) * np.array((fx, fy), np.float32)
            own_turn = cv2.getPerspectiveTransform(moved.astype(np.float32), own)
            crop = cv2.warpPerspective(source, own_turn, size, borderMode=cv2.BORDER_REPLICATE)
            return np.asarray(crop, np.uint8), np.asarray(np.linalg.pinv(turn), np.float32)
    crop = cv2.warpPerspective(source, turn, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8), np.asarray(np.linalg.pinv(turn), np.float32)


def mapped(points: Corners, turn: Corners) -> Corners:
    """Map points by a turn that flattened() gave."""
    wide = np.concatenate([points, np.ones((len(points), 1), np.float32)], axis=1) @ turn.T
    scale = np.where(np.abs(wide[:, 2:]) < 1e-6, 1e-6, wide[:, 2:])
    return np.asarray(wide[:, :2] / scale, np.float32)


def box_of(corners: Corners, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Give the upright box of corners within a picture: left, top, width, height."""
    limit = np.array((shape[1], shape[0]), np.float32)
    first = np.clip(np.floor(corners.min(axis=0)), 0, limit - 1).astype(int)
    last = np.clip(np.ceil(corners.max(axis=0)), first + 1, limit).astype(int)
    return int(first[0]), int(first[1]), int(last[0] - first[0]), int(last[1] - first[1])
