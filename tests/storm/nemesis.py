"""The nemesis: what goes wrong on a fault day, as a list of actions drawn from the seed.

Every action carries all it needs, so that a day can be played again with some of them left out:
that is how a broken day is shrunk. It knows nothing of how a day is judged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.storm import traffic

HOUR: Final = 3600.0
CRASH_POINTS: Final = ("before commit", "after commit", "before send", "after send")
CENTRE_POINTS: Final = ("before commit", "after commit", "before publish")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that the nemesis does: when, what, to which gate, and how."""

    at_s: float
    what: str
    gate: int = -1
    how: str = ""
    for_s: float = 0.0
    n: int = 0

    def __str__(self) -> str:
        parts = [f"{_clock(self.at_s)} {self.what}"]
        if self.gate >= 0:
            parts.append(f"gate {self.gate}")
        if self.how:
            parts.append(self.how)
        if self.for_s:
            parts.append(f"for {_clock(self.for_s)}")
        if self.n:
            parts.append(f"n={self.n}")
        return " ".join(parts)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def draw(rng: Random, gates: int, day_s: float, count: int) -> tuple[Action, ...]:
    """Draw a day's actions, in order of time."""
    names = list(ACTIONS)
    weights = [ACTIONS[name][0] for name in names]
    found = []
    for name in rng.choices(names, weights, k=count):
        at_s = rng.random() * day_s * 0.9 + 60.0
        found.append(ACTIONS[name][1](rng, name, at_s, rng.randrange(gates)))
    return tuple(sorted(found, key=lambda one: one.at_s))


def perform(site: Any, action: Action) -> None:
    """Do it."""
    site.log("nemesis", str(action))
    ACTIONS[action.what][2](site, action)


# --- Gates ------------------------------------------------------------------------------------


def _crash(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, rng.choice(CRASH_POINTS), 0.0, rng.randint(1, 6))


def _do_crash(site: Any, action: Action) -> None:
    if site.boxes[action.gate].up:
        site.boxes[action.gate].trap = [action.how, action.n]


def _kill(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, rng.choice(("", "SIGTERM")), 5.0 + rng.random() * 600.0)


def _do_kill(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    if action.how:
        box.end()
    box.die()
    site.after(action.for_s, box.start)


def _power(rng: Random, what: str, at_s: float, gate: int) -> Action:
    how = rng.choice(("soon", "soon", "late", "never", "1970", "battery", "battery never"))
    return Action(at_s, what, gate, how, 30.0 + rng.random() * 1.5 * HOUR)


def _do_power(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    if not box.boot:
        return
    box.die(power=True)
    site.after(action.for_s, lambda: _power_up(site, box, action))


def _power_up(site: Any, box: Any, action: Action) -> None:
    """The clock stood still while there was no power, or begins in 1970, or has a battery."""
    if box.boot:
        return
    box.start_clock(action.how, action.for_s)
    box.start()


def _jump(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, "", 0.0, rng.choice((-1, 1)) * rng.randint(600, 13 * 3600))


def _do_jump(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    if box.wall.word == "unset":
        box.wall.off_ms += action.n * 1000
        box.turn()


def _image(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, "", 60.0 + rng.random() * 4 * HOUR)


def _do_restore(site: Any, action: Action) -> None:
    """Photograph the card now; put it back later."""
    box = site.boxes[action.gate]
    if box.card.fault:
        return
    image = box.card.image()

    def put() -> None:
        if site.healed or not box.boot or box.card.fault:
            return
        box.die(power=True)
        box.card.put(image)
        box.touched = True
        site.checker.forked.add(box.place)
        box.start_clock("soon", 60.0)
        site.after(60.0, box.start)

    site.after(action.for_s, put)


def _do_clone(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    if box.card.fault or any(other.place == box.place for other in site.boxes if other is not box):
        return
    image = box.card.image()

    def clone() -> None:
        if not site.healed:
            site.clone(box, image)

    site.after(action.for_s, clone)


def _disk(rng: Random, what: str, at_s: float, gate: int) -> Action:
    how = rng.choice(("full", "full", "readonly", "dead"))
    return Action(at_s, what, gate, how, 120.0 + rng.random() * 2 * HOUR)


def _do_disk(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    if action.how == "full":
        box.card.fill()
        site.after(action.for_s, box.card.empty)
    else:
        box.card.fault = action.how
        site.after(action.for_s, lambda: setattr(box.card, "fault", None))


def _tear(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, rng.choice(("header", "cut", "header running", "only said")))


def _do_tear(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    if box.card.fault:
        return
    box.touched = True
    if box.up and action.how in {"header running", "only said"}:
        box.card.fault = "torn"
        box.card.tear(action.how.split()[0])
        site.after(1.0, box.turn)
        return
    box.die()
    box.card.tear(action.how.split()[0])
    site.after(5.0, box.start)


def _bound(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, "", HOUR + rng.random() * 3 * HOUR)


def _do_bound(site: Any, action: Action) -> None:
    """The high-water mark is reached: the journal must give up what central may lack."""
    box = site.boxes[action.gate]
    box.bound(0.03)
    site.after(action.for_s, lambda: box.bound(1024))


def _alert(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, "", 60.0 + rng.random() * HOUR, rng.randint(1, 9))


def _do_alert(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    boot = box.starts
    box.happen([traffic.alert(action.n, "unack")])

    def calm() -> None:
        if box.starts == boot:
            box.happen([traffic.alert(action.n, "normal")])

    site.after(action.for_s, calm)


def _do_garble(site: Any, action: Action) -> None:
    site.broker.garbling.add(action.gate)


def _do_future(site: Any, action: Action) -> None:
    site.boxes[action.gate].future = True


# --- Links and broker -------------------------------------------------------------------------


def _cut(rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate, "", 60.0 + rng.random() * 5 * HOUR)


def _do_cut(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    site.broker.cut_off(box)
    site.after(action.for_s, lambda: site.broker.mend(box))


def _do_half(site: Any, action: Action) -> None:
    box = site.boxes[action.gate]
    site.broker.half_open(box)
    site.after(action.for_s, lambda: site.broker.mend(box))


def _weather(rng: Random, what: str, at_s: float, _gate: int) -> Action:
    how = rng.choice(("lossy", "doubling", "late", "all of it"))
    return Action(at_s, what, -1, how, 600.0 + rng.random() * 3 * HOUR)


def _do_weather(site: Any, action: Action) -> None:
    weather = site.broker.weather
    every = action.how == "all of it"
    weather.lost = 0.3 if every or action.how == "lossy" else 0.0
    weather.doubled = 0.4 if every or action.how == "doubling" else 0.0
    weather.late = 0.4 if every or action.how == "late" else 0.0
    weather.late_s = 120.0
    site.after(action.for_s, site.calm)


def _broker(rng: Random, what: str, at_s: float, _gate: int) -> Action:
    how = rng.choice(("restarted", "wiped", "without persistence"))
    return Action(at_s, what, -1, how, 5.0 + rng.random() * HOUR)


def _do_broker(site: Any, action: Action) -> None:
    broker = site.broker
    if not broker.up:
        return
    broker.persistent = action.how != "without persistence"
    broker.stop()
    if action.how == "wiped":
        broker.wipe()
    site.after(action.for_s, broker.start)


# --- The centre -------------------------------------------------------------------------------


def _centre_crash(rng: Random, what: str, at_s: float, _gate: int) -> Action:
    return Action(at_s, what, -1, rng.choice(CENTRE_POINTS), 0.0, rng.randint(1, 8))


def _do_centre_crash(site: Any, action: Action) -> None:
    if site.centre.centre is not None:
        site.centre.trap = [action.how, action.n]


def _centre_down(rng: Random, what: str, at_s: float, _gate: int) -> Action:
    return Action(at_s, what, -1, "", 30.0 + rng.random() * 4 * HOUR)


def _do_centre_down(site: Any, action: Action) -> None:
    site.centre.die()
    site.after(action.for_s, site.centre.start)


def _centre_restore(rng: Random, what: str, at_s: float, _gate: int) -> Action:
    return Action(at_s, what, -1, rng.choice(("last backup", "older backup")), 120.0)


def _do_centre_restore(site: Any, action: Action) -> None:
    name = site.centre.restore(-1 if action.how == "last backup" else 0)
    if name is not None:
        site.checker.restored(name)
    site.after(action.for_s, site.centre.start)


def _centre_empty(rng: Random, what: str, at_s: float, _gate: int) -> Action:
    return Action(at_s, what, -1, rng.choice(("", "and all backups")), 60.0)


def _do_centre_empty(site: Any, action: Action) -> None:
    site.centre.empty()
    site.checker.emptied()
    if action.how:
        for name in site.centre.kept():
            site.centre.lose_backup(name)
    site.after(action.for_s, site.centre.start)


def _backups_missing(rng: Random, what: str, at_s: float, _gate: int) -> Action:
    return Action(at_s, what, -1, rng.choice(("the oldest", "the newest", "all")))


def _do_backups_missing(site: Any, action: Action) -> None:
    kept = site.centre.kept()
    gone = {"the oldest": kept[:1], "the newest": kept[-1:], "all": kept}[action.how]
    for name in gone:
        site.centre.lose_backup(name)


def _at_once(_rng: Random, what: str, at_s: float, _gate: int) -> Action:
    return Action(at_s, what)


def _at_gate(_rng: Random, what: str, at_s: float, gate: int) -> Action:
    return Action(at_s, what, gate)


def _do_back_up(site: Any, _action: Action) -> None:
    site.centre.back_up()


def _do_centre_disk(site: Any, action: Action) -> None:
    site.centre.card.fault = "full"
    site.after(action.for_s, lambda: setattr(site.centre.card, "fault", None))


def _do_upgrade(site: Any, _action: Action) -> None:
    site.upgrade()


Drawing = Callable[[Random, str, float, int], Action]
ACTIONS: Final[dict[str, tuple[float, Drawing, Callable[[Any, Action], None]]]] = {
    "crash": (3.0, _crash, _do_crash),
    "kill": (1.0, _kill, _do_kill),
    "power cut": (2.5, _power, _do_power),
    "clock jump": (1.0, _jump, _do_jump),
    "older image": (1.0, _image, _do_restore),
    "cloned card": (0.4, _image, _do_clone),
    "disk": (2.0, _disk, _do_disk),
    "torn file": (0.8, _tear, _do_tear),
    "high-water mark": (0.7, _bound, _do_bound),
    "alert": (1.5, _alert, _do_alert),
    "entry forged": (0.4, _at_gate, _do_garble),
    "new version": (0.6, _at_gate, _do_future),
    "link cut": (1.5, _cut, _do_cut),
    "link half-open": (1.0, _cut, _do_half),
    "weather": (1.5, _weather, _do_weather),
    "broker": (1.2, _broker, _do_broker),
    "centre crash": (1.5, _centre_crash, _do_centre_crash),
    "centre down": (0.8, _centre_down, _do_centre_down),
    "centre restored": (1.0, _centre_restore, _do_centre_restore),
    "centre emptied": (0.2, _centre_empty, _do_centre_empty),
    "backups missing": (0.5, _backups_missing, _do_backups_missing),
    "backup": (1.5, _at_once, _do_back_up),
    "centre disk full": (0.6, _centre_down, _do_centre_disk),
    "centre upgraded": (0.4, _at_once, _do_upgrade),
}
"""By name: how often it is drawn, how it is drawn, how it is done."""
