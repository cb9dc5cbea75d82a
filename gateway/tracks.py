"""One camera's tracks: who came into view, stood in a stop zone, and left; with what plate.

A track is followed by place and looks. A vehicle that stands keeps its place, whatever appears
beside or behind it. When the place in the zone suddenly looks otherwise, it is another vehicle
(tailgating) once the new look has lasted, or at once when its plate says so; a hand, a door or a
person walking past gives the old look back in time. A vehicle in the zone is never learnt into
the ground, unless it has not moved for `parked_s`.

Pure: no clock, no disk, no camera. `now` is monotonic seconds; plates come through `read`, which
is called only when a track wants reading.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.blobs import (
    ENTERS,
    STAYS,
    Blob,
    Corner,
    Traveller,
    View,
    Zone,
    blob_of,
    find_blobs,
    is_part,
)
from gateway.events import PlateRead, VehicleGone, VehicleSeen
from gateway.ground import HEIGHT, WIDTH, Ground, Mask
from gateway.looks import Looks, compare, light_changed, looks_of, plate_changed
from gateway.plates.reader import Plate
from gateway.sightings import CANDIDATES_MAX, Votes, choose, middle_of

Side: TypeAlias = Literal["top", "bottom", "left", "right"]
Read: TypeAlias = Callable[[], tuple[Plate, ...]]
TrackEvent: TypeAlias = VehicleSeen | PlateRead | VehicleGone

STILL_SHARE: Final = 0.1
"""Less of a track's place changed than this: it stands."""
CHANGES: Final = 18.0
DOUBT_S: Final = 0.4
"""A new look has to last this long to be another vehicle."""
LOST_S: Final = 0.5
"""A track that is not seen is waited for: one picture in a row may be bad."""
UNSURE_WAIT_S: Final = 0.7
"""A plate not found is said once no better picture has come for so long."""
READ_EVERY_S: Final = 0.3
STILL_READS: Final = 2
"""Of a vehicle that stands: the same picture again gives the same answer."""
VERIFY_EVERY_S: Final = 1.0
REACH: Final = 0.8
"""How far a track may jump between two pictures, relative to the picture."""
LEARNS_BELOW: Final = 0.5
"""With more of the picture different, even the light may be the vehicle's."""
NARROW_S: Final = 120.0
WHOLE_VIEW: Final = 0.85
"""All of the picture is different for two minutes and has no plate: the camera was moved."""


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


class Watch:
    """All tracks of one camera."""

    def __init__(
        self, camera: str, zones: Sequence[Zone], rules: Rules, ground: Ground | None = None,
        first_track: int = 1,
    ) -> None:  # fmt: skip
        assert zones, camera
        self.camera = camera
        self.zones = tuple(zones)
        self.rules = rules
        self.ground = ground
        self.tracks: list[Track] = []
        self._next_key = first_track
        self._has_tracked = False
        self._view: View | None = None
        self._looked_s = 0.0
        self._is_empty = True
        self._read: Read = tuple
        self._first_plates: list[Corner] = []

    # --- What comes in ----------------------------------------------------------------------

    def look(self, view: View, now: float, read: Read) -> list[TrackEvent]:
        """Take a new picture; give what it changes."""
        before, self._view, self._read = self._view, view, _once(read)
        passed_s, self._looked_s = now - self._looked_s, now
        differs = self._see(view)
        self._is_empty = not differs.any()
        told = self._drop_replaced(now)
        still, loose = self._sort(view, before, differs, now)
        blobs = self._free_blobs(differs, still, loose)
        told += self._follow(loose, blobs, now)
        for track in self.tracks:
            if track.lost_s is None:
                told += self._place(track, now)
        told += self._read_plates(now)
        told += self._age(now)
        self._learn(view, differs, passed_s if before is not None else 0.0)
        return told

    def tick(self, now: float) -> list[TrackEvent]:
        """Let time pass without a new picture."""
        told = self._age(now)
        self._rely()
        return told

    # --- Seeing -----------------------------------------------------------------------------

    def _see(self, view: View) -> Mask:
        """Find what differs from the ground; take a ghost for what it is.

        An unsure ground may have been learnt with a vehicle in it. When that drives off, its
        place differs and is empty. A plate tells which of the two it is; else the emptier one
        has less detail. What was there stays known too, so a mistake costs one vehicle.
        """
        ground, high, wide = self.ground, *view.picture.shape[:2]
        if ground is None:
            ground = self.ground = Ground(view.colours)
            self._first_plates = [middle_of(one.box, wide, high) for one in self._read()]
        differs = ground.compare(view.colours)
        if ground.sure or self.tracks or not differs.any():
            return differs
        ghosts = np.zeros(differs.shape, np.bool_)
        for blob in find_blobs(differs):
            if any(_holds(blob, middle_of(one.box, wide, high)) for one in self._read()):
                continue
            was_held = any(_holds(blob, spot) for spot in self._first_plates)
            if was_held or ground.lost_detail(view.colours, blob.mask):
                ghosts |= blob.mask
        if not ghosts.any():
            return differs
        wide_ghosts = cv2.dilate(ghosts.astype(np.uint8), np.ones((7, 7), np.uint8))
        ground.take_in(view.colours, wide_ghosts.astype(np.bool_))
        return ground.compare(view.colours)

    def _sort(
        self, view: View, before: View | None, differs: Mask, now: float
    ) -> tuple[list[Track], list[Track]]:
        """Part the tracks into those that stand as they stood and those to be found again."""
        still: list[Track] = []
        loose: list[Track] = []
        for track in self.tracks:
            place = track.blob.mask
            if before is None or track.lost_s is not None or track.doubt_s is not None:
                loose.append(track)
                continue
            gain = light_changed(before, view, ~place)
            changed = np.abs(view.grey - before.grey * gain) > CHANGES * max(0.4, min(1.0, gain))
            gone = place & ~differs
            size = int(np.count_nonzero(place))
            stands = np.count_nonzero((changed | gone) & place) < STILL_SHARE * size
            if stands:
                still.append(track)
                track.moved = False
                track.seen_s = now
            else:
                loose.append(track)
        return still, loose

    def _free_blobs(self, differs: Mask, still: list[Track], loose: list[Track]) -> list[Blob]:
        """Find what is no standing track's own; a part or rim of one is its own."""
        free = differs.copy()
        for track in still:
            wide = cv2.dilate(track.blob.mask.astype(np.uint8), np.ones((5, 5), np.uint8))
            free &= ~wide.astype(np.bool_)
        blobs = find_blobs(free, [track.blob for track in loose])
        for track in still:
            parts = [blob for blob in blobs if is_part(blob, track.blob)]
            for part in parts:
                _remove(blobs, part)
            grown = track.blob.mask.copy()
            for part in parts:
                grown |= part.mask
            track.blob = blob_of(grown) or track.blob
        return blobs

    # --- Following --------------------------------------------------------------------------

    def _follow(self, loose: list[Track], blobs: list[Blob], now: float) -> list[TrackEvent]:
        """Give each loose track its blob, if any; make tracks of the rest."""
        told: list[TrackEvent] = []
        view = self._view
        assert view is not None
        for track in sorted(loose, key=lambda one: not one.in_zone):
            here = max(blobs, key=track.blob.overlap, default=None)
            if here is None or track.blob.overlap(here) < 0.3:
                continue
            told += self._stay_or_change(track, here, blobs, view, now)
        left = [one for one in loose if one.seen_s < now and one in self.tracks]
        for track in sorted(left, key=self._forwardness):
            near = [blob for blob in blobs if self._may_move(track, blob, view)]
            if near:
                best = min(near, key=lambda blob: _distance(track.blob.middle, blob.middle))
                _remove(blobs, best)
                self._move(track, best, view, now)
            elif track.lost_s is None:
                track.lost_s = now
        for blob in blobs:
            self._begin(blob, view, now)
        return told

    def _stay_or_change(
        self, track: Track, here: Blob, blobs: list[Blob], view: View, now: float
    ) -> list[TrackEvent]:
        """Decide whether the blob at a track's own place is still the same traveller."""
        verdict = compare(track.looks, looks_of(view, here))
        if track.lost_s is not None and verdict == "other":
            return self._lose(track, turned=False)
        if not track.in_zone:
            _remove(blobs, here)
            self._move(track, here, view, now)
            return []
        if verdict != "other" or self._shows_same_plate(track, here):
            _remove(blobs, here)
            self._move(track, here, view, now)
            return []
        _remove(blobs, here)
        track.seen_s, track.lost_s, track.doubtful = now, None, here
        if track.doubt_s is None:
            track.doubt_s = now
        return []

    def _drop_replaced(self, now: float) -> list[TrackEvent]:
        """End tracks in whose place another plate is seen now: the zone never emptied."""
        view = self._view
        assert view is not None
        told: list[TrackEvent] = []
        for track in list(self.tracks):
            if track.plate_at is None or track.plate_looks is None or not track.in_zone:
                continue
            if track.votes.status(self.rules.accept) != "read":
                continue
            looks = view.patch(*track.plate_at)
            if now - track.read_s < READ_EVERY_S or not plate_changed(track.plate_looks, looks):
                continue
            track.read_s = now
            best, seen = track.votes.best, self._read()
            plate = choose(self._plates_in(track.blob))
            if plate is None or best is None or any(one.text == best.text for one in seen):
                continue
            if track.votes.is_other(plate, self.rules.accept):
                told += self._lose(track, turned=False)
        return told

    def _shows_same_plate(self, track: Track, here: Blob) -> bool:
        best, plate = track.votes.best, choose(self._plates_in(here))
        return (
            plate is not None and best is not None and bool(plate.text) and plate.text == best.text
        )

    def _may_move(self, track: Track, blob: Blob, view: View) -> bool:
        """Say whether a track can have jumped to a blob between two pictures."""
        if _distance(track.blob.middle, blob.middle) > REACH:
            return False
        forward = self._along(blob.middle) >= self._along(track.blob.middle)
        verdict = compare(track.looks, looks_of(view, blob))
        # Coming nearer it is the same unless it looks quite otherwise; going back it must look
        # the same: most often one has left and the next has come into view.
        if track.was_in_zone:
            return verdict == "same"
        return forward or verdict != "other"

    def _move(self, track: Track, blob: Blob, view: View, now: float) -> None:
        track.blob, track.looks = blob, looks_of(view, blob)
        track.seen_s = track.still_since_s = now
        track.moved, track.lost_s, track.doubt_s, track.doubtful = True, None, None, None
        track.still_reads = 0

    def _begin(self, blob: Blob, view: View, now: float) -> Track:
        zone = min(self.zones, key=lambda one: _distance(one.middle, blob.middle))
        track = Track(
            self._next_key, zone.lane, blob, looks_of(view, blob),
            blob.traveller(zone, view.stretch), now, now,
        )  # fmt: skip
        self._next_key += 1
        self._has_tracked = True
        self.tracks.append(track)
        return track

    # --- Telling ----------------------------------------------------------------------------

    def _place(self, track: Track, now: float) -> list[TrackEvent]:
        """Say where a track is, when that is new."""
        if track.doubt_s is not None:
            return []
        view = self._view
        assert view is not None
        shares = {zone.lane: track.blob.share_in(zone) for zone in self.zones}
        needed = STAYS if track.in_zone else ENTERS
        told: list[TrackEvent] = []
        best = max(shares, key=shares.__getitem__)
        if best != track.lane and shares[best] >= ENTERS:
            if track.announced:
                told.append(VehicleGone(self.camera, track.lane, track.key))
            track.lane, track.in_zone, track.announced = best, False, False
            needed = ENTERS
        in_zone = shares[track.lane] >= needed
        entered = in_zone and not track.in_zone
        if entered or not track.was_in_zone:
            track.traveller = track.blob.traveller(self._zone(track), view.stretch)
        if entered:
            self._look_at_plate(track, now)
            if track.votes.best is not None and track.votes.best.text:
                track.traveller = "vehicle"
        if in_zone != track.in_zone or not track.announced:
            told.append(VehicleSeen(self.camera, track.lane, track.key, in_zone, track.traveller))
        track.in_zone, track.announced = in_zone, True
        track.was_in_zone |= in_zone
        return told

    def _read_plates(self, now: float) -> list[TrackEvent]:
        told: list[TrackEvent] = []
        for track in list(self.tracks):
            if not track.in_zone or track.lost_s is not None or track.doubt_s is not None:
                continue
            if self._wants_reading(track, now):
                told += self._look_at_plate(track, now)
            if track in self.tracks:
                told += self._tell_plate(track, final=False)
        return told

    def _wants_reading(self, track: Track, now: float) -> bool:
        if track.traveller == "person":
            return False
        since_s = now - track.read_s
        if track.votes.status(self.rules.accept) == "read":
            return track.moved and since_s >= VERIFY_EVERY_S
        return self._may_read_more(track) and since_s >= READ_EVERY_S

    def _may_read_more(self, track: Track) -> bool:
        if track.votes.looks >= self.rules.reads_max:
            return False
        if track.moved or track.still_reads < STILL_READS or track.plate_at is None:
            return True
        view = self._view
        assert view is not None
        assert track.plate_looks is not None
        return plate_changed(track.plate_looks, view.patch(*track.plate_at))

    def _look_at_plate(self, track: Track, now: float) -> list[TrackEvent]:
        """Read a track's plate; a plate that is surely another's makes it another vehicle."""
        view = self._view
        assert view is not None
        track.read_s = now
        if track.traveller == "person":
            return []
        track.still_reads += 1
        plate = choose(self._plates_in(track.blob))
        if plate is not None and track.votes.is_other(plate, self.rules.accept):
            track.doubtful = track.blob
            return self._replace(track, now)
        high, wide = view.picture.shape[:2]
        left, top, right, bottom = track.blob.place
        crop = view.crop(left, top, right, bottom)
        if plate is None:
            track.plate_at = track.plate_at or (left, (top + bottom) / 2, right, bottom)
            track.plate_looks = view.patch(*track.plate_at)
        else:
            left, top, w, h = plate.box
            edge = 0.25 * w
            track.plate_at = (left / wide, top / high, (left + w) / wide, (top + h) / high)
            track.plate_looks = view.patch(*track.plate_at)
            crop = view.crop(
                (left - edge) / wide, (top - edge) / high,
                (left + w + edge) / wide, (top + h + edge) / high,
            )  # fmt: skip
        track.votes.add(plate, crop)
        return []

    def _plates_in(self, blob: Blob) -> tuple[Plate, ...]:
        """Read the picture; keep the plates that this blob is the smallest one to hold."""
        view = self._view
        assert view is not None
        high, wide = view.picture.shape[:2]
        others = [
            one.blob
            for one in self.tracks
            if one.blob is not blob and one.lost_s is None and one.blob.overlap(blob) < 0.3
        ]
        return tuple(
            plate
            for plate in self._read()
            if _holds(blob, spot := middle_of(plate.box, wide, high))
            and not any(_holds(o, spot) and _area(o) < _area(blob) for o in others)
        )

    def _tell_plate(self, track: Track, *, final: bool) -> list[TrackEvent]:
        votes, accept = track.votes, self.rules.accept
        if track.traveller == "person" or not votes.looks:
            return []
        status = votes.status(accept)
        if status in {"none", "unread"} and not final and self._may_read_more(track):
            return []
        news = votes.news(accept)
        if news is None:
            return []
        votes.told = news
        best = votes.best
        candidates = best.candidates[:CANDIDATES_MAX] if best else ()
        return [
            PlateRead(
                self.camera, track.lane, track.key, news[0], text=news[1],
                confidence_pct=news[2], candidates=tuple(text for text, _ in candidates),
                plate_kind=best.plate_kind if best else "", crop=votes.crop,
            )
        ]  # fmt: skip

    # --- Time -------------------------------------------------------------------------------

    def _age(self, now: float) -> list[TrackEvent]:
        told: list[TrackEvent] = []
        for track in list(self.tracks):
            if track.lost_s is not None and now - track.lost_s >= LOST_S:
                told += self._lose(track, turned=self._has_turned(track))
            elif track.doubt_s is not None and now - track.doubt_s >= DOUBT_S:
                told += self._replace(track, now)
            elif track.in_zone and now - max(track.read_s, 0.0) >= UNSURE_WAIT_S:
                told += self._tell_plate(track, final=True)
        return told

    def _replace(self, track: Track, now: float) -> list[TrackEvent]:
        """Another vehicle stands where this one stood: the zone never emptied."""
        told = self._lose(track, turned=False)
        view, blob = self._view, track.doubtful
        assert view is not None
        assert blob is not None
        waiting = [one for one in self.tracks if one.lost_s is not None and not one.was_in_zone]
        if waiting:
            other = max(waiting, key=self._forwardness)
            self._move(other, blob, view, now)
        else:
            other = self._begin(blob, view, now)
        return told + self._place(other, now) + self._tell_plate(other, final=False)

    def _lose(self, track: Track, *, turned: bool) -> list[TrackEvent]:
        told = self._tell_plate(track, final=True) if track.was_in_zone else []
        self.tracks.remove(track)
        if not track.announced:
            return []
        return [*told, VehicleGone(self.camera, track.lane, track.key, turned)]

    def _has_turned(self, track: Track) -> bool:
        """Say whether it was last seen on the side it came from, outside the zone."""
        return not track.in_zone and self._forwardness(track) < 0

    def _learn(self, view: View, differs: Mask, passed_s: float) -> None:
        ground = self.ground
        assert ground is not None
        now = self._looked_s
        for track in list(self.tracks):
            stood_s = now - track.still_since_s
            whole = _area(track.blob) > WHOLE_VIEW * WIDTH * HEIGHT
            if whole and stood_s > NARROW_S and track.votes.best is None:
                ground.restart(view.colours)
                return
            if stood_s > self.rules.parked_s:
                ground.sure = True  # It came before a ground that was there.
                ground.take_in(view.colours, track.blob.mask)
        self._rely()
        wide = cv2.dilate(differs.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)
        if np.count_nonzero(differs) < LEARNS_BELOW * differs.size:
            ground.learn(view.colours, wide, passed_s)

    def _rely(self) -> None:
        """Rely on a ground that was seen again after something came and went."""
        ground = self.ground
        if ground is None or ground.sure or self.tracks or not self._has_tracked:
            return
        if self._is_empty:
            ground.be_sure()

    # --- Places -----------------------------------------------------------------------------

    def _zone(self, track: Track) -> Zone:
        return next(zone for zone in self.zones if zone.lane == track.lane)

    def _along(self, spot: Corner) -> float:
        """Measure how far into the picture a spot is, from the side of the approach."""
        x, y = spot
        return {"top": y, "bottom": 1 - y, "left": x, "right": 1 - x}[self.rules.approach]

    def _forwardness(self, track: Track) -> float:
        """Say how far beyond the zone's middle a track is; negative on the side of approach."""
        return self._along(track.blob.middle) - self._along(self._zone(track).middle)


def _once(read: Read) -> Read:
    """Read a picture at most once, however many tracks ask."""
    plates: list[tuple[Plate, ...]] = []

    def read_once() -> tuple[Plate, ...]:
        if not plates:
            plates.append(read())
        return plates[0]

    return read_once


def _distance(one: Corner, other: Corner) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))


def _holds(blob: Blob, spot: Corner) -> bool:
    left, top, right, bottom = blob.place
    return left <= spot[0] <= right and top <= spot[1] <= bottom


def _area(blob: Blob) -> int:
    return (blob.right - blob.left) * (blob.bottom - blob.top)


def _remove(blobs: list[Blob], blob: Blob) -> None:
    """Take one out by identity: masks have no truth value to compare."""
    blobs[:] = [other for other in blobs if other is not blob]
