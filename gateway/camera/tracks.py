"""One camera's tracks: who came into view, stood in a stop zone, and left; with what plate.

A track is followed by place and looks. A vehicle that stands keeps its place, whatever appears
beside or behind it. When the place in the zone suddenly looks otherwise, it is another vehicle
(tailgating) once the new look has lasted, or at once when its plate says so; a hand, a door or a
person walking past gives the old look back in time. A vehicle in the zone is never learnt into
the ground, unless it has not moved for `parked_s`.

Pure: no clock, no disk, no camera. `now` is monotonic seconds; plates come through `read`, which
is called only when a track wants reading.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np

from gateway.camera.blobs import ENTERS, STAYS, Blob, Corner, View, Zone
from gateway.camera.ground import HEIGHT, WIDTH, Ground
from gateway.camera.looks import compare, looks_of
from gateway.camera.seeing import Read, Scene, free_blobs, once, remove, stands, take_parts
from gateway.camera.sightings import choose, middle_of
from gateway.camera.track import (
    READ_EVERY_S,
    Rules,
    Track,
    note_look,
    shows_change,
    tell_plate,
    wants_reading,
)  # fmt: skip
from gateway.core.events import PlateRead, VehicleGone, VehicleSeen
from gateway.plates.reader import Plate

__all__ = ["Rules", "Track", "TrackEvent", "Watch"]

TrackEvent: TypeAlias = VehicleSeen | PlateRead | VehicleGone

DOUBT_S: Final = 0.4
"""A new look has to last this long to be another vehicle."""
LOST_S: Final = 0.5
"""A track that is not seen is waited for: one picture in a row may be bad."""
UNSURE_WAIT_S: Final = 0.7
"""A plate not found is said once no better picture has come for so long."""
REACH: Final = 0.8
"""How far a track may jump between two pictures, relative to the picture."""
SAME_PLACE: Final = 0.3
MOVED_VIEW_S: Final = 120.0
WHOLE_VIEW: Final = 0.85
"""All of the picture is different for two minutes and has no plate: the camera was moved."""


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
        self.scene = Scene(ground)
        self.tracks: list[Track] = []
        self._next_key = first_track
        self._has_tracked = False
        self._view: View | None = None
        self._looked_s = 0.0
        self._read: Read = tuple

    # --- What comes in ----------------------------------------------------------------------

    def look(self, view: View, now: float, read: Read) -> list[TrackEvent]:
        """Take a new picture; give what it changes."""
        before, self._view, self._read = self._view, view, once(read)
        passed_s, self._looked_s = now - self._looked_s, now
        differs = self.scene.differs(view, self._read, tracking=bool(self.tracks))
        told = self._drop_replaced(now)
        still = [
            track for track in self.tracks
            if before is not None and track.is_settled and stands(track.blob, before, view, differs)
        ]  # fmt: skip
        loose = [track for track in self.tracks if track not in still]
        blobs = free_blobs(differs, [one.blob for one in still], [one.blob for one in loose])
        for track in still:
            track.moved, track.seen_s = False, now
            track.blob = take_parts(track.blob, blobs)
        told += self._follow(loose, blobs, now)
        for track in self.tracks:
            if track.lost_s is None:
                told += self._place(track, now)
        told += self._read_plates(now)
        told += self._age(now)
        self._park(now)
        self._rely()
        self.scene.learn(view, differs, passed_s if before is not None else 0.0)
        return told

    def tick(self, now: float) -> list[TrackEvent]:
        """Let time pass without a new picture."""
        told = self._age(now)
        self._rely()
        return told

    # --- Following --------------------------------------------------------------------------

    def _follow(self, loose: list[Track], blobs: list[Blob], now: float) -> list[TrackEvent]:
        """Give each loose track its blob, if any; make tracks of the rest."""
        told: list[TrackEvent] = []
        view = self._view
        assert view is not None
        for track in sorted(loose, key=lambda one: not one.in_zone):
            here = max(blobs, key=track.blob.overlap, default=None)
            if here is None or track.blob.overlap(here) < SAME_PLACE:
                continue
            told += self._stay_or_change(track, here, blobs, view, now)
        left = [one for one in loose if one.seen_s < now and one in self.tracks]
        for track in sorted(left, key=self._forwardness):
            near = [blob for blob in blobs if self._may_move(track, blob, view)]
            if near:
                best = min(near, key=lambda blob: _distance(track.blob.middle, blob.middle))
                remove(blobs, best)
                track.moves_to(best, looks_of(view, best), now)
            elif track.lost_s is None:
                track.lost_s, track.doubt_s, track.doubtful = now, None, None
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
            remove(blobs, here)
            track.moves_to(here, looks_of(view, here), now)
            return []
        if verdict != "other" or self._shows_same_plate(track, here):
            remove(blobs, here)
            track.moves_to(here, looks_of(view, here), now)
            return []
        remove(blobs, here)
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
            was_read = track.in_zone and track.votes.status(self.rules.accept) == "read"
            if not was_read or now - track.read_s < READ_EVERY_S or not shows_change(track, view):
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
        view = self._view
        assert view is not None
        told: list[TrackEvent] = []
        for track in list(self.tracks):
            if not track.in_zone or track.lost_s is not None or track.doubt_s is not None:
                continue
            if wants_reading(track, view, self.rules, now):
                told += self._look_at_plate(track, now)
            if track in self.tracks:
                told += self._tell_plate(track, final=False)
        return told

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
        note_look(track, view, plate)
        return []

    def _plates_in(self, blob: Blob) -> tuple[Plate, ...]:
        """Read the picture; keep the plates that this blob is the smallest one to hold."""
        view = self._view
        assert view is not None
        high, wide = view.picture.shape[:2]
        others = [
            one.blob
            for one in self.tracks
            if one.blob is not blob and one.lost_s is None and one.blob.overlap(blob) < SAME_PLACE
        ]
        return tuple(
            plate
            for plate in self._read()
            if blob.holds(spot := middle_of(plate.box, wide, high))
            and not any(one.holds(spot) and one.area < blob.area for one in others)
        )

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
            other.moves_to(blob, looks_of(view, blob), now)
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

    def _park(self, now: float) -> None:
        view = self._view
        assert view is not None
        for track in self.tracks:
            stood_s = now - track.still_since_s
            if stood_s > self.rules.parked_s:
                self.scene.park(view, track.blob)
            whole = track.blob.area > WHOLE_VIEW * WIDTH * HEIGHT
            if whole and stood_s > MOVED_VIEW_S and track.votes.best is None:
                self.scene.restart(view)

    def _rely(self) -> None:
        if self._has_tracked and not self.tracks:
            self.scene.rely()

    def _tell_plate(self, track: Track, *, final: bool) -> list[TrackEvent]:
        view = self._view
        assert view is not None
        return [*tell_plate(self.camera, track, view, self.rules, final=final)]

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


def _distance(one: Corner, other: Corner) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))
