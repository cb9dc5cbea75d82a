"""Where plates may be, by OpenCV alone: upright strokes close together, and plate colours.

The fall-back where no detector's file is at hand, and a source of further candidates. Pure.
"""

from typing import Final

import cv2
import numpy as np

from gateway.plates.picture import Corners, Picture, within

SIDE: Final = 560
"""Pictures are looked at in this size, whatever their own."""
COUNT: Final = 10
HUES: Final = (
    ((100, 70, 40), (130, 255, 255)),
    ((12, 80, 60), (36, 255, 255)),
    ((38, 22, 70), (88, 190, 255)),
)
"""Blue, yellow, green: lowest and highest hue, saturation and value."""


def candidates(picture: Picture, count: int = COUNT) -> tuple[Corners, ...]:
    """Give corners of what may be plates, the likeliest first."""
    small, back = within(picture, SIDE)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    strokes = _strokes(grey)
    found = []
    for mask in (*_stroke_masks(strokes), *_colour_masks(small)):
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found += [each for each in map(_corners, contours) if each is not None]
    ranked = sorted(((_worth(strokes, each), each) for each in found), key=lambda pair: -pair[0])
    chosen: list[Corners] = []
    for _, corners in ranked:
        if all(_apart(corners, other) for other in chosen):
            chosen.append(corners)
        if len(chosen) == count:
            break
    return tuple(np.asarray(each * back, np.float32) for each in chosen)


def _strokes(grey: Picture) -> Picture:
    """Give the strength of upright edges, evened out over light and dark parts."""
    across = cv2.convertScaleAbs(cv2.Sobel(grey, cv2.CV_16S, 1, 0, ksize=3), alpha=0.5)
    usual = cv2.blur(across, (81, 61))
    return np.asarray(cv2.subtract(across, usual), np.uint8)


def _stroke_masks(strokes: Picture) -> tuple[Picture, ...]:
    smooth = cv2.GaussianBlur(strokes, (5, 5), 0)
    _, edges = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    masks = []
    for reach in (9, 17, 27):
        joined = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((3, reach), np.uint8))
        opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((5, 9), np.uint8))
        masks.append(np.asarray(opened, np.uint8))
    return tuple(masks)


def _colour_masks(small: Picture) -> tuple[Picture, ...]:
    hues = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    masks = []
    for lowest, highest in HUES:
        mask = cv2.inRange(hues, np.array(lowest), np.array(highest))
        joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 9), np.uint8))
        opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((5, 13), np.uint8))
        masks.append(np.asarray(opened, np.uint8))
    return tuple(masks)


def _corners(contour: Picture) -> Corners | None:
    """Give a contour's corners when its shape is a plate's; clockwise from the top left."""
    (x, y), (first, second), turn = cv2.minAreaRect(contour)
    if first < second:
        first, second, turn = second, first, turn - 90
    turn = (turn + 90) % 180 - 90
    if not (second >= 6 and first >= 22 and 1.4 < first / second < 8 and abs(turn) < 35):
        return None
    along = np.array((np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn)))) * first / 2
    down = np.array((-along[1], along[0])) * second / first
    middle = np.array((x, y))
    ends = (-along - down, along - down, along + down, -along + down)
    return np.asarray([middle + each for each in ends], np.float32)


def _worth(strokes: Picture, corners: Corners) -> float:
    """Weigh a candidate: many strokes within, few above and below, a plate's shape."""
    left, top = np.maximum(corners.min(axis=0).astype(int), 0)
    right, bottom = corners.max(axis=0).astype(int) + 1
    within_it = strokes[top:bottom, left:right]
    if within_it.size == 0:
        return 0.0
    high = int(bottom - top)
    above = strokes[max(0, top - high // 2) : top, left:right]
    around = (above, strokes[bottom : bottom + high // 2, left:right])
    beside = float(np.mean([part.mean() for part in around if part.size] or [0.0]))
    wide, tall = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])
    shape = float(np.exp(-((np.log(wide / tall / 3.2) / 0.55) ** 2)))
    return (float(within_it.mean()) - 0.6 * beside) * (0.3 + shape)


def _apart(first: Corners, second: Corners) -> bool:
    """Tell whether two candidates are not the same place in the same size."""
    low = np.maximum(first.min(axis=0), second.min(axis=0))
    high = np.minimum(first.max(axis=0), second.max(axis=0))
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(each.max(axis=0) - each.min(axis=0))) for each in (first, second)]
    return shared < 0.6 * (areas[0] + areas[1] - shared)
