"""A passage's decision: that of its worst person and its lists, with reasons.

Law: every decision has a reason, a referral one that the guard can read; nothing is ever refused
automatically; only a guard's recorded act admits what the table does not. Pure.
"""

from typing import Final

from gateway.contract import Decision, Result
from gateway.core.limits import Limits
from gateway.core.passage import Lane, Override, Passage
from gateway.core.screening import next_step
from gateway.core.values import Value

TABLE: Final[dict[Result, tuple[Decision, str]]] = {
    "FEVER_CONFIRMED": ("refer", "fever_confirmed"),
    "SUSPECT_FEVER": ("refer", "fever_suspected"),
    "SENSOR_FAULT": ("recheck", "sensor_fault"),
    "INCONCLUSIVE": ("recheck", "inconclusive"),
    "RECHECK": ("recheck", "near_threshold"),
    "INVALID_COLD": ("recheck", "too_cold"),
    "INVALID_HOT": ("recheck", "too_hot"),
    "UNSTABLE": ("recheck", "unstable"),
    "NOT_SKIN": ("recheck", "not_skin"),
    "NO_READING": ("recheck", "no_reading"),
    "CLEARED": ("admit", "cleared"),
    "NORMAL": ("admit", "normal"),
}
"""Result -> decision and reason, the worst first."""

REASONS: Final = (
    *(reason for _, reason in TABLE.values()),
    "temperature_not_taken", "not_measured", "reading_unassigned", "override",
)  # fmt: skip
"""Every code that the guard's page must be able to say."""

NEXT: Final = (
    "none", "again", "shelter", "contact", "aim", "steady", "wait", "hand", "handover",
    "measure", "isolate", "whose",
)  # fmt: skip
"""Every code for what to do next."""

ADMITS: Final = frozenset(reason for says, reason in TABLE.values() if says == "admit")
_RANK: Final = {result: rank for rank, result in enumerate(TABLE)}
_WEIGHT: Final[dict[Decision, int]] = {"refer": 0, "recheck": 1, "admit": 2}


class Advice(Value, frozen=True):
    """What the table says; decision None while there is nothing to go by."""

    decision: Decision | None
    reasons: tuple[str, ...]
    findings: tuple[tuple[int, Result], ...]
    """Persons and results that stand against admission. Person 0 is nobody's attempt; a negative
    number is that of an unassigned reading."""


def advise(
    passage: Passage,
    lane: Lane,
    thermometers_alive: bool,
    loose: tuple[tuple[int, Result], ...] = (),
) -> Advice:
    """Decide by the worst person, the last attempt, what may be its own, and the lists."""
    results = [(person.number, person.result) for person in passage.persons]
    if passage.failed is not None:
        results.append((0, passage.failed))
    elif not results and lane.measures and lane.thermometers and not thermometers_alive:
        results.append((0, "SENSOR_FAULT"))
    listed = list_findings(passage)
    before = _still_open(passage)
    if not results and not listed and not loose and not before:
        if lane.measures:
            return Advice(None, (), ())
        return Advice("admit", ("temperature_not_taken",), ())
    results.sort(key=lambda found: _RANK[found[1]])
    decision: Decision = "admit"
    reasons: list[str] = list(listed)
    if listed:
        decision = "refer"
    for _, result in results:
        says, reason = TABLE[result]
        if _WEIGHT[says] < _WEIGHT[decision]:
            decision = says
        if reason not in reasons and not (says == "admit" and reasons and decision != "admit"):
            reasons.append(reason)
    if loose or before:
        decision = "recheck" if decision == "admit" else decision
        reasons = [reason for reason in reasons if reason not in ADMITS]
        reasons += ["reading_unassigned"] if loose else []
        reasons += ["open_before_restart"] if before else []
    findings = tuple(found for found in results if TABLE[found[1]][0] != "admit")
    return Advice(decision, tuple(reasons), (*findings, *loose, *before))


def _still_open(passage: Passage) -> tuple[tuple[int, Result], ...]:
    """Give what an interrupted passage left open, less one for each contact thermometer's word."""
    spoken = sum(one.result in ("CLEARED", "FEVER_CONFIRMED") for one in passage.persons)
    return tuple((-1_000_000 - n, result) for n, result in enumerate(passage.before[spoken:]))


def list_findings(passage: Passage) -> tuple[str, ...]:
    """Say what stands on a list against this passage; each is a reason to refer.

    The one place for passes, quarantine and watch entries: a later issue fills it.
    """
    del passage
    return ()


def in_force(advice: Advice, override: Override | None) -> Override | None:
    """Keep a guard's override while nothing worse was found than what it was made in face of."""
    if override is None or set(advice.findings) <= set(override.covers):
        return override
    return None


def next_codes(passage: Passage, lane: Lane, limits: Limits) -> tuple[str, ...]:
    """Say what the guard does next for the passage, the most pressing first."""
    if passage.override is not None:
        return ()
    codes: list[str] = []
    ranked = sorted(passage.persons, key=lambda person: _RANK[person.result])
    for person in ranked:
        step = next_step(person.result, person.count, limits)
        if TABLE[person.result][0] == "refer":
            codes.append("isolate")
        if step != "none":
            codes.append(step)
    if "reading_unassigned" in passage.reasons:
        codes.append("whose")
    if "open_before_restart" in passage.reasons:
        codes.append("contact")
    if passage.failed is not None:
        codes.append(next_step(passage.failed, 0, limits))
    elif not passage.persons and "sensor_fault" in passage.reasons:
        codes.append("hand")
    elif not passage.persons and lane.measures:
        codes.append("measure")
    return tuple(dict.fromkeys(codes))
