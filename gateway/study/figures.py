"""Many people, and what became of them: the figures of docs/screening.md."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from random import Random  # noqa: TID251 - seeded by the command.
from typing import Any, Final, TypeAlias

from gateway.core.limits import Limits
from gateway.study.population import Arrival, Fever, draw
from gateway.study.rules import Outcome, fixed, gatepost

Rule: TypeAlias = Callable[[Arrival, float, Limits, Random], Outcome]

RULES: Final[dict[str, Rule]] = {"gatepost": gatepost, "fixed": fixed}
FEVERS: Final[tuple[Fever, ...]] = ("added", "guan")
MINUTES: Final = (0, 1, 3, 5, 10, 20, 30, 60)
PREVALENCES_PCT: Final = (0.02, 0.1, 1.0)
PEOPLE_A_DAY: Final = 6500
"""The site's 5,000 vehicles."""


@dataclass(frozen=True, slots=True)
class Load:
    """A day of the whole site at one prevalence."""

    prevalence_pct: float
    guard_alarms: float
    """First readings that make the guard do something, other than send to shelter."""
    to_shelter: float
    contact: float
    """Contact thermometers used."""
    outward_alarms: float
    outward_of_fevers_pct: float
    """Share of the outward alarms that were right."""


@dataclass(frozen=True, slots=True)
class Row:
    """One rule, one kind of fever, one time under shelter. Percent, of those it is about."""

    rule: str
    fever: Fever
    minutes: float
    sensitivity_pct: float
    """Feverish whose final result is not NORMAL, over all the feverish who were judged."""
    margin_pct: float
    """Half of the 95 % interval of that."""
    fevers_stopped_pct: float
    """The same, with those a contact thermometer cleared counted as missed."""
    judged_pct: float
    """Of the healthy: the first reading, on the spot, could be judged."""
    settled_pct: float
    """Of the healthy: infrared on the spot sufficed; no shelter, no contact thermometer."""
    healthy_passed_pct: float
    unconfirmed_outward: int
    """Outward alarms that no contact thermometer had confirmed."""
    loads: tuple[Load, ...]


def rows(people: int, seed: int, minutes: tuple[float, ...] = MINUTES) -> Iterator[Row]:
    """Send as many healthy and as many of each kind of fever through each rule."""
    for name, rule in RULES.items():
        for wait in minutes:
            healthy = _send(rule, None, wait, people, seed)
            for fever in FEVERS:
                yield _row(name, fever, wait, healthy, _send(rule, fever, wait, people, seed))


def _send(rule: Rule, fever: Fever | None, minutes: float, people: int, seed: int) -> list[Outcome]:
    """Send people through a rule; of one seed they are the same for each rule and each time."""
    limits = Limits()
    drawn = Random(f"{seed} {fever}")  # noqa: S311 - a population, no secret.
    shown = Random(f"{seed} {fever} {minutes}")  # noqa: S311
    return [rule(draw(drawn, fever), minutes, limits, shown) for _ in range(people)]


def _row(
    rule: str, fever: Fever, minutes: float, healthy: list[Outcome], ill: list[Outcome]
) -> Row:
    found = _share(ill, lambda one: not one.missed)
    both = [*healthy, *ill]
    outward = [one for one in both if one.outward]
    return Row(
        rule, fever, minutes,
        sensitivity_pct=_pct(found),
        margin_pct=_pct(1.96 * (found * (1 - found) / len(ill)) ** 0.5),
        fevers_stopped_pct=_pct(_share(ill, lambda one: not one.passed)),
        judged_pct=_pct(_share(healthy, lambda one: one.judged)),
        settled_pct=_pct(_share(healthy, lambda one: one.settled)),
        healthy_passed_pct=_pct(_share(healthy, lambda one: one.passed)),
        unconfirmed_outward=sum(one.contact_centi_c is None for one in outward),
        loads=tuple(_load(prevalence, healthy, ill) for prevalence in PREVALENCES_PCT),
    )  # fmt: skip


def _load(prevalence_pct: float, healthy: list[Outcome], ill: list[Outcome]) -> Load:
    share = prevalence_pct / 100

    def a_day(what: Callable[[Outcome], bool]) -> float:
        return PEOPLE_A_DAY * ((1 - share) * _share(healthy, what) + share * _share(ill, what))

    outward = a_day(lambda one: one.outward)
    right = PEOPLE_A_DAY * share * _share(ill, lambda one: one.outward)
    return Load(
        prevalence_pct,
        guard_alarms=round(a_day(lambda one: one.guard_alarm), 1),
        to_shelter=round(a_day(lambda one: one.first == "INVALID_COLD"), 1),
        contact=round(a_day(lambda one: one.contact_centi_c is not None), 1),
        outward_alarms=round(outward, 2),
        outward_of_fevers_pct=_pct(right / outward) if outward else 0.0,
    )


def _share(outcomes: list[Outcome], what: Callable[[Outcome], bool]) -> float:
    return sum(map(what, outcomes)) / len(outcomes)


def _pct(share: float) -> float:
    return round(100 * share, 2)


def as_json(row: Row) -> dict[str, Any]:
    """Give a row as it is printed by `--json`."""
    return asdict(row)
