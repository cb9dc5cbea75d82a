"""What one camera's picture shows before its ground, and how the ground is learnt.

Pure: no clock, no camera.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np

from gateway.camera.blobs import Blob, Corner, View, blob_of, find_blobs, is_part
from gateway.camera.ground import Ground, Mask
from gateway.camera.looks import light_changed
from gateway.camera.sightings import middle_of
from gateway.plates.reader import Plate

Read: TypeAlias = Callable[[], tuple[Plate, ...]]

STILL_SHARE: Final = 0.1
"""Less of a place changed than this: what is there stands."""
CHANGES: Final = 18.0
LEARNS_BELOW: Final = 0.5
"""With more of the picture different, even the light may be the vehicle's."""


class Scene:
    """A fixed camera's scene: its ground, and what is before it."""

    def __init__(self, ground: Ground | None = None) -> None:
        self.ground = ground
        self.is_empty = True
        """The newest picture shows nothing but the ground."""
        self._first_plates: list[Corner] = []

    def differs(self, view: View, read: Read, *, tracking: bool) -> Mask:
        """Find what differs from the ground; take a ghost for what it is.

        An unsure ground may have been learnt with a vehicle in it. When that drives off, its
        place differs and is empty. A plate tells which of the two it is; else the emptier one
        has less detail. What was there stays known too, so a mistake costs one vehicle.
        """
        ground = self.ground
        if ground is None:
            ground = self.ground = Ground(view.colours)
            self._first_plates = _spots(read(), view)
        found = ground.compare(view.colours)
        if not ground.sure and not tracking and found.any():
            ghosts = self._ghosts(ground, view, find_blobs(found), read)
            if ghosts.any():
                ground.take_in(view.colours, wider(ghosts, 7))
                found = ground.compare(view.colours)
        self.is_empty = not found.any()
        return found

    def _ghosts(self, ground: Ground, view: View, blobs: list[Blob], read: Read) -> Mask:
        ghosts = np.zeros(view.grey.shape, np.bool_)
        for blob in blobs:
            if any(blob.holds(spot) for spot in _spots(read(), view)):
                continue
            was_held = any(blob.holds(spot) for spot in self._first_plates)
            if was_held or ground.lost_detail(view.colours, blob.mask):
                ghosts |= blob.mask
        return ghosts

    def learn(self, view: View, differs: Mask, passed_s: float) -> None:
        """Follow the day where nothing stands."""
        assert self.ground is not None
        if np.count_nonzero(differs) < LEARNS_BELOW * differs.size:
            self.ground.learn(view.colours, wider(differs, 9), passed_s)

    def park(self, view: View, blob: Blob) -> None:
        """Learn what has not moved for long; it came before a ground that was there."""
        assert self.ground is not None
        self.ground.sure = True
        self.ground.take_in(view.colours, blob.mask)

    def restart(self, view: View) -> None:
        """Begin anew with what is seen now."""
        assert self.ground is not None
        self.ground.restart(view.colours)

    def rely(self) -> None:
        """Rely on the ground: something came and went, and it was seen again."""
        if self.ground is not None and not self.ground.sure and self.is_empty:
            self.ground.be_sure()


def stands(blob: Blob, before: View, view: View, differs: Mask) -> bool:
    """Say whether what was at a place is there as it was, in whatever light."""
    place = blob.mask
    gain = light_changed(before, view, ~place)
    changed = np.abs(view.grey - before.grey * gain) > CHANGES * max(0.4, min(1.0, gain))
    otherwise = int(np.count_nonzero((changed | ~differs) & place))
    return otherwise < STILL_SHARE * int(np.count_nonzero(place))


def free_blobs(differs: Mask, standing: list[Blob], known: list[Blob]) -> list[Blob]:
    """Find what is no standing thing's own place."""
    free = differs.copy()
    for blob in standing:
        free &= ~wider(blob.mask, 5)
    return find_blobs(free, known)


def take_parts(blob: Blob, blobs: list[Blob]) -> Blob:
    """Give a standing thing its own parts and rims back, out of what was found beside it."""
    grown = blob.mask.copy()
    for part in [one for one in blobs if is_part(one, blob)]:
        grown |= part.mask
        remove(blobs, part)
    return blob_of(grown) or blob


def remove(blobs: list[Blob], blob: Blob) -> None:
    """Take one out by identity: masks have no truth value to compare."""
    blobs[:] = [other for other in blobs if other is not blob]


def wider(mask: Mask, size: int) -> Mask:
    """Widen a mask by half of a size to each side."""
    wide: Mask = cv2.dilate(mask.astype(np.uint8), np.ones((size, size), np.uint8)).astype(np.bool_)
    return wide


def once(read: Read) -> Read:
    """Read a picture at most once, however many ask."""
    plates: list[tuple[Plate, ...]] = []

    def read_once() -> tuple[Plate, ...]:
        if not plates:
            plates.append(read())
        return plates[0]

    return read_once


def _spots(plates: tuple[Plate, ...], view: View) -> list[Corner]:
    high, wide = view.picture.shape[:2]
    return [middle_of(plate.box, wide, high) for plate in plates]
