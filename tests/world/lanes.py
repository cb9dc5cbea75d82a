"""What sensors truly show of a lane: the camera's tracks, the plate, a loop, a thermometer.

Sensors tell the gateway only while they work and it runs. A camera gives a new track to whatever
stands before it when it (or the gateway) comes back.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from gateway.core import events
from tests.world import physics
from tests.world.clockwork import Clockwork, Process
from tests.world.truth import Fault, Measurement, Person, TruthLog, Visit


class House(Protocol):
    """A gateway as the street sees it."""

    @property
    def up(self) -> bool:
        """Whether it runs."""

    @property
    def starts(self) -> int:
        """How often it started."""

    def offer(self, event: events.Event) -> None:
        """Put an event into its queue; lost when it is down."""

    def screen(self) -> dict | None:
        """What the guard's screen shows; None when it is dark."""

    def stop(self, *, power: bool) -> None:
        """Die, at once."""

    def start(self) -> None:
        """Start again."""


@dataclass(frozen=True, slots=True)
class Post:
    """One gate as it was built."""

    gate: int
    compound: str
    name: str
    place: str = "shelter"
    shared_thermometer: bool = False
    witness: str | None = None
    """A loop or distance sensor in the in lane."""
    out_measured: bool = False
    around_centi_c: int = 1500
    cold_share: float = 0.02
    """Of people who come with a forehead too cold to judge."""
    hot_share: float = 0.02
    """Of drivers with the heater on full."""


@dataclass(slots=True, eq=False)
class Street:
    """One gate's world: its clockwork, its chance, its gateway, its log."""

    post: Post
    clock: Clockwork
    rng: Random
    house: House
    log: TruthLog
    tracks: int = 0
    eyes: list["Eye"] = field(default_factory=list)

    @property
    def now(self) -> float:
        """The world's time."""
        return self.clock.now

    def chance(self, share: float) -> bool:
        """Throw the dice."""
        return self.rng.random() < share

    def between(self, low: float, high: float) -> float:
        """Draw a duration."""
        return low + (high - low) * self.rng.random()


@dataclass(slots=True, eq=False)
class Eye:
    """A lane's camera with its tracker, its plate reader, and a loop if the lane has one."""

    street: Street
    camera: str
    lane: str
    loop: str | None = None
    alive: bool = True
    blind_since_s: float = -1.0
    shown: dict[int, tuple[int, Visit, bool, str]] = field(default_factory=dict)
    """visit -> track, visit, in the zone, traveller."""
    standing: int = 0

    def _offer(self, event: events.Event) -> None:
        if self.alive:
            self.street.house.offer(event)

    def _track(self) -> int:
        self.street.tracks += 1
        return self.street.tracks

    def appears(self, visit: Visit, as_what: str | None = None) -> None:
        """Something comes into view."""
        if visit.visit in self.shown:
            return
        traveller = as_what or visit.traveller
        track = self._track()
        self.shown[visit.visit] = (track, visit, False, traveller)
        self._offer(events.VehicleSeen(self.camera, self.lane, track, False, traveller))

    def zone(self, visit: Visit, inside: bool) -> None:
        """It enters or leaves the stop zone; a loop feels it whatever the camera does."""
        track, _, was, traveller = self.shown.get(visit.visit, (0, visit, False, visit.traveller))
        if not track:
            track = self._track()
        if was != inside:
            self.shown[visit.visit] = (track, visit, inside, traveller)
            self._offer(events.VehicleSeen(self.camera, self.lane, track, inside, traveller))
        if visit.traveller == "vehicle":
            self._feel(1 if inside else -1)

    def _feel(self, change: int) -> None:
        was, self.standing = self.standing, self.standing + change
        if self.loop and (was > 0) != (self.standing > 0):
            self.street.house.offer(events.PresenceChanged(self.lane, self.loop, self.standing > 0))

    def plate(self, visit: Visit, status: str, text: str = "", sure: int = 0) -> None:
        """The reader says what it makes of the track's plate by now."""
        if visit.visit not in self.shown:
            return
        track = self.shown[visit.visit][0]
        kind = visit.vehicle.plate_kind if visit.vehicle and text else ""
        guesses = (text, text[:-1] + "8") if status == "unsure" else ()
        self._offer(
            events.PlateRead(self.camera, self.lane, track, status, text, sure, guesses, kind)
        )

    def vanishes(self, visit: Visit, turned: bool = False) -> None:
        """It leaves the view."""
        track, *_ = self.shown.pop(visit.visit, (0,))
        if track:
            self._offer(events.VehicleGone(self.camera, self.lane, track, turned))

    def dies(self) -> None:
        """The camera's cable is pulled."""
        self.street.house.offer(events.DeviceStateChanged(self.camera, "lost", "unplugged"))
        self.alive = False
        self.blind_since_s = self.street.now

    def revives(self) -> None:
        """The camera is back and sees what is there, as new tracks."""
        self.alive = True
        self.street.log.faults.append(
            Fault(self.street.post.gate, self.camera, self.blind_since_s, self.street.now)
        )
        if self.street.house.up:
            self.looks_afresh()

    def looks_afresh(self) -> None:
        """Say the device's state, then all that stands before the camera."""
        if not self.alive:
            self.street.house.offer(events.DeviceStateChanged(self.camera, "lost", "unplugged"))
            return
        self.street.house.offer(events.DeviceStateChanged(self.camera, "ok"))
        for key, (_, visit, inside, traveller) in list(self.shown.items()):
            track = self._track()
            self.shown[key] = (track, visit, inside, traveller)
            self._offer(events.VehicleSeen(self.camera, self.lane, track, inside, traveller))
            if inside and visit.vehicle and visit.traveller == "vehicle":
                self.street.clock.start(read_plate(self.street, self, visit))
        if self.loop:
            self.street.house.offer(events.PresenceChanged(self.lane, self.loop, self.standing > 0))


def read_plate(street: Street, eye: Eye, visit: Visit) -> Process:
    """Read the plate of what stands in the zone: at first unsure, mostly sure within a second."""
    vehicle = visit.vehicle
    assert vehicle is not None
    yield street.between(0.2, 0.5)
    if not vehicle.plate:
        eye.plate(visit, "none", sure=80)
        return
    if street.chance(0.3):
        eye.plate(visit, "unsure", vehicle.plate, 60)
        yield street.between(0.2, 0.8)
    if street.chance(0.95):
        eye.plate(visit, "read", vehicle.plate, 97)
    elif street.chance(0.5):
        eye.plate(visit, "unread", sure=30)


@dataclass(slots=True, eq=False)
class Gun:
    """A thermometer on its cable; one hand at a time holds it."""

    street: Street
    device: str
    free_s: float = 0.0
    holder: str | None = None
    """Who has it in his hand, about to measure: a lane's guard, for the lane or for those aside."""
    alive: bool = True
    memory: list[tuple[float, Visit | None, Person | None]] = field(default_factory=list)
    """What the guard remembers of the last pointings."""

    def point(
        self, lane: str, visit: Visit | None, person: Person | None, kind: str = "good",
        plateau: int | None = None, *, cut: bool = False, hand: str = "",
    ) -> Generator[float, None, None]:  # fmt: skip
        """Point it at somebody, or something, and take it away again."""
        street = self.street
        yield from self.grab(hand or lane)
        if plateau is None:
            assert visit is not None
            assert person is not None
            plateau = physics.skin_centi_c(person, street.now - visit.came_s)
        samples = physics.point_at(street.rng, plateau, street.post.around_centi_c, kind)
        if cut:
            samples = physics.short_point(samples)
        self.free_s = street.now + 0.1 * len(samples) + 0.05
        self._write_down(lane, visit, person, kind, plateau, len(samples))
        offer, device, clock = street.house.offer, self.device, street.clock
        taken = events.SampleTaken
        for wait, found, die in samples:
            yield wait
            if self.alive:
                offer(taken(device, found, die, clock.now))
        self.holder = None

    def grab(self, hand: str) -> Process:
        """Take it into the hand: a mark on the screen is for what is measured right after."""
        while self.holder != hand and (self.holder or self.free_s > self.street.now):
            yield 0.3
        self.holder = hand

    def _write_down(
        self, lane: str, visit: Visit | None, person: Person | None, kind: str, plateau: int,
        count: int,
    ) -> None:  # fmt: skip
        log, now = self.street.log, self.street.now
        until = now + 0.1 * (count - 5)
        begun = now + 0.1 * (1 if kind == "hasty" else 5)
        log.measurements.append(
            Measurement(
                len(log.measurements),
                self.street.post.gate,
                self.device,
                lane,
                visit.visit if visit else None,
                person.person if person else None,
                begun,
                until,
                plateau,
                kind,
            )
        )
        self.memory.append((until, visit, person))
        del self.memory[:-6]

    def remembered(self, when_s: float) -> tuple[Visit | None, Person | None] | None:
        """Whom the guard measured at about that moment."""
        for until, visit, person in reversed(self.memory):
            if abs(until + 0.2 - when_s) < 1.2:
                return visit, person
        return None
