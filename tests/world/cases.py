"""The hard cases, one small function each: what truly happens, and what sensors show of it.

A fair adversary: a camera shows the second vehicle that waits and the walker beside the car; a
handheld thermometer shows a window wherever the guard points it. Each is a whole stop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.core import events
from tests.world import physics
from tests.world.clockwork import Process
from tests.world.traffic import (
    FEVER_SHARE,
    Lane,
    foot_stop,
    measured_stop,
    out_stop,
    plain_stop,
    settle,
)  # fmt: skip
from tests.world.truth import Fault, Person, Visit


def two_in_view(lane: Lane, visit: Visit) -> Process:
    """Another vehicle waits behind, in view, while this one is measured."""
    yield from lane.roll_in(visit)
    lane.neighbour()
    lane.mark(visit, "two vehicles in view")
    yield from measured_stop(lane, visit)
    yield from lane.roll_out(visit)


def tailgating(lane: Lane, visit: Visit) -> Process:
    """The next vehicle drives into the zone before this one has left it."""
    yield from lane.roll_in(visit)
    yield from _serve(lane, visit)
    after = lane.neighbour()
    lane.unqueue(after)
    lane.mark(after, "tailgating")
    yield lane.street.between(0.5, 1.5)
    lane.enter(after)
    if lane.guard and lane.street.chance(0.4):
        # The guard cannot wait, either.
        yield from lane.guard.gun.point(lane.name, after, after.persons[0])
    yield lane.street.between(0.2, 0.8)
    lane.leave_zone(visit)
    lane.street.clock.start(lane.drive_off(visit))
    yield 0.3
    if lane.guard:
        yield from lane.guard.whose(after)
        yield from _rest(lane, after)
    else:
        yield from _serve(lane, after)
    yield from lane.roll_out(after)


def plate_lost(lane: Lane, visit: Visit) -> Process:
    """Somebody steps before the plate in the middle of the stop."""
    yield from lane.roll_in(visit)
    lane.street.clock.start(_cover_plate(lane, visit))
    yield from _serve(lane, visit)
    yield from lane.roll_out(visit)


def _cover_plate(lane: Lane, visit: Visit) -> Process:
    yield lane.street.between(1.5, 2.5)
    if visit.vehicle and visit.vehicle.plate and lane.eye and visit.unzone_s < 0:
        lane.mark(visit, "plate lost in the middle of a stop")
        lane.eye.plate(visit, "unread" if lane.street.chance(0.5) else "none", sure=20)


def early_reading(lane: Lane, visit: Visit) -> Process:
    """The guard measures the driver while the car still rolls."""
    assert lane.eye is not None
    assert lane.guard is not None
    lane.mark(visit, "reading before arrival")
    lane.eye.appears(visit)
    yield lane.street.between(0.5, 1.0)
    driver = visit.persons[0]
    yield from lane.guard.gun.grab(lane.name)
    if lane.street.chance(0.5):
        yield from lane.guard.gun.point(lane.name, visit, driver)
        yield lane.street.between(0.1, 1.0)
        lane.enter(visit)
    else:
        lane.street.clock.start(lane.guard.gun.point(lane.name, visit, driver))
        yield lane.street.between(0.9, 1.1)
        lane.enter(visit)
        yield 1.6
    yield from lane.guard.whose(visit)
    yield from _rest(lane, visit)
    yield from lane.roll_out(visit)


def _rest(lane: Lane, visit: Visit) -> Process:
    """Measure those who are still to be measured, the first of them too if nobody knows of it."""
    assert lane.guard is not None
    known = visit.persons[0].person in visit.numbers.values()
    if known and len(visit.persons) == 1:
        yield from lane.guard.finish(visit)
    else:
        yield from lane.guard.attend(visit, 1 if known else 0)
    settle(lane, visit)


def late_reading(lane: Lane, visit: Visit) -> Process:
    """The guard measures the driver once more while the car is already leaving."""
    assert lane.guard is not None
    yield from lane.roll_in(visit)
    yield from _serve(lane, visit)
    lane.mark(visit, "reading after leaving")
    yield from lane.guard.gun.grab(lane.name)
    lane.street.clock.start(lane.guard.gun.point(lane.name, visit, visit.persons[0]))
    yield lane.street.between(0.7, 1.0)
    yield from _go(lane, visit)
    yield 1.5


def _go(lane: Lane, visit: Visit, turned: bool = False) -> Process:
    visit.turned = turned
    lane.leave_zone(visit)
    lane.street.clock.start(lane.drive_off(visit, turned))
    yield 0.1


def guard_ahead(lane: Lane, visit: Visit) -> Process:
    """The guard, done with this car, walks on to the one that waits and measures its driver."""
    assert lane.guard is not None
    yield from lane.roll_in(visit)
    after = lane.neighbour()
    yield from measured_stop(lane, visit)
    lane.mark(after, "guard walking ahead")
    yield lane.street.between(0.8, 1.5)
    yield from lane.guard.gun.point(lane.name, after, after.persons[0])
    yield lane.street.between(0.5, 2.0)
    lane.unqueue(after)
    yield from lane.roll_out(visit)
    yield from lane.roll_in(after)
    yield 0.5
    yield from lane.guard.whose(after)
    yield from _rest(lane, after)
    yield from lane.roll_out(after)


def pedestrian(lane: Lane, visit: Visit) -> Process:
    """Somebody on foot slips through the car lane and is measured during a car's stop."""
    assert lane.eye is not None
    assert lane.guard is not None
    yield from lane.roll_in(visit)
    walker = _walker(lane)
    lane.mark(walker, "pedestrian during a car's stop")
    before = lane.street.chance(0.5)
    if not before:
        yield from lane.guard.attend(visit)
    lane.eye.appears(walker, "bicycle")
    yield 0.8
    beside = lane.street.chance(0.3)
    if beside:
        walker.zone_s = lane.now
        lane.eye.zone(walker, True)
    yield from lane.guard.gun.point(lane.name, walker, walker.persons[0])
    yield 0.4
    if beside:
        walker.unzone_s = lane.now
        lane.eye.zone(walker, False)
    yield lane.street.between(0.5, 1.0)
    lane.eye.vanishes(walker)
    walker.gone_s = lane.now
    if before:
        yield from lane.guard.attend(visit)
    settle(lane, visit)
    yield from lane.roll_out(visit)


def _walker(lane: Lane) -> Visit:
    rng = lane.street.rng
    number = len(lane.street.log.visits) * 10
    return lane.enroll(None, (physics.draw_person(rng, number, FEVER_SHARE),))


def hot_driver(lane: Lane, visit: Visit) -> Process:
    """The driver had the heater on; the passenger is cool; both are measured in one go."""
    first = visit.visit * 10 + 5
    hot = Person(first, 3655, 0, int(lane.street.between(110, 170)))
    cool = Person(first + 1, 3635, -5)
    if visit.traveller != "vehicle":
        yield from plain_stop(lane, visit)
        return
    visit.persons = (hot, cool)
    lane.mark(visit, "cool passenger after a hot driver")
    yield from plain_stop(lane, visit)


def u_turn(lane: Lane, visit: Visit) -> Process:
    """The vehicle turns round at the line and goes back to where it came from."""
    lane.mark(visit, "U-turn")
    yield from lane.roll_in(visit)
    if lane.guard and lane.street.chance(0.6):
        yield from lane.guard.attend(visit)
    else:
        yield lane.street.between(2.0, 6.0)
    yield from lane.roll_out(visit, turned=True)


def dead_camera(lane: Lane, visit: Visit) -> Process:
    """The camera's cable is out for a few minutes."""
    assert lane.eye is not None
    eye, now = lane.eye, lane.now
    lane.mark(visit, "dead camera")
    lane.street.clock.at(now + lane.street.between(60.0, 240.0), eye.revives)
    if lane.street.chance(0.5):
        eye.dies()
        yield from unseen_stop(lane, visit)
        return
    yield from lane.roll_in(visit)
    yield 1.0
    eye.dies()
    yield from _serve(lane, visit)
    yield from lane.roll_out(visit)
    if lane.guard and not lane.can_see() and lane.street.chance(lane.guard.habits.says_next):
        lane.guard.next_one(visit)


def unseen_stop(lane: Lane, visit: Visit) -> Process:
    """A stop that no camera sees: the guard's touches, a loop or a window must tell."""
    assert lane.eye is not None
    lane.mark(visit, "dead camera")
    yield lane.street.between(2.0, 4.0)
    guard = lane.guard
    visit.zone_s = lane.now
    lane.eye.appears(visit)
    lane.eye.zone(visit, True)
    if guard and lane.street.chance(guard.habits.says_arrival):
        yield 0.5
        guard.clear_screen(visit)
        guard.somebody_came(visit)
    yield from _serve(lane, visit)
    yield from lane.roll_out(visit)
    if guard and not lane.can_see() and lane.street.chance(guard.habits.says_next):
        guard.next_one(visit)


def restart(lane: Lane, visit: Visit) -> Process:
    """The gateway dies in the middle of the stop, by a kill or a power cut, and comes back."""
    lane.mark(visit, "restart in the middle of a passage")
    yield from lane.roll_in(visit)
    power = lane.street.chance(0.4)
    lane.street.clock.start(crash(lane, power), lane.street.between(1.0, 6.0))
    yield from _serve(lane, visit)
    if lane.street.chance(0.25):
        yield from lane.roll_out(visit)
        return
    while not lane.street.house.up:
        yield 1.0
    yield 4.0
    if lane.guard:
        yield from lane.guard.finish(visit)
    yield from lane.roll_out(visit)


def crash(lane: Lane, power: bool) -> Process:
    """Kill the gateway and start it again; the camera's child takes two seconds more."""
    street = lane.street
    if not street.house.up:
        return
    from_s = lane.now
    street.house.stop(power=power)
    yield street.between(25.0, 60.0) if power else street.between(3.0, 12.0)
    street.house.start()
    street.log.faults.append(Fault(street.post.gate, "gateway", from_s, lane.now))
    yield 1.5
    for eye in street.eyes:
        if street.house.up:
            eye.looks_afresh()


def dead_thermometer(lane: Lane, visit: Visit) -> Process:
    """The thermometer's cable is out: the guard types what a hand thermometer shows."""
    assert lane.guard is not None
    gun = lane.guard.gun
    if gun.alive:
        lane.mark(visit, "dead thermometer")
        lane.street.house.offer(events.DeviceStateChanged(gun.device, "lost", "unplugged"))
        gun.alive = False
        lane.street.clock.start(_plug_in(lane), lane.street.between(30.0, 120.0))
    yield from plain_stop(lane, visit)


def _plug_in(lane: Lane) -> Process:
    assert lane.guard is not None
    gun, from_s = lane.guard.gun, lane.now
    gun.alive = True
    lane.street.house.offer(events.DeviceStateChanged(gun.device, "ok"))
    lane.street.log.faults.append(Fault(lane.street.post.gate, gun.device, from_s - 120.0, from_s))
    yield 0.0


def odd_window(lane: Lane, visit: Visit) -> Process:
    """The first window is a wave of the hand, a bonnet, a hat's edge, a spike or a stuck chip."""
    assert lane.guard is not None
    guard = lane.guard
    yield from lane.roll_in(visit)
    yield 1.0
    kind = lane.street.rng.choice(("wave", "cup", "spike", "unstable", "stuck"))
    lane.mark(visit, f"{kind} at the thermometer")
    if kind == "cup":
        yield from guard.gun.point(lane.name, None, None, "cup", 4800)
    else:
        yield from guard.measure(visit, visit.persons[0], kind)
    yield 1.0
    yield from _serve(lane, visit) if not visit.numbers else guard.attend(visit, 1)
    yield from lane.roll_out(visit)


def two_in_a_breath(lane: Lane, visit: Visit) -> Process:
    """Driver and passenger are measured 0.3 s apart."""
    assert lane.guard is not None
    if len(visit.persons) < 2:
        yield from plain_stop(lane, visit)
        return
    guard = lane.guard
    lane.mark(visit, "two people in one breath")
    yield from lane.roll_in(visit)
    yield 1.0
    yield from guard.gun.point(lane.name, visit, visit.persons[0], cut=True)
    yield from guard.gun.point(lane.name, visit, visit.persons[1], "hasty")
    yield 0.5
    yield from guard.finish(visit)
    yield from lane.roll_out(visit)


def emergency(lane: Lane, visit: Visit) -> Process:
    """An ambulance: the guard opens at once."""
    assert lane.guard is not None
    lane.mark(visit, "emergency")
    yield from lane.roll_in(visit)
    lane.guard.touch(events.EmergencyTouched(lane.name), visit)
    yield from lane.roll_out(visit)


def _serve(lane: Lane, visit: Visit) -> Process:
    if lane.guard:
        yield from measured_stop(lane, visit)
    else:
        yield lane.street.between(2.0, 6.0)


# --- On foot --------------------------------------------------------------------------------


def close_walkers(lane: Lane, visit: Visit) -> Process:
    """A second walker steps up the moment the first is done."""
    if not lane.queue:
        lane.quota.take()
        lane.arrive(lane.draw())
    lane.mark(visit, "walkers in a row")
    yield from foot_stop(lane, visit)


def restart_on_foot(lane: Lane, visit: Visit) -> Process:
    """The gateway dies while somebody on foot is measured."""
    lane.mark(visit, "restart in the middle of a passage")
    lane.street.clock.start(crash(lane, lane.street.chance(0.4)), lane.street.between(2.0, 7.0))
    yield from foot_stop(lane, visit)


Case = Callable[[Lane, Visit], Process]

MEASURED: Final[tuple[tuple[float, Case], ...]] = (
    (10, two_in_view), (10, tailgating), (8, plate_lost), (10, early_reading), (8, late_reading),
    (10, guard_ahead), (8, pedestrian), (8, hot_driver), (6, u_turn), (2, dead_camera),
    (3, restart), (2, dead_thermometer), (8, odd_window), (4, two_in_a_breath), (2, emergency),
)  # fmt: skip
"""In a lane with camera and thermometer."""
SEEN: Final[tuple[tuple[float, Case], ...]] = (
    (10, tailgating), (8, plate_lost), (8, u_turn), (2, dead_camera), (2, restart),
)  # fmt: skip
"""In a lane with a camera alone."""
ON_FOOT: Final[tuple[tuple[float, Case], ...]] = ((20, close_walkers), (2, restart_on_foot))

REQUIRED: Final = (
    "two vehicles in view", "tailgating", "no plate", "plate lost in the middle of a stop",
    "reading before arrival", "reading after leaving", "guard walking ahead",
    "pedestrian during a car's stop", "cool passenger after a hot driver", "U-turn",
    "dead camera", "restart in the middle of a passage",
)  # fmt: skip
"""What each run must hold, each more than none."""


@dataclass(frozen=True, slots=True)
class Script:
    """Choose how each stop goes: one in `hard_share` is a hard case."""

    hard_share: float
    only: Case | None = None

    def __call__(self, lane: Lane, visit: Visit) -> Process:
        """Give the stop of one visit."""
        if lane.eye and not lane.can_see() and lane.street.house.up:
            return unseen_stop(lane, visit)
        if lane.street.chance(self.hard_share):
            fits = self.only and lane.eye and lane.guard
            return self.only(lane, visit) if fits else self._hard(lane)(lane, visit)
        return self._plain(lane)(lane, visit)

    def _plain(self, lane: Lane) -> Case:
        if lane.way == "foot":
            return foot_stop
        return plain_stop if lane.guard and lane.way == "in" else out_stop

    def _hard(self, lane: Lane) -> Case:
        table = ON_FOOT if lane.way == "foot" else MEASURED if lane.guard else SEEN
        total = sum(weight for weight, _ in table)
        draw = lane.street.rng.random() * total
        for weight, case in table:
            draw -= weight
            if draw < 0:
                return case
        return table[-1][1]


__all__ = ["REQUIRED", "Script"]
