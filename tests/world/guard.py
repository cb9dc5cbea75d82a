"""The guard: walks up, measures, looks at the screen, does what it says, forgets a touch at times.

He is truthful: he never touches what is not so. He knows only what he did and what he sees.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from gateway.core import events
from tests.world.clockwork import Process
from tests.world.lanes import Gun, Street
from tests.world.truth import Act, Person, Visit

Seen: TypeAlias = set[tuple[int, int]]
"""Passages and the numbers of their persons, as a glance takes them in."""
PATIENCE = 9
"""So often he looks at one passage before he waves it on or takes it aside."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How often he does what he should."""

    says_next_person: float = 0.7
    says_again: float = 0.92
    answers_whose: float = 0.6
    says_next: float = 0.75
    says_arrival: float = 0.7
    types_plate: float = 0.5
    overrides: float = 0.01
    waits_in_shelter: float = 0.25
    sets_aside: float = 0.5
    measures_aside: float = 0.4
    acknowledges: float = 0.5


@dataclass(slots=True, eq=False)
class Guard:
    """One guard at one lane, with the lane's thermometer in his hand."""

    street: Street
    lane: str
    gun: Gun
    habits: Habits
    known: dict[tuple[int, int], int] = field(default_factory=dict)
    """Passage on the screen (of this start) -> the visit that he knows it to be."""

    @property
    def rng(self) -> Random:
        """The street's chance."""
        return self.street.rng

    # --- Looking ----------------------------------------------------------------------------

    def look(self) -> dict[str, Any] | None:
        """Look at this lane on the screen; None when it is dark or shows no passage."""
        screen = self.street.house.screen()
        if screen is None:
            return None
        lane = next((lane for lane in screen["lanes"] if lane["lane"] == self.lane), None)
        return lane["passage"] if lane else None

    def look_for(self, visit: Visit) -> dict[str, Any] | None:
        """Look at this visit's passage; None when the screen still speaks of another's."""
        passage = self.look()
        if passage is None or self.is_stale(passage, visit):
            return None
        name = (self.street.house.starts, passage["key"])
        if visit.shown_as != name:
            # Another passage, unless the screen came back with those whom he had measured.
            same_start = visit.shown_as is not None and visit.shown_as[0] == name[0]
            visit.shown_as = name
            if same_start or {p["person"] for p in passage["persons"]} != set(visit.numbers):
                visit.numbers.clear()
        return passage

    def is_stale(self, passage: dict[str, Any], visit: Visit) -> bool:
        """Know an earlier passage again, by its key's place in the day or by another plate."""
        seen, vehicle = passage["plate"], visit.vehicle
        if seen and seen["status"] in {"read", "typed"} and vehicle and vehicle.plate:
            return bool(seen["text"] and seen["text"] != vehicle.plate)
        name = (self.street.house.starts, passage["key"])
        return self.known.setdefault(name, visit.visit) != visit.visit

    def clear_screen(self, visit: Visit) -> None:
        """See that the screen still speaks of somebody before: mostly say "next"."""
        passage = self.look()
        if passage and self.is_stale(passage, visit) and self.street.chance(self.habits.says_next):
            self.next_one(visit)

    def seen(self, visit: Visit) -> Seen | None:
        """See which persons of which passage the screen has by now; None while it is dark."""
        if self.street.house.screen() is None:
            return None
        passage = self.look_for(visit)
        return {(passage["key"], p["person"]) for p in passage["persons"]} if passage else set()

    def notice(self, visit: Visit, person: Person, before: Seen | None) -> None:
        """Connect somebody with the number that has come to the screen since."""
        now = self.seen(visit)
        if before is None or now is None:
            return
        fresh = now - before
        if len(fresh) == 1:
            visit.numbers.setdefault(fresh.pop()[1], person.person)

    def number_of(self, visit: Visit, person: Person) -> int | None:
        """Recall under which number the screen has somebody, the latest of them."""
        numbers = [number for number, who in visit.numbers.items() if who == person.person]
        return max(numbers, default=None)

    def whose(self, visit: Visit) -> Process:
        """Answer the screen's "whose?" for what he measured himself, if it is of this visit."""
        self.clear_screen(visit)
        if self.look_for(visit) is None and not self.introduce(visit):
            return
        screen, looked_s = self.street.house.screen(), self.street.now
        for reading in list(screen["unassigned"]) if screen else ():
            if reading.get("device") != self.gun.device:
                continue
            found = self.gun.remembered(looked_s - (reading["ago_s"] or 0.0))
            if not found or found[0] is not visit or found[1] is None:
                continue
            if not self.street.chance(self.habits.answers_whose):
                continue
            number, before = self.number_of(visit, found[1]), self.seen(visit)
            self.touch(
                events.ReadingAssigned(reading["reading"], self.lane, number), visit, found[1]
            )
            yield 0.3
            if number is None:
                self.notice(visit, found[1], before)

    def introduce(self, visit: Visit) -> bool:
        """Say who is here when the screen knows of nobody, yet asks whose a reading was."""
        screen = self.street.house.screen()
        if visit.vehicle or not screen or not screen["unassigned"] or self.look() is not None:
            return False
        if not self.street.chance(self.habits.answers_whose):
            return False
        self.somebody_came(visit)
        return self.look_for(visit) is not None

    # --- Acting -----------------------------------------------------------------------------

    def touch(
        self, event: events.Event, visit: Visit | None = None, person: Person | None = None,
        centi_c: int | None = None, said: str = "",
    ) -> None:  # fmt: skip
        """Touch the screen; a dark screen feels nothing."""
        street = self.street
        if not street.house.up:
            return
        street.log.acts.append(
            Act(
                street.post.gate,
                street.now,
                self.lane,
                type(event).__name__,
                visit.visit if visit else None,
                person.person if person else None,
                centi_c,
                said,
                getattr(event, "reading", None),
            )
        )
        street.house.offer(event)

    def measure(self, visit: Visit, person: Person, kind: str = "good", **how: Any) -> Process:
        """Measure somebody, then glance at the screen."""
        before = self.seen(visit)
        yield from self.gun.point(self.lane, visit, person, kind, **how)
        yield 0.4
        self.notice(visit, person, before)

    def again(self, visit: Visit, person: Person, number: int) -> Process:
        """Measure this person again, mostly saying so."""
        yield self.street.between(1.0, 2.5)
        yield from self.gun.grab(self.lane)
        if self.street.chance(self.habits.says_again):
            self.touch(events.AgainTouched(self.lane, number), visit, person)
        yield from self.measure(visit, person)

    def type_in(self, visit: Visit, person: Person, number: int | None, site: str) -> Process:
        """Take the other thermometer and type what it shows."""
        yield self.street.between(20.0, 45.0) if site == "contact" else 4.0
        found = person.body_centi_c + int(self.rng.random() * 11) - 5
        event, before = events.TemperatureTyped(self.lane, number, found, site), self.seen(visit)
        self.touch(event, visit, person, found)
        yield 0.3
        if number is None:
            self.notice(visit, person, before)

    # --- A whole stop -----------------------------------------------------------------------

    def attend(self, visit: Visit, first: int = 0) -> Process:
        """Measure everybody, then do what the screen asks until it is content."""
        yield self.street.between(1.0, 2.5)
        self.clear_screen(visit)
        for nth, person in enumerate(visit.persons[first:], first):
            if nth:
                yield self.street.between(0.7, 1.6)
                yield from self.gun.grab(self.lane)
                if self.look_for(visit) and self.street.chance(self.habits.says_next_person):
                    self.touch(events.PersonTouched(self.lane), visit, person)
            yield from self.measure(visit, person)
            yield from self.whose(visit)
        yield from self.finish(visit)

    def finish(self, visit: Visit) -> Process:
        """Follow the screen's advice for each person until the decision stands."""
        for _ in range(PATIENCE):
            passage = self.look_for(visit)
            if passage is None:
                return
            seen = passage["plate"]
            if seen and seen["status"] == "unsure" and visit.vehicle and visit.vehicle.plate:
                self.type_plate(visit)
            known = visit.numbers.values()
            missing = next((p for p in visit.persons if p.person not in known), None)
            if missing and not passage["persons"] and passage["decision"] != "admit":
                yield from self.measure_missing(visit, missing)
                continue
            if passage["decision"] == "admit" or not self.has_advice(passage):
                return
            if self.street.chance(self.habits.overrides):
                self.override(visit)
                return
            yield from self.advise(visit, passage)
            if visit.aside:
                return
            yield from self.whose(visit)

    def has_advice(self, passage: dict[str, Any]) -> bool:
        """See whether something is left to do: a referral too waits for the contact thermometer."""
        if passage["decision"] == "refer":
            return any(p["next"] == "contact" for p in passage["persons"])
        return True

    def measure_missing(self, visit: Visit, person: Person) -> Process:
        """Measure, or with a dead thermometer type, somebody of whom the screen knows nothing."""
        if self.gun.alive:
            yield from self.measure(visit, person)
            yield from self.whose(visit)
        else:
            yield from self.type_in(visit, person, None, "forehead")

    def advise(self, visit: Visit, passage: dict[str, Any]) -> Process:
        """Do what the screen says next for one person."""
        for shown in passage["persons"]:
            if shown["next"] in {"none", "handover"}:
                continue
            person = next(
                (p for p in visit.persons if p.person == visit.numbers.get(shown["person"])),
                None,
            )
            if person is None:
                person = self.stranger(visit, shown)
            if person is None:
                continue
            yield from self.follow(visit, person, shown)
            return
        yield 2.0

    def stranger(self, visit: Visit, shown: dict[str, Any]) -> Person | None:
        """A number that he cannot place: with one person in the car it can be nobody else."""
        return visit.persons[0] if len(visit.persons) == 1 else None

    def follow(self, visit: Visit, person: Person, shown: dict[str, Any]) -> Process:
        """Take one piece of advice."""
        number, advice = shown["person"], shown["next"]
        if advice in {"contact", "hand"} or not self.gun.alive:
            site = "contact" if advice == "contact" else "forehead"
            yield from self.type_in(visit, person, number, site)
        elif advice == "shelter" and not self.street.chance(self.habits.waits_in_shelter):
            yield from self.type_in(visit, person, number, "contact")
        elif self.can_go_aside(visit, advice) and self.street.chance(self.habits.sets_aside):
            yield from self.send_aside(visit)
        else:
            if advice in {"shelter", "wait"}:
                yield min(float(shown.get("wait_s") or 30.0), 300.0) + 1.0
            yield from self.again(visit, person, number)

    def can_go_aside(self, visit: Visit, advice: str) -> bool:
        """Whoever must wait for minutes makes room for those behind."""
        return advice in {"shelter", "wait"} and visit.traveller != "bicycle"

    def send_aside(self, visit: Visit) -> Process:
        """Have them wait beside the gate, and come back to them later."""
        passage = self.look_for(visit)
        if passage is None:
            return
        name = (self.street.house.starts, passage["key"])
        self.touch(events.AsideTouched(self.lane, passage["key"]), visit)
        visit.aside = True
        self.street.log.count("set aside")
        self.street.clock.start(self.come_back(visit, name), self.street.between(290.0, 340.0))
        yield 0.2

    def come_back(self, visit: Visit, name: tuple[int, int]) -> Process:
        """See to those who wait aside, while the lane goes on."""
        for _ in range(PATIENCE):
            shown = self.waiting_aside(name)
            person = shown and next(
                (p for p in visit.persons if p.person == visit.numbers.get(shown["person"])), None
            )
            if not shown or person is None:
                return
            if shown["next"] != "contact" and self.street.chance(self.habits.measures_aside):
                hand = f"{self.lane} aside {name[1]}"
                yield from self.gun.grab(hand)
                if self.waiting_aside(name) != shown:
                    self.gun.holder = None
                    continue
                self.touch(events.AgainTouched(self.lane, shown["person"], name[1]), visit, person)
                yield from self.gun.point(self.lane, visit, person, hand=hand)
                yield 1.0
            else:
                yield self.street.between(20.0, 45.0)
                found = person.body_centi_c + int(self.rng.random() * 11) - 5
                if self.waiting_aside(name):
                    self.touch(
                        events.TemperatureTyped(
                            self.lane, shown["person"], found, "contact", name[1]
                        ),
                        visit, person, found,
                    )  # fmt: skip
                yield 0.5

    def waiting_aside(self, name: tuple[int, int]) -> dict[str, Any] | None:
        """Find somebody of a passage aside for whom something is left to do."""
        screen = self.street.house.screen()
        if screen is None or self.street.house.starts != name[0]:
            return None
        lane = next(lane for lane in screen["lanes"] if lane["lane"] == self.lane)
        passage = next((p for p in lane["aside"] if p["key"] == name[1]), None)
        if passage is None:
            return None
        done = {"none", "handover"}
        return next((dict(p, wait_s=0) for p in passage["persons"] if p["next"] not in done), None)

    def acknowledge(self) -> None:
        """Take note of what the screen warns of, at times."""
        screen = self.street.house.screen()
        for alert in screen["alerts"] if screen else ():
            if alert["state"] in {"unack", "rtnun"} and self.street.chance(
                self.habits.acknowledges
            ):
                self.touch(events.AlertAcknowledged(alert["alert"], "guard"))
                return

    def type_plate(self, visit: Visit) -> None:
        """Read the plate himself when the screen is unsure, at times."""
        vehicle = visit.vehicle
        if vehicle and self.street.chance(self.habits.types_plate):
            self.touch(events.PlateTyped(self.lane, vehicle.plate), visit)

    def open(self) -> None:
        """Lift the barrier."""
        self.touch(events.OpenTouched(self.lane))

    def next_one(self, visit: Visit) -> None:
        """Say that this passage is done."""
        self.touch(events.NextTouched(self.lane), visit)

    def somebody_came(self, visit: Visit) -> None:
        """Say that somebody stands here whom no sensor sees."""
        self.touch(events.ArrivalTouched(self.lane, visit.traveller), visit)

    def override(self, visit: Visit) -> None:
        """Decide against the advice, with name and reason."""
        event = events.OverrideTouched(self.lane, "admit", "张卫国", "居委会担保")
        self.touch(event, visit, said="admit")
