"""Who stands in a lane, as loops, distance sensors, devices' states and the guard's word tell it.

Pure; the rules stand in passage.py.
"""

from math import inf

from gateway import contract
from gateway.events import DeviceStateChanged, PresenceChanged
from gateway.passage import ADOPT_S, Passage, felt
from gateway.presence import end_passage, open_felt, stamp
from gateway.records import replace
from gateway.work import Work


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
            open_felt(work, i)
    elif passage.track is not None or passage.until_s is not None:
        return
    elif not felt(state):
        work.put(i, replace(passage, left_s=work.now))
    elif event.present and not was and (passage.blind or not _is_fresh(passage, work.now)):
        # Something drove up, and nothing else holds the one before.
        work.close(i, passage, "left")
        open_felt(work, i)


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
        end_passage(work, i, passage, "left")
        return
    blind = passage.until_s is None and not felt(state)
    work.put(i, replace(passage, track=None, blind=blind, touched_s=work.now))
