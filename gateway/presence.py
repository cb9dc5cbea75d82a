"""Who stands in a lane: tracks, loops, dead cameras, restarts, and time running out.

Pure; the rules stand in passage.py.
"""

from math import inf

from gateway import contract
from gateway.decision import advise
from gateway.events import (
    DeviceStateChanged,
    PlateRead,
    PresenceChanged,
    Resumed,
    Unfinished,
    VehicleGone,
    VehicleSeen,
)  # fmt: skip
from gateway.measuring import expire_loose, loose_due_s, take_window
from gateway.passage import (
    ADOPT_S,
    ASIDE_WAIT_S,
    GONE_WAIT_S,
    LEAVE_WAIT_S,
    MARK_ASIDE_S,
    RESUME_AWAY_S_MAX,
    RESUME_WAIT_S,
    SERVED_S,
    TRACK_S,
    TRACKS_MAX,
    How,
    LaneState,
    Override,
    Passage,
    Person,
    Track,
    felt,
    is_beside,
    is_crowded,
    owner,
    waiting,
)  # fmt: skip
from gateway.records import replace
from gateway.windows import flush
from gateway.work import Work

# --- Tracks ---------------------------------------------------------------------------------


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
        track = Track(event.camera, event.track, event.traveller, False, now)
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
    work.lanes[i] = replace(state, tracks=tuple(old for old in state.tracks if old != track))
    passage = state.passage
    if passage is None:
        return
    if passage.track != (event.camera, event.track):
        if not event.turned:
            _unmask(work, i, passage, track)
        return
    if event.turned:
        _end(work, i, passage, "turned")
        return
    if felt(state):
        # The camera lost it, the loop still feels it: it is there until the loop lets go.
        work.put(i, replace(passage, track=None, touched_s=work.now))
        return
    left_s = work.now if passage.left_s is None else passage.left_s
    passage = replace(passage, track=None, left_s=left_s)
    work.put(i, passage)
    if left_s + GONE_WAIT_S <= work.now or _next_track(work.lanes[i]) is not None:
        _end(work, i, passage, "left")


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
        work.take_plate(i, passage, event)
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
        _end(work, i, passage, "left")


def _recognise(work: Work, i: int, passage: Passage, track: Track) -> None:
    """See whether a passage taken up again is the vehicle in the zone: by its plate alone."""
    if passage.traveller not in {"unknown", track.traveller}:
        split(work, i, passage)
        return
    known, seen = passage.plate, track.plate
    if known is None or seen is None or known.status != "read" or seen.status != "read":
        return
    if known.text != seen.text:
        split(work, i, passage)
        return
    passage = replace(passage, until_s=None, touched_s=work.now)
    work.put(i, passage)
    work.take_plate(i, passage, seen)


def split(work: Work, i: int, passage: Passage) -> Passage | None:
    """Close a passage taken up again; what stands at the line is another, or may be (rule 8)."""
    if passage.track is None and not felt(work.lanes[i]):
        return None
    passage = replace(passage, track=None)  # The track is not its own.
    work.put(i, passage)
    _end(work, i, passage, "interrupted")
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
    _end(work, i, through, "left")


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
        _end(work, i, passage, "left")


def _end(work: Work, i: int, passage: Passage, how: How) -> None:
    """Close a passage and let the next one in the zone begin."""
    work.close(i, passage, how)
    admit_next(work, i)
    state = work.lanes[i]
    if how == "interrupted" and state.passage is None and felt(state):
        _open_felt(work, i)


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


# --- Loops, distance sensors, devices -------------------------------------------------------


def feel(work: Work, event: PresenceChanged) -> None:
    """Take the word of a loop or a distance sensor."""
    i = work.site.lane_of.get(event.lane)
    if i is None:
        return
    stamp(work, i)
    state = work.lanes[i]
    old = tuple(loop for loop in state.loops if loop[0] == event.witness)
    loops = tuple(loop for loop in state.loops if loop[0] != event.witness)
    state = replace(state, loops=(*loops, (event.witness, event.present)))
    work.lanes[i] = state
    passage, was = state.passage, bool(old) and old[0][1]
    if passage is None:
        if felt(state) and not any(track.in_zone for track in state.tracks):
            _open_felt(work, i)
    elif passage.track is not None or passage.until_s is not None:
        return
    elif not felt(state):
        work.put(i, replace(passage, left_s=work.now))
    elif event.present and not was and (passage.blind or not _is_fresh(passage, work.now)):
        # Something drove up, and nothing else holds the one before.
        work.close(i, passage, "left")
        _open_felt(work, i)


def _open_felt(work: Work, i: int) -> None:
    """Open a passage for what a loop or distance sensor feels."""
    state = work.lanes[i]
    witness = next(name for name, present in state.loops if present)
    traveller: contract.Traveller = "person" if state.lane.way == "foot" else "vehicle"
    work.open(i, "loop" if witness == "loop" else "distance", traveller)


def _is_fresh(passage: Passage, now: float) -> bool:
    return passage.left_s is None and now - passage.opened_s <= ADOPT_S


def arrive(work: Work, i: int, traveller: contract.Traveller) -> None:
    """Open a passage for whom the guard sees and no sensor does.

    A passage that nothing holds, and in which somebody was measured, is over then.
    """
    state = work.lanes[i]
    passage = state.passage
    if passage is not None:
        held = passage.track is not None or felt(state)
        if held or passage.windows == 0 or _is_fresh(passage, work.now):
            return
        work.close(i, passage, "left" if passage.until_s is None else "interrupted")
    work.open(i, "guard", traveller)


def change_device(work: Work, event: DeviceStateChanged) -> None:
    """Take the edge's word on a device."""
    index = work.site.device_of.get(event.device)
    if index is None:
        return
    device = work.desk.devices[index]
    if (device.state, device.reason) != (event.state, event.reason):
        _tell_device(work, index, event)
    elif not device.heard:
        devices = list(work.desk.devices)
        devices[index] = replace(device, heard=True)
        work.desk = replace(work.desk, devices=tuple(devices))
    if device.kind == "camera":
        for i in work.site.watching.get(event.device, ()):
            _watch(work, i, event.device)
        return
    for i in work.site.measuring.get(event.device, ()):
        passage = work.lanes[i].passage
        if passage is not None:
            work.settle(i, passage)


def _tell_device(work: Work, index: int, event: DeviceStateChanged) -> None:
    devices = list(work.desk.devices)
    devices[index] = replace(devices[index], state=event.state, reason=event.reason, heard=True)
    work.desk = replace(work.desk, devices=tuple(devices))
    work.record(
        contract.DeviceChanged(device=event.device, state=event.state, reason=event.reason), None
    )
    if event.state == "ok":
        work.calm(f"device-{event.device}")
        return
    what = "device_faulty" if event.state == "faulty" else "device_lost"
    priority = 3 if devices[index].kind == "camera" else 2
    work.alarm(f"device-{event.device}", what, priority, device=event.device)


def _watch(work: Work, i: int, camera: str) -> None:
    """Begin a camera's tracks afresh: it came, or went, and what it saw before means nothing."""
    stamp(work, i)
    state = work.lanes[i]
    states = work.desk.devices
    names = state.lane.cameras
    watched = any(states[work.site.device_of[name]].state == "ok" for name in names)
    new = watched and (not state.watched or state.watched_s == inf)
    watched_s = work.now if new else state.watched_s
    tracks = tuple(track for track in state.tracks if track.camera != camera)
    work.lanes[i] = replace(state, watched=watched, watched_s=watched_s, tracks=tracks)
    passage = state.passage
    if passage is None or passage.track is None or passage.track[0] != camera:
        return
    if passage.left_s is not None:
        _end(work, i, passage, "left")
        return
    blind = passage.until_s is None and not felt(state)
    work.put(i, replace(passage, track=None, blind=blind, touched_s=work.now))


# --- Restart --------------------------------------------------------------------------------


def resume(work: Work, event: Resumed) -> None:
    """Take up what the journal holds open; what cannot be at the line any more is closed."""
    if work.desk.resumed:
        return
    first_key = max((old.passage + 1 for old in event.unfinished), default=0)
    next_key = max(work.desk.next_key, first_key)
    work.desk = replace(work.desk, resumed=True, next_key=next_key)
    for unfinished in {old.passage: old for old in event.unfinished}.values():
        i = work.site.lane_of.get(unfinished.lane)
        state = None if i is None else work.lanes[i]
        recent = 0 <= unfinished.away_s <= RESUME_AWAY_S_MAX
        free = state is not None and state.passage is None and not state.tracks
        if i is not None and state is not None and recent and free and state.watched:
            work.lanes[i] = replace(state, passage=_unfold(work, i, unfinished))
        else:
            persons = len(unfinished.results)
            body = contract.Closed(how="interrupted", persons=persons)
            work.record(body, unfinished.passage)


def _unfold(work: Work, i: int, unfinished: Unfinished) -> Passage:
    persons = tuple(
        Person(number, result, (), attempts, None)
        for number, (result, attempts) in enumerate(
            zip(unfinished.results, unfinished.attempts, strict=False), 1
        )
    )
    plate = unfinished.plate
    said = None if plate is None else (plate.status, plate.text)
    passage = Passage(
        unfinished.passage, unfinished.traveller, "guard", work.now, work.now, work.now,
        until_s=work.now + RESUME_WAIT_S, plate=plate, plate_recorded=said,
        persons=persons, windows=len(persons), revision=unfinished.revision, resumed=True,
    )  # fmt: skip
    advice = advise(passage, work.lanes[i].lane, thermometers_alive=True)
    override = None
    if unfinished.overridden and unfinished.decision is not None:
        override = Override(unfinished.decision, advice.findings)
    return replace(
        passage,
        decision=unfinished.decision or (advice.decision if unfinished.revision else None),
        reasons=(*advice.reasons, "override") if override else advice.reasons,
        decided_persons=len(persons),
        override=override,
    )


# --- Time -----------------------------------------------------------------------------------


def expire(work: Work) -> None:
    """Do what has fallen due: silent windows, vehicles that left, waits that are over."""
    now = work.now
    for index, meter in enumerate(work.meters):
        if meter.open is not None and now - meter.last_s > work.limits.sample_gap_s:
            after, window = flush(meter, work.limits)
            work.meters[index] = after
            if window is not None:
                take_window(work, window)
    for i in range(len(work.lanes)):
        _expire_lane(work, i)
    expire_loose(work)


def _expire_lane(work: Work, i: int) -> None:
    state, now = work.lanes[i], work.now
    if due_s(state) > now:
        return
    passage = state.passage
    if passage is not None and _passage_due_s(state, passage) <= now:
        how: How = "timeout"
        if passage.until_s is not None:
            how = "interrupted"
        elif passage.left_s is not None:
            how = "left"
        stamp(work, i)
        if how != "interrupted" or split(work, i, passage) is None:
            _end(work, i, passage, how)
    for old in state.aside:
        if old.touched_s + ASIDE_WAIT_S <= now:
            work.close(i, old, "timeout")
    state = work.lanes[i]
    if state.mark is not None and _mark_due_s(state) <= now:
        work.lanes[i] = replace(state, mark=None)


def due_s(state: LaneState) -> float:
    """Say when something of this lane falls due."""
    soonest = inf
    if state.passage is not None:
        soonest = _passage_due_s(state, state.passage)
    for old in state.aside:
        soonest = min(soonest, old.touched_s + ASIDE_WAIT_S)
    if state.mark is not None:
        soonest = min(soonest, _mark_due_s(state))
    return soonest


def _mark_due_s(state: LaneState) -> float:
    mark, passage = state.mark, state.passage
    assert mark is not None
    if passage is not None and passage.key == mark.passage:
        return inf  # Goes with its passage.
    return mark.at_s + MARK_ASIDE_S


def _passage_due_s(state: LaneState, passage: Passage) -> float:
    if passage.until_s is not None:
        return passage.until_s
    if passage.left_s is not None:
        return passage.left_s + (LEAVE_WAIT_S if passage.track is not None else GONE_WAIT_S)
    if passage.track is not None or felt(state):
        return inf
    return passage.touched_s + state.lane.passage_wait_s


def wake_s(work: Work) -> float:
    """Say when the gate, apart from its open windows, wants to be woken."""
    soonest = min((due_s(state) for state in work.lanes), default=inf)
    return min(soonest, loose_due_s(work))
