"""An array's picture of temperatures: is there a face in it, and how warm does it seem.

An array finds the face and does not decide fever: such modules are good to two degrees. A face is
the largest warm patch; its value leaves out the hottest pixels (a lamp, a defect) and averages
those that follow. Nothing is added, scaled or clamped. Pure; hundredths of a degree.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

WARM_CENTI_C: Final = 400
"""Above the background, which is the colder quarter of the picture."""
FACE_PIXELS_MIN: Final = 12
HOTTEST_LEFT_OUT: Final = 3
AVERAGED: Final = 10
PATCH: Final = 6
"""A drawn face is a square of so many pixels a side."""
COOLER_CENTI_C: Final = 800


class Seen(NamedTuple):
    """What a picture shows."""

    shown_centi_c: int
    """The largest face, or the picture's middle value where there is none."""
    faces: int


def look(pixels: Sequence[int], width: int) -> Seen:
    """Find the warm patches of a picture, row by row."""
    ordered = sorted(pixels)
    warm = ordered[len(ordered) // 4] + WARM_CENTI_C
    patches = [p for p in _patches(pixels, width, warm) if len(p) >= FACE_PIXELS_MIN]
    if not patches:
        return Seen(ordered[len(ordered) // 2], 0)
    hottest = sorted((pixels[at] for at in max(patches, key=len)), reverse=True)
    averaged = hottest[HOTTEST_LEFT_OUT : HOTTEST_LEFT_OUT + AVERAGED]
    return Seen(sum(averaged) // len(averaged), len(patches))


def draw(seen: Seen, width: int, height: int) -> list[int]:
    """Draw a picture that shows this; at most `width // 10` faces have room."""
    cooler = seen.shown_centi_c - COOLER_CENTI_C if seen.faces else seen.shown_centi_c
    pixels = [cooler] * (width * height)
    for face in range(seen.faces):
        for row in range(4, 4 + PATCH):
            at = row * width + 2 + face * 10
            pixels[at : at + PATCH] = [seen.shown_centi_c] * PATCH
    return pixels


def _patches(pixels: Sequence[int], width: int, warm: int) -> list[list[int]]:
    """Gather the pixels that are warm and touch each other by a side."""
    left = {at for at, value in enumerate(pixels) if value >= warm}
    patches = []
    while left:
        edge = [left.pop()]
        patch = []
        while edge:
            at = edge.pop()
            patch.append(at)
            column = at % width
            for there, inside in (
                (at - 1, column > 0), (at + 1, column < width - 1), (at - width, True),
                (at + width, True),
            ):  # fmt: skip
                if inside and there in left:
                    left.remove(there)
                    edge.append(there)
        patches.append(patch)
    return patches
