"""A visit at a lane as its guard and its travellers play it, driven by what the screen shows.

Each script is a generator: it yields what it waits for and how long at most, and is told whether
that came. Scripts know no clock; the simulator asks the conditions.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final

from demo.devices import CameraFolder, SerialThermometer
from demo.page import GuardsPage, View
from demo.pictures import Scenes
from demo.traffic import Person, Visit

NOTICE_S: Final = 25.0
"""A vehicle waits so long to be noticed: also through a restart of the gateway."""
MEASURE_S: Final = 8.0
SHOWN_S: Final = 1.2
"""A forehead before the thermometer; longer than the 0.4 s that a reading needs."""
PLATE_S: Final = 3.0
BETWEEN_S: Final = 0.8
"""From one forehead to the next: closer, nobody could say whose reading it is."""
STAY_S: Final = 15.0
EMPTY_S: Final = 1.2
"""Between two vehicles the lane is seen empty: without that no camera could learn it."""
AWAY_S: Final = 30.0
"""A gateway that was killed is back by then."""
ROUNDS_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Until:
    """Wait for this, at most so long."""

    condition: Callable[[], bool]
    bound_s: float


Script = Generator[Until, bool, None]


@dataclass(slots=True)
class Lane:
    """One lane with its devices, and the page of its gate."""

    name: str
    page: GuardsPage
    camera: CameraFolder | None
    scenes: Scenes | None
    thermometer: SerialThermometer | None

    def shown(self) -> View | None:
        """Give what the screen shows of this lane."""
        return self.page.lane(self.name)

    def passage(self) -> View | None:
        """Give the passage that the screen shows."""
        lane = self.shown()
        found: dict[str, Any] | None = lane["passage"] if lane is not None else None
        return found

    def is_well(self) -> bool:
        """Tell whether the screen is live and all devices of the gate have been heard."""
        view = self.page.view
        return view is not None and all(
            device["state"] == "ok" and device["age_s"] is not None
            for device in view["status"]["devices"]
        )

    def is_free(self) -> bool:
        """Tell whether the screen is live and shows the lane empty."""
        lane = self.shown()
        return lane is not None and lane["passage"] is None

    def is_decided(self) -> bool:
        """Tell whether the guard may let it go."""
        found = self.passage()
        return found is not None and found["recorded"] and found["decision"] in {"admit", "refer"}

    def touch(self, touch: str, **fields: object) -> bool:
        """Touch the screen for this lane."""
        return self.page.touch(touch, lane=self.name, **fields)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a visit ended, as its guard saw it on the screen."""

    noticed: bool
    decision: str


def pause(seconds: float) -> Script:
    """Let time pass."""
    yield Until(lambda: False, seconds)


def play(lane: Lane, visit: Visit, came: Callable[[], None]) -> Generator[Until, bool, Outcome]:
    """Play one visit from its coming to its leaving; `came` is called when it stands there."""
    yield from _wait_free(lane)
    if lane.camera is not None and lane.scenes is not None:
        lane.camera.show(lane.scenes.far(visit))
        yield from pause(0.5)
        lane.camera.show(lane.scenes.standing(visit))
    came()
    noticed = lane.camera is None or (yield Until(lambda: lane.passage() is not None, NOTICE_S))
    if not noticed:
        # The guard sees it even if the camera does not.
        lane.touch("ArrivalTouched", traveller=visit.traveller)
        yield Until(lambda: lane.passage() is not None, 3.0)
    decision = yield from _screen(lane, visit)
    _acknowledge(lane)
    yield from _leave(lane)
    return Outcome(noticed, decision)


def _wait_free(lane: Lane) -> Script:
    if not (yield Until(lane.is_free, NOTICE_S)) and lane.passage() is not None:
        lane.touch("NextTouched")
        yield Until(lane.is_free, NOTICE_S)


def _screen(lane: Lane, visit: Visit) -> Generator[Until, bool, str]:
    """Measure whom the screen asks for until it shows a decision; give that decision."""
    for _ in range(ROUNDS_MAX):
        if lane.camera is not None and not (yield from _still_shown(lane)):
            return "waiting"
        found = lane.passage()
        persons = found["persons"] if found is not None else []
        if lane.thermometer is not None and len(persons) < len(visit.persons):
            yield from pause(BETWEEN_S if persons else 0.0)
            yield from _measure(lane, visit.persons[len(persons)], 0)
        elif lane.is_decided():
            break
        elif (again := _asked_again(persons)) is not None and visit.persons:
            yield from _measure_again(lane, visit, again)
        else:
            yield Until(lane.is_decided, 2.0)
    if lane.camera is not None:
        yield Until(lambda: _plate_known(lane), PLATE_S)
    found = lane.passage()
    return found["decision"] if found is not None else "waiting"


def _still_shown(lane: Lane) -> Generator[Until, bool, bool]:
    """Wait for a gateway that is away; tell whether the passage is on its screen after that.

    One that was closed as interrupted is let go: opening another would make two of one vehicle.
    """
    yield Until(lambda: lane.shown() is not None, AWAY_S)
    return (yield Until(lambda: lane.passage() is not None, 4.0))


def _acknowledge(lane: Lane) -> None:
    """Touch "seen" on what the screen raises about this lane."""
    view = lane.page.view
    for alert in view["alerts"] if view is not None else ():
        if alert["lane"] == lane.name and alert["state"] in {"unack", "rtnun"}:
            lane.page.touch("AlertAcknowledged", alert=alert["alert"], by="guard")


def _asked_again(persons: list[View]) -> View | None:
    return next((p for p in persons if p["next"] != "none"), None)


def _measure_again(lane: Lane, visit: Visit, person: View) -> Script:
    """Do what the screen asks for this person."""
    number = person["person"]
    whose = visit.persons[min(number, len(visit.persons)) - 1]
    if person["next"] in {"contact", "hand"}:
        lane.touch("TemperatureTyped", person=number, centi_c=whose.at(9), site="contact")
        yield Until(lambda: _of(lane, number) != person, 3.0)
        return
    if not person["marked"]:
        lane.touch("AgainTouched", person=number)
        yield Until(lambda: bool(_of(lane, number).get("marked")), 3.0)
    yield from pause(max(0.6, float(person["wait_s"])))
    yield from _measure(lane, whose, person["attempts"])


def _measure(lane: Lane, person: Person, attempt: int) -> Script:
    """Hold the thermometer before a forehead until a reading is shown."""
    assert lane.thermometer is not None
    before = _attempts(lane)
    lane.thermometer.shows_centi_c = person.at(attempt)
    yield from pause(SHOWN_S)
    lane.thermometer.shows_centi_c = None
    yield Until(lambda: _attempts(lane) > before, MEASURE_S)


def _attempts(lane: Lane) -> int:
    found = lane.passage()
    return sum(p["attempts"] for p in found["persons"]) if found is not None else -1


def _of(lane: Lane, number: int) -> View:
    found = lane.passage()
    persons: list[View] = found["persons"] if found is not None else []
    return next((p for p in persons if p["person"] == number), {})


def _plate_known(lane: Lane) -> bool:
    found = lane.passage()
    return found is None or found["plate"]["status"] != "waiting"


def _leave(lane: Lane) -> Script:
    if lane.camera is not None and lane.scenes is not None:
        lane.camera.show(lane.scenes.empty)
        gone = yield Until(lane.is_free, STAY_S)
        yield from pause(EMPTY_S)
    else:
        lane.touch("NextTouched")
        gone = yield Until(lane.is_free, 5.0)
    if not gone:
        lane.touch("NextTouched")
        yield Until(lane.is_free, NOTICE_S)
