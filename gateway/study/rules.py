"""One person at the gate, by Gatepost's rules and by a fixed threshold.

Gatepost's half calls the gate's own `judge`, `verdict`, `next_step` and `wait_until_s`, and does
what they say: whoever is sent to shelter waits there, whoever is sent to the contact thermometer
is measured with it. Nobody is assumed to be overridden.
"""

from dataclasses import dataclass
from random import Random  # noqa: TID251 - handed over, seeded.
from typing import Final

from gateway.contract import Result
from gateway.core.limits import Limits
from gateway.core.screening import (
    Attempt,
    Conditions,
    Window,
    judge,
    next_step,
    verdict,
    wait_until_s,
)
from gateway.study.population import Arrival

AMBIENT_CENTI_C: Final = -300
SAMPLES: Final = 14
MAD_CENTI_C: Final = 4
"""Of 0.05 C of noise."""
MEASURING_S: Final = 2.0
TURNS_MAX: Final = 20
JUDGED: Final = frozenset({"NORMAL", "RECHECK", "INCONCLUSIVE", "SUSPECT_FEVER", "FEVER_CONFIRMED",
                           "CLEARED"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one person."""

    first: Result
    final: Result
    readings: int
    contact_centi_c: int | None = None

    @property
    def judged(self) -> bool:
        """Whether the first reading, on the spot, could be judged at all."""
        return self.first in JUDGED

    @property
    def settled(self) -> bool:
        """Whether infrared readings on the spot sufficed."""
        return self.judged and self.contact_centi_c is None

    @property
    def passed(self) -> bool:
        """Whether the person went in."""
        return self.final in ("NORMAL", "CLEARED")

    @property
    def missed(self) -> bool:
        """Whether a fever would have gone in as normal."""
        return self.final == "NORMAL"

    @property
    def guard_alarm(self) -> bool:
        """Whether the first look at the screen said more than "normal" or "too cold"."""
        return self.first != "NORMAL" and self.judged

    @property
    def outward(self) -> bool:
        """Whether an alarm left the gate."""
        return self.final == "FEVER_CONFIRMED"


def gatepost(person: Arrival, minutes: float, limits: Limits, rng: Random) -> Outcome:
    """Take one person through the gate, after some minutes under shelter."""
    now, began_s = 0.0, minutes * 60
    before: Result | None = None
    first: Result | None = None
    earlier: tuple[Attempt, ...] = ()
    for turn in range(1, TURNS_MAX + 1):
        waited_s = now - earlier[0].at_s if earlier else 0.0
        conditions = Conditions("shelter", began_s + waited_s, AMBIENT_CENTI_C)
        shown = person.shown_centi_c((began_s + waited_s) / 60, rng)
        reading = judge(_window(now, shown), conditions, limits)
        attempt = Attempt(reading.result, now, reading.estimate_centi_c, reading.settled)
        before = verdict(before, earlier, attempt, limits)
        first, earlier = first or before, (*earlier, attempt)
        step = next_step(before, turn, limits)
        if step == "none":
            return Outcome(first, before, turn)
        if step == "contact":
            return _contact(person, Outcome(first, before, turn), earlier, limits, rng)
        until_s = wait_until_s(before, now, earlier[0].at_s, limits)
        now = max(now + limits.probe_away_s, until_s) + MEASURING_S
    raise AssertionError("a person whom the rules never settle")


def _contact(
    person: Arrival, so_far: Outcome, earlier: tuple[Attempt, ...], limits: Limits, rng: Random
) -> Outcome:
    """Measure under the arm, and let the rules close the case."""
    shown = person.contact_centi_c(rng)
    at_s = earlier[-1].at_s + 300.0
    conditions = Conditions("shelter", at_s, AMBIENT_CENTI_C, site="contact", typed=True)
    reading = judge(_window(at_s, shown), conditions, limits)
    attempt = Attempt(reading.result, at_s, reading.estimate_centi_c, contact=True)
    final = verdict(so_far.final, earlier, attempt, limits)
    return Outcome(so_far.first, final, so_far.readings + 1, shown)


def fixed(person: Arrival, minutes: float, limits: Limits, rng: Random) -> Outcome:
    """Look once, to a tenth as such displays do: alarm from the threshold on, else pass."""
    shown = 10 * round(person.shown_centi_c(minutes, rng) / 10)
    hot = shown >= limits.fever_centi_c
    result: Result = "FEVER_CONFIRMED" if hot else "NORMAL"
    return Outcome(result, result, 1)


def _window(at_s: float, raw_centi_c: int) -> Window:
    return Window("study", at_s, at_s + 1.3, "ok", raw_centi_c, MAD_CENTI_C, 5, SAMPLES)
