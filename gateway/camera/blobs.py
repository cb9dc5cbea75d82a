"""What stands before a camera: the connected places where a picture differs from the ground.

Pure: no clock, no disk. Everything is measured in a picture of 160 by 120; places are given
relative to the picture, 0 to 1, so that they fit every size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.camera.ground import HEIGHT, WIDTH, Mask, Small

Picture: TypeAlias = NDArray[np.uint8]
Traveller: TypeAlias = Literal["vehicle", "bicycle", "person"]
Corner: TypeAlias = tuple[float, float]

PIXELS_MIN: Final = 60
"""Of 19,200: smaller is a bird, a bag, a leaf."""
PIECE_MIN: Final = 9
OWN_PLACE: Final = 0.3
STRIP: Final = 6
"""Nothing that comes to a gate is so much wider than high."""
RIM: Final = 6
RIM_FILLED: Final = 0.35
PART_INSIDE: Final = 0.7
GAP: Final = 8
"""Pieces this near to each other came as one: a window or a door is as grey as the road."""
FOOT_SHARE: Final = 0.15
"""The lowest part of a blob: where it touches the ground."""
ENTERS: Final = 0.5
STAYS: Final = 0.3
"""Share of the foot that lies in the zone, to enter it and to stay in it."""
FILLED: Final = 0.6
"""Half of this share of the zone, filled by a blob, is as good as half of the foot."""
VEHICLE_WIDE: Final = 0.35
"""Of the zone's width: as wide as this is no bicycle."""
VEHICLE_ASPECT: Final = 0.85
PERSON_ASPECT: Final = 0.42
"""Width by height: a person is narrower than a bicycle, a bicycle than a vehicle."""
PATCH_SIZE: Final = (72, 24)
CROP_WIDE: Final = 320
CROP_BYTES_MAX: Final = 32_000
DEFAULT_ZONE: Final[tuple[Corner, ...]] = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))


class View:
    """One picture, and the small ones made of it."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        self.colours: Small = cv2.GaussianBlur(small, (3, 3), 0).astype(np.float32)
        self.grey: NDArray[np.float32] = cv2.cvtColor(self.colours, cv2.COLOR_BGR2GRAY)
        high, wide = picture.shape[:2]
        self.stretch = (wide / WIDTH) / (high / HEIGHT)
        """How much wider a small picture's pixel is than it is high."""

    def patch(self, left: float, top: float, right: float, bottom: float) -> NDArray[np.uint8]:
        """Give a place as a small grey picture, always of one size."""
        high, wide = self.picture.shape[:2]
        x0, x1 = max(0, int(left * wide)), min(wide, max(int(right * wide), int(left * wide) + 2))
        y0, y1 = max(0, int(top * high)), min(high, max(int(bottom * high), int(top * high) + 2))
        part = self.picture[y0:y1, x0:x1]
        if part.size == 0:
            return np.zeros(PATCH_SIZE[::-1], np.uint8)
        small = cv2.resize(part, PATCH_SIZE, interpolation=cv2.INTER_AREA)
        grey: NDArray[np.uint8] = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        return grey

    def crop(self, left: float, top: float, right: float, bottom: float) -> bytes:
        """Cut a place out as a JPEG of at most 32 KB."""
        high, wide = self.picture.shape[:2]
        x0, x1 = max(0, int(left * wide)), min(wide, int(np.ceil(right * wide)))
        y0, y1 = max(0, int(top * high)), min(high, int(np.ceil(bottom * high)))
        if x1 - x0 < 2 or y1 - y0 < 2:
            return b""
        part = self.picture[y0:y1, x0:x1]
        for quality in (80, 60, 40, 20):
            scale = min(1.0, CROP_WIDE / (x1 - x0), CROP_WIDE / (y1 - y0))
            fit = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            done, encoded = cv2.imencode(".jpg", fit, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if done and len(encoded) <= CROP_BYTES_MAX:
                return bytes(encoded)
        return b""


@dataclass(frozen=True, slots=True)
class Zone:
    """A lane's stop zone in the picture."""

    lane: str
    mask: Mask = field(repr=False)
    wide: float
    """In pixels of the small picture."""
    middle: Corner

    @classmethod
    def of(cls, lane: str, corners: tuple[Corner, ...]) -> "Zone":
        """Draw a zone of its corners; none is the picture's lower half."""
        points = np.array(corners or DEFAULT_ZONE) * (WIDTH, HEIGHT)
        drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillPoly(drawn, [np.round(points).astype(np.int32)], 1)
        mask = drawn.astype(np.bool_)
        rows = mask.sum(axis=1)
        y, x = np.nonzero(mask)
        middle = (float(x.mean()) / WIDTH, float(y.mean()) / HEIGHT) if len(x) else (0.5, 0.75)
        return cls(lane, mask, float(rows[rows > 0].mean()) if len(x) else 1.0, middle)


@dataclass(frozen=True, slots=True)
class Blob:
    """Something before the ground."""

    mask: Mask = field(repr=False)
    left: int
    top: int
    right: int
    bottom: int
    """In pixels of the small picture, right and bottom not included."""

    @property
    def middle(self) -> Corner:
        """Its middle, relative to the picture."""
        return (self.left + self.right) / 2 / WIDTH, (self.top + self.bottom) / 2 / HEIGHT

    @property
    def place(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, relative to the picture."""
        return self.left / WIDTH, self.top / HEIGHT, self.right / WIDTH, self.bottom / HEIGHT

    @property
    def area(self) -> int:
        """Its box, in pixels of the small picture."""
        return (self.right - self.left) * (self.bottom - self.top)

    def holds(self, spot: Corner) -> bool:
        """Say whether a spot lies in its box."""
        left, top, right, bottom = self.place
        return left <= spot[0] <= right and top <= spot[1] <= bottom

    def foot_in(self, zone: Zone) -> float:
        """Give the share of its foot that lies in a zone."""
        high = max(2, round((self.bottom - self.top) * FOOT_SHARE))
        foot = self.mask[self.bottom - high : self.bottom]
        inside = foot & zone.mask[self.bottom - high : self.bottom]
        return float(np.count_nonzero(inside)) / max(1, int(np.count_nonzero(foot)))

    def share_in(self, zone: Zone) -> float:
        """Say how much it stands in a zone: by its foot, or by filling the zone.

        The foot may be lost to a road of the same grey.
        """
        filled = int(np.count_nonzero(self.mask & zone.mask))
        size = max(1, int(np.count_nonzero(zone.mask)))
        return max(self.foot_in(zone), min(1.0, filled / size / FILLED))

    def overlap(self, other: "Blob") -> float:
        """Give the share that two boxes have in common."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        if wide <= 0 or high <= 0:
            return 0.0
        both = wide * high
        return both / (self.area + other.area - both)

    def traveller(self, zone: Zone, stretch: float) -> Traveller:
        """Guess what it is by its width in the zone and by its shape."""
        wide, high = (self.right - self.left) * stretch, self.bottom - self.top
        if (self.right - self.left) >= VEHICLE_WIDE * zone.wide or wide >= VEHICLE_ASPECT * high:
            return "vehicle"
        return "person" if wide < PERSON_ASPECT * high else "bicycle"


def blob_of(mask: Mask) -> Blob | None:
    """Make a blob of a mask; None of an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Blob(mask, int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def find_blobs(differs: Mask, known: Sequence[Blob] = ()) -> list[Blob]:
    """Find what stands in a mask, the largest first.

    Pieces near to each other came as one, unless a piece is where something `known` was: a
    waiting vehicle is seen right above the roof of the one in the zone.
    """
    open_ = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(open_, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    order = sorted(range(1, len(stats)), key=lambda at: -int(stats[at][cv2.CC_STAT_AREA]))
    kept: list[Blob] = []
    for at in order:
        if stats[at][cv2.CC_STAT_AREA] < PIECE_MIN:
            break
        blob = blob_of(labels == at)
        assert blob is not None
        own = any(blob.overlap(one) >= OWN_PLACE for one in known)
        beside = None if own else next((n for n, one in enumerate(kept) if _near(blob, one)), None)
        if beside is None:
            kept.append(blob)
        else:
            joined = blob_of(kept[beside].mask | blob.mask)
            assert joined is not None
            kept[beside] = joined
    return [
        blob for blob in kept if np.count_nonzero(blob.mask) >= PIXELS_MIN and not _is_strip(blob)
    ]


def _is_strip(blob: Blob) -> bool:
    """Find what is no traveller: a line on the road, a shadow, a cable."""
    return blob.right - blob.left > STRIP * (blob.bottom - blob.top)


def _near(blob: Blob, other: Blob) -> bool:
    across = max(other.left - blob.right, blob.left - other.right)
    along = max(other.top - blob.bottom, blob.top - other.bottom)
    return across <= GAP and along <= GAP


def is_part(blob: Blob, standing: Blob) -> bool:
    """Say whether a blob lies inside what stands, or is the thin edge of what moved a little."""
    wide = min(blob.right, standing.right) - max(blob.left, standing.left)
    high = min(blob.bottom, standing.bottom) - max(blob.top, standing.top)
    if wide > 0 and high > 0 and wide * high >= PART_INSIDE * blob.area:
        return True
    thin = min(blob.right - blob.left, blob.bottom - blob.top) <= RIM
    filled = int(np.count_nonzero(blob.mask)) / max(1, blob.area)
    return _near(blob, standing) and (thin or filled < RIM_FILLED)
