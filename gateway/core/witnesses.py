"""Who stands in a lane, as loops, distance sensors, devices' states and the guard's word tell it.

Pure; the rules stand in passage.py.
"""

from math import inf

from msgspec.structs import replace

from gateway import contract
from gateway.core.events import DeviceStateChanged, PresenceChanged
from gateway.core.passage import ADOPT_S, RESUME_WAIT_S, Passage, felt
from gateway.core.presence import end_passage, open_felt, stamp
from gateway.core.work import Work


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
    elif event.present and not old and passage.blind:
        # The sensor was away: it feels something, and nobody knows whether it is the same.
        work.put(i, replace(passage, blind=False, until_s=work.now + RESUME_WAIT_S))
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
    if device.kind == "distance" and event.state != "ok":
        for i in work.site.feeling.get(event.device, ()):
            _feel_nothing(work, i)
    for i in work.site.measuring.get(event.device, ()):
        _heed(work, i, was_dead=device.state != "ok")


def _heed(work: Work, i: int, *, was_dead: bool) -> None:
    """Let a lane know that its thermometer is another now than it was."""
    if was_dead:
        # Who was marked meanwhile was measured in vain: the next reading may be another's.
        work.lanes[i] = replace(work.lanes[i], mark=None)
    passage = work.lanes[i].passage
    if passage is not None:
        work.settle(i, passage)


def _tell_device(work: Work, index: int, event: DeviceStateChanged) -> None:
    devices = list(work.desk.devices)
    device = devices[index]
    cause = f"device-{event.device}"
    if event.reason == "hub":
        cause = f"hub-{event.hub}"
    devices[index] = replace(
        device, state=event.state, reason=event.reason, heard=True,
        cause="" if event.state == "ok" else cause,
    )  # fmt: skip
    work.desk = replace(work.desk, devices=tuple(devices))
    work.record(
        contract.DeviceChanged(device=event.device, state=event.state, reason=event.reason), None
    )
    if device.cause and all(other.cause != device.cause for other in devices):
        work.calm(device.cause)
    if event.state == "ok":
        return
    if event.reason == "hub":
        # All that went with it is one thing to be put right: one alert.
        work.alarm(cause, "hub_lost", 2)
        return
    what = "device_faulty" if event.state == "faulty" else "device_lost"
    if device.kind == "barrier" and event.state == "faulty":
        what = "actuator_fault"
    work.alarm(cause, what, 3 if device.kind == "camera" else 2, device=event.device)


def _feel_nothing(work: Work, i: int) -> None:
    """Take back what a distance sensor said: it is away, and says neither yes nor no."""
    stamp(work, i)
    state = work.lanes[i]
    held = felt(state)
    state = replace(state, loops=tuple(loop for loop in state.loops if loop[0] != "distance"))
    work.lanes[i] = state
    passage = state.passage
    if passage is None or passage.track is not None or passage.until_s is not None:
        return
    if held and not felt(state) and passage.left_s is None:
        work.put(i, replace(passage, blind=True, touched_s=work.now))


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
