"""Who stands in a lane, as its cameras see it: tracks, their plates, their ends.

Pure; the rules stand in passage.py.
"""

from math import inf

from msgspec.structs import replace

from gateway import contract
from gateway.core.events import (
    PlateRead,
    VehicleGone,
    VehicleSeen,
)
from gateway.core.passage import (
    ADOPT_S,
    GONE_WAIT_S,
    RESUME_WAIT_S,
    SERVED_S,
    TRACK_S,
    TRACKS_MAX,
    UNSEEN,
    How,
    LaneState,
    Passage,
    Track,
    alarming,
    felt,
    inherit,
    is_beside,
    is_crowded,
    owner,
    waiting,
)
from gateway.core.work import Work


def see_vehicle(work: Work, event: VehicleSeen) -> None:
    """Take a track that came into view, or entered or left the zone."""
    i = work.site.lane_of.get(event.lane)
    if i is None or event.camera not in work.lanes[i].lane.cameras:
        return
    stamp(work, i)
    state, now = work.lanes[i], work.now
    if state.watched_s == inf:
        state = replace(state, watched_s=now)
    tracks = state.tracks
    track = _find(state, event.camera, event.track)
    if track is None:
        # What stood there before anybody looked, the guard may have gone on from.
        unseen = event.in_zone and now - state.watched_s <= ADOPT_S
        walked = (UNSEEN,) if unseen else ()
        track = Track(event.camera, event.track, event.traveller, False, now, walked=walked)
        tracks = (*_still_true(state, now), track)
    entered = event.in_zone and not track.in_zone
    left = track.in_zone and not event.in_zone
    track = replace(
        track, in_zone=event.in_zone, traveller=event.traveller,
        zone_s=now if entered else track.zone_s,
    )  # fmt: skip
    work.lanes[i] = replace(state, tracks=_with(tracks, track))
    if entered:
        _enter(work, i, track)
    elif left:
        _leave(work, i, track)


def lose_vehicle(work: Work, event: VehicleGone) -> None:
    """Take a track that left the view."""
    i = work.site.lane_of.get(event.lane)
    if i is None:
        return
    stamp(work, i)
    state = work.lanes[i]
    track = _find(state, event.camera, event.track)
    if track is None:
        return
    tracks = tuple(old for old in state.tracks if old != track)
    work.lanes[i] = replace(state, tracks=tracks, cleared_s=work.now)
    passage = state.passage
    if passage is None:
        return
    if passage.track != (event.camera, event.track):
        if not event.turned:
            _unmask(work, i, passage, track)
        return
    if event.turned:
        end_passage(work, i, passage, "turned")
        return
    if felt(state):
        # The camera lost it, the loop still feels it: it is there until the loop lets go.
        work.put(i, replace(passage, track=None, touched_s=work.now))
        return
    left_s = work.now if passage.left_s is None else passage.left_s
    passage = replace(passage, track=None, left_s=left_s)
    work.put(i, passage)
    if left_s + GONE_WAIT_S <= work.now or _next_track(work.lanes[i]) is not None:
        end_passage(work, i, passage, "left")


def read_plate(work: Work, event: PlateRead) -> None:
    """Keep the best that is known of a track's plate, and of its passage's (rules 8 and 9)."""
    i = work.site.lane_of.get(event.lane)
    if i is None:
        return
    state = work.lanes[i]
    track = _find(state, event.camera, event.track)
    if track is None:
        return
    track = replace(track, plate=event)
    work.lanes[i] = replace(state, tracks=_with(state.tracks, track))
    passage = state.passage
    if passage is None or passage.track != (event.camera, event.track):
        return
    if passage.until_s is None:
        held = passage.before
        passage = work.take_plate(i, passage, event)
        if passage.before != held:
            work.settle(i, passage)
    else:
        _recognise(work, i, passage, track)


def _enter(work: Work, i: int, track: Track) -> None:
    """Give a track in the zone its place: the passage's, a new one's, or one too many."""
    passage, now = work.lanes[i].passage, work.now
    name = (track.camera, track.track)
    if passage is None:
        if not track.served:
            work.open(i, "track", track.traveller, track=track)
    elif passage.track == name:
        work.put(i, replace(passage, left_s=None, zone_s=now, touched_s=now))
    elif track.served:
        return
    elif passage.track is None and (passage.blind or passage.until_s is not None):
        until_s = now + RESUME_WAIT_S if passage.until_s is None else passage.until_s
        passage = replace(passage, track=name, until_s=until_s, blind=False, zone_s=now)
        work.put(i, passage)
        _recognise(work, i, passage, track)
    elif passage.track is None and passage.left_s is None and now - passage.opened_s <= ADOPT_S:
        passage = replace(passage, track=name, touched_s=now, walked=track.walked)
        work.put(i, passage)
        if track.plate is not None:
            work.take_plate(i, passage, track.plate)
    elif passage.track is None or passage.left_s is not None:
        if passage.left_s is None and UNSEEN in track.walked:
            # It was opened while nothing watched, and may be what is now found there (rule 8).
            work.lanes[i] = inherit(work.lanes[i], alarming(passage), passage.plate, now)
        end_passage(work, i, passage, "left")


def _recognise(work: Work, i: int, passage: Passage, track: Track) -> None:
    """See whether a passage taken up again is the vehicle in the zone: by its plate alone."""
    if passage.traveller not in {"unknown", track.traveller}:
        split(work, i, passage, other=True)
        return
    known, seen = passage.plate, track.plate
    if known is None or seen is None or known.status != "read" or seen.status != "read":
        return
    if known.text != seen.text:
        split(work, i, passage, other=True)
        return
    passage = replace(passage, until_s=None, touched_s=work.now)
    work.put(i, passage)
    # Its alerts were the process's that died.
    work.settle(i, work.take_plate(i, passage, seen))


def split(work: Work, i: int, passage: Passage, *, other: bool = False) -> Passage | None:
    """Close a passage taken up again; what stands at the line is another, or may be (rule 8)."""
    if passage.track is None and not felt(work.lanes[i]):
        return None
    passage = replace(passage, track=None)  # The track is not its own.
    work.put(i, passage)
    if not other:
        work.lanes[i] = inherit(work.lanes[i], alarming(passage), passage.plate, work.now)
    end_passage(work, i, passage, "interrupted")
    return work.lanes[i].passage


def _unmask(work: Work, i: int, passage: Passage, track: Track) -> None:
    """Give up a vehicle that another one, which came later, seems to have driven through.

    Its track was never ended: the camera lost it. The other one stood there and is counted.
    """
    front = owner(work.lanes[i])
    if (
        front is None
        or not front.in_zone
        or track.served
        or not front.zone_s < track.zone_s
        or {front.traveller, track.traveller} != {"vehicle"}
    ):
        return
    state = work.lanes[i]
    work.lanes[i] = replace(state, tracks=tuple(old for old in state.tracks if old != front))
    work.close(i, passage, "left")
    through = work.open(i, "track", track.traveller, track=track, since_s=track.zone_s)
    end_passage(work, i, through, "left")


def _still_true(state: LaneState, now: float) -> tuple[Track, ...]:
    """Forget tracks whose end was never told, and the least of too many."""
    own = None if state.passage is None else state.passage.track
    kept = [
        track
        for track in state.tracks
        if (track.camera, track.track) == own
        or now - max(track.seen_s, track.zone_s) < (SERVED_S if track.served else TRACK_S)
    ]
    if len(kept) >= TRACKS_MAX:
        others = [track for track in kept if (track.camera, track.track) != own]
        worst = min(others, key=lambda track: (track.in_zone, not track.served, track.seen_s))
        kept.remove(worst)
    return tuple(kept)


def _leave(work: Work, i: int, track: Track) -> None:
    state = work.lanes[i]
    passage, name = state.passage, (track.camera, track.track)
    if passage is None or passage.track != name:
        return
    tracks = _with(state.tracks, replace(track, measured=passage.windows > 0))
    passage = replace(passage, left_s=work.now)
    work.lanes[i] = replace(state, tracks=tracks, passage=passage)
    if _next_track(work.lanes[i]) is not None:
        end_passage(work, i, passage, "left")


def end_passage(work: Work, i: int, passage: Passage, how: How) -> None:
    """Close a passage and let the next one in the zone begin."""
    work.close(i, passage, how)
    admit_next(work, i)
    state = work.lanes[i]
    if how == "interrupted" and state.passage is None and felt(state):
        open_felt(work, i)


def open_felt(work: Work, i: int) -> None:
    """Open a passage for what a loop or distance sensor feels."""
    state = work.lanes[i]
    witness = next(name for name, present in state.loops if present)
    traveller: contract.Traveller = "person" if state.lane.way == "foot" else "vehicle"
    work.open(i, "loop" if witness == "loop" else "distance", traveller)


def admit_next(work: Work, i: int) -> None:
    """Open a passage for the vehicle that has stood in the free lane's zone the longest."""
    if work.lanes[i].passage is not None:
        return
    track = _next_track(work.lanes[i])
    if track is not None:
        work.open(i, "track", track.traveller, track=track, since_s=track.zone_s)


def _next_track(state: LaneState) -> Track | None:
    own = None if state.passage is None else state.passage.track
    inside = [
        track
        for track in state.tracks
        if track.in_zone and not track.served and (track.camera, track.track) != own
    ]
    return min(inside, key=lambda track: track.zone_s, default=None)


def stamp(work: Work, i: int) -> None:
    """Note until when the lane was crowded, before that may change."""
    state, now = work.lanes[i], work.now
    crowd, others, beside = is_crowded(state), waiting(state) > 0, is_beside(state)
    if crowd or others or beside:
        work.lanes[i] = replace(
            state,
            crowd_s=now if crowd else state.crowd_s,
            others_s=now if others else state.others_s,
            beside_s=now if beside else state.beside_s,
        )


def _find(state: LaneState, camera: str, number: int) -> Track | None:
    for track in state.tracks:
        if track.track == number and track.camera == camera:
            return track
    return None


def _with(tracks: tuple[Track, ...], track: Track) -> tuple[Track, ...]:
    name = (track.camera, track.track)
    if tracks and (tracks[-1].camera, tracks[-1].track) == name:
        return (*tracks[:-1], track)
    return tuple(track if (old.camera, old.track) == name else old for old in tracks)
