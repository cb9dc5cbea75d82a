"""An array's picture of temperatures: is there a face in it, and how warm does it seem.

An array finds the face and does not decide fever: such modules are good to two degrees. A face is
the largest warm patch; its value leaves out the hottest pixels (a lamp, a defect) and averages
those that follow. Nothing is added, scaled or clamped. Pure; hundredths of a degree.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from drivers.errors import OptionRefused

PATCH: Final = 6
"""A drawn face is a square of so many pixels a side."""
COOLER_CENTI_C: Final = 800


class Face(NamedTuple):
    """What counts as one; proposals of our own, but for the group, which is the vendors'."""

    warm_centi_c: int = 400
    """Above the background, which is the colder quarter of the picture."""
    pixels_min: int = 12
    left_out: int = 3
    """The hottest."""
    averaged: int = 10
    """Those behind them."""


FACE: Final = Face()
RANGES: Final = {
    "warm_centi_c": range(50, 2001), "pixels_min": range(1, 401), "left_out": range(101),
    "averaged": range(1, 401),
}  # fmt: skip
OPTIONS: Final[Mapping[str, str]] = MappingProxyType({
    "warm_centi_c": "a face is so much warmer than the background, hundredths of a degree;"
    " unset: 400",
    "pixels_min": "and has so many pixels; unset: 12",
    "left_out": "so many of its hottest pixels are left out; unset: 3",
    "averaged": "so many of those that follow are averaged; unset: 10",
})  # fmt: skip


def told(options: Mapping[str, str]) -> Face:
    """Read what counts as a face; raises OptionRefused."""
    found = {}
    for name, allowed in RANGES.items():
        text = options.get(name)
        if text is None:
            continue
        if not text.isdecimal() or int(text) not in allowed:
            raise OptionRefused(
                f"{name} = {text!r}: a number from {allowed.start} to {allowed[-1]} is wanted"
            )
        found[name] = int(text)
    return Face(**found)


class Seen(NamedTuple):
    """What a picture shows."""

    shown_centi_c: int
    """The largest face, or the picture's middle value where there is none."""
    faces: int


def look(pixels: Sequence[int], width: int, face: Face = FACE) -> Seen:
    """Find the warm patches of a picture, row by row."""
    ordered = sorted(pixels)
    warm = ordered[len(ordered) // 4] + face.warm_centi_c
    patches = [p for p in _patches(pixels, width, warm) if len(p) >= face.pixels_min]
    if not patches:
        return Seen(ordered[len(ordered) // 2], 0)
    hottest = sorted((pixels[at] for at in max(patches, key=len)), reverse=True)
    averaged = hottest[face.left_out :][: face.averaged] or hottest[-1:]
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
