"""One traveller before a camera, and what is known of its plate: when to read, what to tell.

Pure: no clock, no camera; what a picture shows comes in as a View.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gateway.camera.blobs import Blob, Traveller, View
from gateway.camera.looks import Looks, plate_changed
from gateway.camera.sightings import CANDIDATES_MAX, Votes
from gateway.core.events import PlateRead
from gateway.plates.reader import Plate

Side: TypeAlias = Literal["top", "bottom", "left", "right"]

READ_EVERY_S: Final = 0.3
VERIFY_EVERY_S: Final = 1.0
"""A plate that was read is read again so often while its vehicle moves."""
STILL_READS: Final = 2
"""Of a vehicle that stands: the same picture again gives the same answer."""
CROP_EDGE: Final = 0.25
"""Around a plate, relative to its width."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say of a camera."""

    approach: Side = "top"
    """The side of the picture from which vehicles come."""
    reads_max: int = 8
    accept: float = 0.9
    parked_s: float = 1800.0


@dataclass(slots=True, eq=False)
class Track:
    """One traveller in view."""

    key: int
    lane: str
    blob: Blob
    looks: Looks = field(repr=False)
    traveller: Traveller
    seen_s: float
    still_since_s: float
    in_zone: bool = False
    was_in_zone: bool = False
    announced: bool = False
    moved: bool = True
    doubt_s: float | None = None
    doubtful: Blob | None = None
    lost_s: float | None = None
    read_s: float = float("-inf")
    still_reads: int = 0
    """Readings since it moved."""
    plate_at: tuple[float, float, float, float] | None = None
    plate_looks: NDArray[np.uint8] | None = field(default=None, repr=False)
    """Where the plate is, or may be, and how that place looked when it was last read."""
    votes: Votes = field(default_factory=Votes)

    @property
    def is_settled(self) -> bool:
        """Neither lost nor in doubt."""
        return self.lost_s is None and self.doubt_s is None

    def moves_to(self, blob: Blob, looks: Looks, now: float) -> None:
        """Go to another place, or look otherwise at the same."""
        self.blob, self.looks = blob, looks
        self.seen_s = self.still_since_s = now
        self.moved, self.lost_s, self.doubt_s, self.doubtful = True, None, None, None
        self.still_reads = 0


def wants_reading(track: Track, view: View, rules: Rules, now: float) -> bool:
    """Say whether another look at the plate may tell more than the looks before."""
    if track.traveller == "person":
        return False
    since_s = now - track.read_s
    if track.votes.status(rules.accept) == "read":
        return track.moved and since_s >= VERIFY_EVERY_S
    return since_s >= READ_EVERY_S and may_read_more(track, view, rules)


def may_read_more(track: Track, view: View, rules: Rules) -> bool:
    """Say whether looks are left, and there is something new to look at."""
    if track.votes.looks >= rules.reads_max:
        return False
    if track.moved or track.still_reads < STILL_READS:
        return True
    return shows_change(track, view)


def shows_change(track: Track, view: View) -> bool:
    """Say whether the plate's place looks otherwise than when it was last read."""
    if track.plate_at is None or track.plate_looks is None:
        return False
    return plate_changed(track.plate_looks, view.patch(*track.plate_at))


def note_look(track: Track, view: View, plate: Plate | None) -> None:
    """Take what a look at the plate gave; None found none."""
    left, top, right, bottom = track.blob.place
    if plate is None:
        # The lower half: where a plate hangs, if any, and below windscreens and riders' faces.
        lower = (left, (top + bottom) / 2, right, bottom)
        track.plate_at = track.plate_at or lower
        crop = view.crop(*lower)
    else:
        high, wide = view.picture.shape[:2]
        x, y, w, h = plate.box
        edge = CROP_EDGE * w
        track.plate_at = (x / wide, y / high, (x + w) / wide, (y + h) / high)
        crop = view.crop(
            (x - edge) / wide, (y - edge) / high, (x + w + edge) / wide, (y + h + edge) / high
        )
    track.plate_looks = view.patch(*track.plate_at)
    track.votes.add(plate, crop)


def tell_plate(
    camera: str, track: Track, view: View, rules: Rules, *, final: bool
) -> list[PlateRead]:
    """Tell what is known of the plate, when it is better than what was told.

    That there is none is told only when no look is left, or at last (`final`).
    """
    votes = track.votes
    if track.traveller == "person" or not votes.looks:
        return []
    found_none = votes.status(rules.accept) in {"none", "unread"}
    if found_none and not final and may_read_more(track, view, rules):
        return []
    news = votes.news(rules.accept)
    if news is None:
        return []
    votes.told = news
    best = votes.best
    candidates = best.candidates[:CANDIDATES_MAX] if best else ()
    told = PlateRead(
        camera, track.lane, track.key, news[0], text=news[1], confidence_pct=news[2],
        candidates=tuple(text for text, _ in candidates),
        plate_kind=best.plate_kind if best else "", crop=votes.crop,
    )  # fmt: skip
    return [told]
