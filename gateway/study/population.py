"""People who come in from the cold, as the published figures have them.

Every number has its source beside it; none was chosen to please a rule. Degrees Celsius.

- Foreheads: Dzien 2021 (Wien Klin Wochenschr, n = 92 healthy, outside -5.5 to 0 C, inside 20.5 C):
  mean and standard deviation 0, 1, 3, 5 and 60 minutes after coming in; in between, straight
  lines.
  What is left at 60 minutes is taken as the body's own spread, the rest as what the cold did. The
  cold's share is one number a person: who is cold at first is cold later, so a repeat does not
  average it away.
- Fevers, `guan`: Guan 2020 (NEJM, n = 1,081 temperatures on admission in China): 238 of 37.5 to
  38.0, 197 of 38.1 to 39.0, 38 above 39.0; even within each.
- Fevers, `added`: a healthy body and 1.9 C, the assumption of our reference. Both add to the
  forehead what they add to the body.
- The thermometer: off by up to 0.3 C, evenly (the maximum permissible error of JJF 1107-2003), by
  the same amount for every reading of one person; 0.05 C of noise a reading. Dzien's spread holds
  his thermometer's error already: it counts twice here, which makes the figures worse.
- The contact thermometer: 0.1 C (the maximum permissible error of a clinical thermometer), normal
  with half of it.
"""

from bisect import bisect
from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded: the same seed gives the same people.
from typing import Final, Literal, TypeAlias

Fever: TypeAlias = Literal["guan", "added"]

FOREHEADS: Final = (
    (0.0, 33.17, 1.45), (1.0, 34.90, 1.49), (3.0, 35.77, 1.10), (5.0, 36.08, 0.79),
    (60.0, 36.60, 0.24),
)  # fmt: skip
"""Minutes inside, mean, standard deviation."""
BODY_C: Final = 36.60
BODY_SD_C: Final = 0.24
GUAN: Final = ((238, 37.5, 38.05), (197, 38.05, 39.05), (38, 39.05, 40.0))
"""Persons, from, to."""
ADDED_C: Final = 1.9
FEVER_C: Final = 37.3
DEVICE_C: Final = 0.3
NOISE_C: Final = 0.05
CONTACT_SD_C: Final = 0.05


@dataclass(frozen=True, slots=True)
class Arrival:
    """One person at one gate."""

    body_c: float
    chill: float
    """How far from the mean the cold took this forehead, in standard deviations."""
    device_c: float
    """By how much the gate's thermometer is off."""

    @property
    def feverish(self) -> bool:
        """Say what a perfect thermometer under the arm would."""
        return self.body_c >= FEVER_C

    def forehead_c(self, minutes: float) -> float:
        """Give the forehead's true temperature after some minutes inside."""
        mean_c, chill_c = climate(minutes)
        return mean_c + (self.body_c - BODY_C) + self.chill * chill_c

    def shown_centi_c(self, minutes: float, rng: Random) -> int:
        """Give what the infrared thermometer shows."""
        return round(100 * (self.forehead_c(minutes) + self.device_c + rng.gauss(0, NOISE_C)))

    def contact_centi_c(self, rng: Random) -> int:
        """Give what the contact thermometer shows, to a tenth."""
        return 10 * round(10 * (self.body_c + rng.gauss(0, CONTACT_SD_C)))


def climate(minutes: float) -> tuple[float, float]:
    """Give the mean forehead, and the standard deviation of what the cold did to it."""
    at = bisect(FOREHEADS, (minutes, 99.0, 0.0))
    if at == len(FOREHEADS):
        return FOREHEADS[-1][1], 0.0
    (from_min, mean_c, sd_c), (to_min, next_c, next_sd_c) = FOREHEADS[at - 1], FOREHEADS[at]
    share = (minutes - from_min) / (to_min - from_min)
    spread_c = sd_c + share * (next_sd_c - sd_c)
    return mean_c + share * (next_c - mean_c), max(0.0, spread_c**2 - BODY_SD_C**2) ** 0.5


def draw(rng: Random, fever: Fever | None) -> Arrival:
    """Draw somebody healthy, or with a fever of one kind."""
    body_c = _healthy(rng)
    if fever == "added":
        body_c += ADDED_C
    elif fever == "guan":
        _, low_c, high_c = rng.choices(GUAN, [part[0] for part in GUAN])[0]
        body_c = rng.uniform(low_c, high_c)
    return Arrival(body_c, rng.gauss(0, 1), rng.uniform(-DEVICE_C, DEVICE_C))


def _healthy(rng: Random) -> float:
    while True:
        body_c = rng.gauss(BODY_C, BODY_SD_C)
        if body_c < FEVER_C:
            return body_c
