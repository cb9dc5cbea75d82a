"""The gate, one function a step: an event and a moment in; what is now so and what to do, out.

Law: pure. No clock, no disk, no network, no randomness; the same events at the same moments give
the same gate and the same effects. Whatever comes, in whatever order, it does not raise: what is
not understood of a valid event (an unknown lane, a passage that is over) changes nothing. Every
state is bounded. Effects are in the order in which they must happen: what is recorded stands
before what is done about it.
"""

from math import inf

from msgspec.structs import replace

from gateway.core import alerts
from gateway.core.events import (
    AgainTouched,
    AlertAcknowledged,
    ArrivalTouched,
    AsideTouched,
    ClockChanged,
    DayBegan,
    DeviceStateChanged,
    DiskChanged,
    EmergencyTouched,
    Event,
    FacesSeen,
    InstrumentTold,
    LinkChanged,
    NextTouched,
    OpenTouched,
    OverrideTouched,
    PassPresented,
    PersonTouched,
    PlateRead,
    PlateTyped,
    PresenceChanged,
    ReadingAssigned,
    ReadingDismissed,
    RecordingChanged,
    Resumed,
    SampleTaken,
    TemperatureTyped,
    VehicleGone,
    VehicleSeen,
    Woke,
)
from gateway.core.faces import see
from gateway.core.guard import (
    dismiss_reading,
    touch_again,
    touch_arrival,
    touch_aside,
    touch_emergency,
    touch_next,
    touch_open,
    touch_override,
    touch_person,
    touch_plate,
    touch_reading,
    touch_temperature,
)
from gateway.core.limits import Limits
from gateway.core.measuring import take_window
from gateway.core.passage import Lane, LaneState
from gateway.core.passes import present
from gateway.core.presence import lose_vehicle, read_plate, see_vehicle
from gateway.core.resuming import resume
from gateway.core.screening import Window
from gateway.core.waits import expire, wake_s
from gateway.core.windows import Meter, is_stuck, take
from gateway.core.witnesses import change_device, feel
from gateway.core.work import Desk, Device, Gate, Site, Step, Work

__all__ = ["Gate", "Step", "begin", "step"]


def begin(lanes: tuple[Lane, ...], limits: Limits, *, first_key: int = 1) -> Gate:
    """Set a gate up: nobody there, every device taken for well until told otherwise."""
    meters = tuple(dict.fromkeys(name for lane in lanes for name in lane.thermometers))
    arrays = tuple(dict.fromkeys(name for lane in lanes for name in lane.arrays))
    cameras = tuple(dict.fromkeys(name for lane in lanes for name in lane.cameras))
    assert len({lane.name for lane in lanes}) == len(lanes), "two lanes of one name"
    distances = tuple(dict.fromkeys(lane.distance for lane in lanes if lane.distance))
    devices = (
        *(Device(name, "thermometer") for name in meters),
        *(Device(name, "array") for name in arrays),
        *(Device(name, "camera") for name in cameras),
        *(Device(name, "distance") for name in distances),
        *(Device(name, "reader") for lane in lanes for name in lane.readers),
        *(Device(name, "barrier")
          for name in dict.fromkeys(lane.barrier for lane in lanes if lane.barrier)),
    )  # fmt: skip
    device_of = {device.device: i for i, device in enumerate(devices)}
    assert len(device_of) == len(devices), "two devices of one name"
    site = Site(
        limits=limits,
        lane_of={lane.name: i for i, lane in enumerate(lanes)},
        meter_of={name: i for i, name in enumerate(meters)},
        device_of=device_of,
        measuring={
            name: tuple(
                i for i, lane in enumerate(lanes) if name in lane.thermometers and lane.measures
            )
            for name in meters
        },
        finding={
            name: tuple(i for i, lane in enumerate(lanes) if name in lane.arrays) for name in arrays
        },
        watching={
            name: tuple(i for i, lane in enumerate(lanes) if name in lane.cameras)
            for name in cameras
        },
        feeling={
            name: tuple(i for i, lane in enumerate(lanes) if lane.distance == name)
            for name in distances
        },
    )
    return Gate(
        site,
        tuple(LaneState(lane, watched=bool(lane.cameras)) for lane in lanes),
        tuple(Meter(name) for name in meters),
        Desk(devices=devices, next_key=first_key),
    )


def step(gate: Gate, event: Event, now: float) -> Step:
    """Take one event at one moment; return what is now so, and what to do."""
    if type(event) is SampleTaken:
        return _take_sample(gate, event, now)
    work = Work(gate, now)
    expire(work, gate.wake_s)
    _handle(work, event)
    return _done(work)


def _take_sample(gate: Gate, sample: SampleTaken, now: float) -> Step:
    """Take a sample; most change nothing but their window, and cost accordingly."""
    site, meters = gate.site, gate.meters
    index = site.meter_of.get(sample.device)
    if index is None:
        return step(gate, Woke(), now)
    meter, window = take(meters[index], sample, now, site.limits)
    meters = (*meters[:index], meter, *meters[index + 1 :])
    gate = Gate(site, gate.lanes, meters, gate.desk, gate.wake_s)
    wake_at = _wake_at(gate)
    if window is None and (wake_at is None or now < wake_at) and not gate.desk.stuck:
        return Step(gate, (), wake_at)
    work = Work(gate, now)
    if window is not None and gate.wake_s > window.began_s:
        # Before what falls due: the window was over when it ended, not now.
        _take_window(work, window)
        expire(work)
    else:
        expire(work, gate.wake_s)
        if window is not None:
            _take_window(work, window)
    if work.desk.stuck or is_stuck(meter, site.limits):
        work.tell_stuck(meter)
    return _done(work)


def _take_window(work: Work, window: Window) -> None:
    take_window(work, window)
    if "stuck" in window.flags:
        index = work.site.meter_of[window.device]
        work.tell_stuck(work.meters[index])


def _done(work: Work) -> Step:
    desk = work.desk
    if tuple(work.alerts) != desk.alerts:
        desk = replace(desk, alerts=tuple(work.alerts))
    gate = Gate(work.site, tuple(work.lanes), tuple(work.meters), desk, wake_s(work))
    return Step(gate, tuple(work.effects), _wake_at(gate))


def _wake_at(gate: Gate) -> float | None:
    soonest = gate.wake_s
    for meter in gate.meters:
        if meter.open is not None:
            soonest = min(soonest, meter.last_s + gate.site.limits.sample_gap_s + 0.001)
    return None if soonest == inf else soonest


def _handle(work: Work, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 - one table.
    match event:
        case VehicleSeen():
            see_vehicle(work, event)
        case PlateRead():
            read_plate(work, event)
        case VehicleGone():
            lose_vehicle(work, event)
        case PresenceChanged():
            feel(work, event)
        case PassPresented():
            present(work, event)
        case DeviceStateChanged():
            change_device(work, event)
        case FacesSeen():
            see(work, event)
        case InstrumentTold():
            _take_instrument(work, event)
        case NextTouched():
            touch_next(work, event)
        case ArrivalTouched():
            touch_arrival(work, event)
        case PersonTouched():
            touch_person(work, event)
        case AgainTouched():
            touch_again(work, event)
        case ReadingAssigned():
            touch_reading(work, event)
        case ReadingDismissed():
            dismiss_reading(work, event)
        case TemperatureTyped():
            touch_temperature(work, event)
        case PlateTyped():
            touch_plate(work, event)
        case OverrideTouched():
            touch_override(work, event)
        case AsideTouched():
            touch_aside(work, event)
        case OpenTouched():
            touch_open(work, event)
        case EmergencyTouched():
            touch_emergency(work, event)
        case AlertAcknowledged():
            work.effects.extend(alerts.acknowledge(work.alerts, event.alert, event.by))
        case Resumed():
            resume(work, event)
        case ClockChanged():
            _change_clock(work, event)
        case LinkChanged():
            work.desk = replace(work.desk, link=event.state)
        case DiskChanged():
            _change_disk(work, event)
        case RecordingChanged():
            _change_recording(work, event)
        case DayBegan():
            work.desk = replace(work.desk, tally=event.tally)
        case Woke() | SampleTaken():
            pass


def _take_instrument(work: Work, event: InstrumentTold) -> None:
    index = work.site.meter_of.get(event.device)
    if index is not None:
        devices = list(work.desk.devices)  # Thermometers come first.
        devices[index] = replace(devices[index], instrument=event.instrument)
        work.desk = replace(work.desk, devices=tuple(devices))
        cause = f"calibration-{event.device}"
        if event.instrument.expired:
            work.alarm(cause, "calibration_expired", 3, device=event.device)
        else:
            work.calm(cause)


def _change_clock(work: Work, event: ClockChanged) -> None:
    work.desk = replace(work.desk, clock=event.clock)
    if event.clock == "unset":
        work.alarm("clock", "clock_unset", 3)
    else:
        work.calm("clock")


def _change_disk(work: Work, event: DiskChanged) -> None:
    work.desk = replace(work.desk, disk=event.state)
    if event.state == "low":
        work.alarm("disk-low", "disk_low", 3)
    else:
        work.calm("disk-low")
    if event.state in ("full", "unwritable"):
        work.alarm("disk", f"disk_{event.state}", 2)
    else:
        work.calm("disk")


def _change_recording(work: Work, event: RecordingChanged) -> None:
    work.desk = replace(work.desk, not_recorded=event.not_recorded)
    if event.not_recorded:
        work.alarm("recording", "not_recorded", 1)
    else:
        work.calm("recording")
