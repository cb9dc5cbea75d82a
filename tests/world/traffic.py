"""A gate's day: who comes when, and how a stop goes when nothing is odd about it.

Vehicles come at a rate, queue, are seen waiting, drive up, are measured, and go. One stop in ten
is given to a hard case (`cases.py`).
"""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from tests.world import physics
from tests.world.clockwork import PARK, Process
from tests.world.guard import Guard
from tests.world.lanes import Eye, Gun, Post, Street, read_plate
from tests.world.truth import Person, Vehicle, Visit

FEVER_SHARE = 0.008
"""Far above life's, so that each run holds some."""
PERSONS = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4)
"""Who sits in a car in that month: mostly the driver alone."""
IN_VIEW = 2
"""So many waiting vehicles the camera sees."""

_PROVINCES = "鲁鲁鲁鲁鲁鲁京津冀豫苏"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_MARKS = "0123456789" * 3 + _LETTERS


@dataclass(slots=True, eq=False)
class Quota:
    """How many visits the whole world still begins."""

    left: int

    def take(self) -> bool:
        """Take one, if there is one."""
        self.left -= 1
        return self.left >= 0


@dataclass(slots=True, eq=False)
class Lane:
    """One lane of the street: its queue, its camera, its guard."""

    street: Street
    name: str
    way: str
    quota: Quota
    rate_h: float
    guard: Guard | None = None
    eye: Eye | None = None
    queue: deque[Visit] = field(default_factory=deque)
    zone_free_s: float = 0.0
    worker: Process | None = None
    parked: bool = False
    busy: bool = False

    @property
    def now(self) -> float:
        """The world's time."""
        return self.street.now

    # --- Coming -----------------------------------------------------------------------------

    def arrivals(self) -> Process:
        """Let them come, one after another, until the world has had enough."""
        while True:
            yield self.street.rng.expovariate(self.rate_h / 3600.0)
            if not self.quota.take():
                return
            self.arrive(self.draw())

    def draw(self) -> Visit:
        """Draw who comes."""
        street, log, post = self.street, self.street.log, self.street.post
        rng = street.rng
        draw = rng.random()
        warmed = 0
        if self.way == "foot":
            vehicle, count = None, 1
            cold_share = post.cold_share * 1.5
        elif draw < 0.07:
            vehicle, count = Vehicle(len(log.visits), "bicycle", ""), 1
            cold_share = post.cold_share * 2.0
        else:
            covered = draw < 0.09
            vehicle = Vehicle(len(log.visits), "vehicle", "" if covered else plate(street))
            count = PERSONS[int(rng.random() * len(PERSONS))]
            cold_share = 0.0
        if street.chance(cold_share):
            warmed = -int(street.between(280, 420))
        if vehicle and vehicle.traveller == "vehicle" and street.chance(post.hot_share):
            warmed = int(street.between(100, 180))
        first = len(log.visits) * 10
        persons = tuple(
            physics.draw_person(rng, first + n, FEVER_SHARE, warmed if n == 0 else 0)
            for n in range(count)
        )
        return self.enroll(vehicle, persons)

    def enroll(self, vehicle: Vehicle | None, persons: tuple[Person, ...]) -> Visit:
        """Write a new visit into the truth."""
        log = self.street.log
        visit = Visit(
            len(log.visits), self.street.post.gate, self.name, self.way, vehicle, persons, self.now
        )
        log.visits.append(visit)
        if vehicle and not vehicle.plate and vehicle.traveller == "vehicle":
            self.mark(visit, "no plate")
        return visit

    def mark(self, visit: Visit, case: str) -> None:
        """Count a case, and write it on the visit."""
        if case not in visit.cases:
            visit.cases.add(case)
            self.street.log.count(case)

    def arrive(self, visit: Visit) -> None:
        """Join the queue; the first few are in the camera's view."""
        self.queue.append(visit)
        if self.eye and len(self.queue) <= IN_VIEW:
            self.eye.appears(visit)
        self.wake()

    def wake(self) -> None:
        """Have the lane's worker look at the queue."""
        if self.parked and self.worker is not None:
            self.parked = False
            self.street.clock.at(self.now, self.worker)

    # --- Serving ----------------------------------------------------------------------------

    def work(self, script: Callable[["Lane", Visit], Process]) -> Process:
        """Serve the queue, one after another, for ever."""
        while True:
            if not self.queue:
                self.busy = False
                self.parked = True
                yield PARK
                continue
            self.busy = True
            visit = self.queue.popleft()
            if self.eye:
                for seen in list(self.queue)[:IN_VIEW]:
                    self.eye.appears(seen)
            yield from script(self, visit)

    def roll_in(self, visit: Visit) -> Process:
        """Drive up to the line."""
        assert self.eye is not None
        self.eye.appears(visit)
        yield self.street.between(2.0, 4.0)
        self.enter(visit)

    def enter(self, visit: Visit) -> None:
        """Stand at the line from now on."""
        assert self.eye is not None
        visit.zone_s = self.now
        self.eye.zone(visit, True)
        if visit.traveller == "vehicle":
            self.street.clock.start(read_plate(self.street, self.eye, visit))

    def leave_zone(self, visit: Visit) -> None:
        """Drive off the line."""
        assert self.eye is not None
        visit.unzone_s = self.now
        self.eye.zone(visit, False)

    def roll_out(self, visit: Visit, turned: bool = False) -> Process:
        """Drive off the line and out of view."""
        assert self.eye is not None
        yield self.street.between(0.8, 2.0)
        visit.turned = turned
        self.leave_zone(visit)
        self.street.clock.start(self.drive_off(visit, turned))
        yield self.street.between(0.8, 1.6)

    def drive_off(self, visit: Visit, turned: bool = False) -> Process:
        """Go out of view."""
        assert self.eye is not None
        yield self.street.between(0.7, 1.5)
        self.eye.vanishes(visit, turned)
        visit.gone_s = self.now

    def neighbour(self) -> Visit:
        """Name the vehicle waiting behind, in view; one comes now if nobody was there."""
        assert self.eye is not None
        if not self.queue:
            self.quota.take()
            self.arrive(self.draw())
        visit = self.queue[0]
        self.eye.appears(visit)
        return visit

    def unqueue(self, visit: Visit) -> None:
        """Take the vehicle that waited behind out of the queue; it is served now."""
        self.queue.remove(visit)

    def can_see(self) -> bool:
        """Whether the lane's camera and the gateway work."""
        return bool(self.eye and self.eye.alive and self.street.house.up)


def plate(street: Street) -> str:
    """Draw a plate by the grammar."""
    rng = street.rng
    province = _PROVINCES[int(rng.random() * len(_PROVINCES))]
    letter = _LETTERS[int(rng.random() * len(_LETTERS))]
    return province + letter + "".join(_MARKS[int(rng.random() * len(_MARKS))] for _ in range(5))


# --- Stops where nothing is odd -------------------------------------------------------------


def plain_stop(lane: Lane, visit: Visit) -> Process:
    """Come, be measured, go."""
    yield from lane.roll_in(visit)
    yield from measured_stop(lane, visit)
    yield from lane.roll_out(visit)


def measured_stop(lane: Lane, visit: Visit, first: int = 0) -> Process:
    """Be measured at the line."""
    assert lane.guard is not None
    if lane.queue:
        lane.mark(visit, "two vehicles in view")
    yield from lane.guard.attend(visit, first)
    settle(lane, visit)


def settle(lane: Lane, visit: Visit) -> None:
    """Open the barrier when the screen says so; nobody is refused by a machine."""
    assert lane.guard is not None
    passage = lane.guard.look_for(visit)
    if passage and passage["decision"] == "admit" and lane.street.chance(0.9):
        lane.guard.open()
    lane.guard.acknowledge()


def out_stop(lane: Lane, visit: Visit) -> Process:
    """Leave the compound: stop, be waved on."""
    yield from lane.roll_in(visit)
    if lane.guard:
        yield from measured_stop(lane, visit)
    else:
        yield lane.street.between(2.0, 6.0)
    yield from lane.roll_out(visit)


def foot_stop(lane: Lane, visit: Visit) -> Process:
    """Walk up, be measured, walk in."""
    assert lane.guard is not None
    yield lane.street.between(1.0, 3.0)
    visit.zone_s = lane.now
    yield from lane.guard.attend(visit)
    if lane.street.chance(lane.guard.habits.says_next):
        lane.guard.next_one(visit)
    visit.unzone_s = lane.now
    yield lane.street.between(0.5, 3.0)
    visit.gone_s = lane.now


Script = Callable[[Lane, Visit], Generator[float, None, None]]


def open_gate(
    street: Street, quota: Quota, rate_h: float, guards: "Callable[..., Guard]"
) -> list[Lane]:
    """Build a gate's lanes, with cameras, thermometers and guards."""
    post: Post = street.post
    gun = Gun(street, "t1")
    foot_gun = gun if post.shared_thermometer else Gun(street, "t2")
    in_eye = Eye(street, "c1", "in1", post.witness)
    out_eye = Eye(street, "c2", "out1")
    street.eyes = [in_eye, out_eye]
    out_guard = guards(street, "out1", Gun(street, "t3")) if post.out_measured else None
    return [
        Lane(street, "in1", "in", quota, rate_h, guards(street, "in1", gun), in_eye),
        Lane(street, "out1", "out", quota, rate_h * 0.8, out_guard, out_eye),
        Lane(street, "foot1", "foot", quota, rate_h * 0.4, guards(street, "foot1", foot_gun)),
    ]
