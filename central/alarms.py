"""Which alarms are open, and in what state: those that gates raised, and central's own.

Pure: no clock, no disk, no network. States are those of ISA-18.2. An alarm belongs to where it was
raised: a gate's alarm has the state that its last entry gave it, and nothing here changes that,
with one exception. A gate that started anew knows nothing of the alarms of its former stream, so
nobody could ever close them: what was acknowledged there is closed, what was not is shown as
returned to normal unacknowledged, for a day.

Central's own alarms are of two kinds. Troubles of the ledger (conflict, fork, lost entries and the
like) stay until somebody acknowledges them. Conditions (a silent gate, entries not understood, a
ledger that cannot be written) are open exactly as long as they hold.

Two rules keep many alarms from hiding one: gates that fell silent together are one alarm, for it
is their link that is gone; and a flood of alarms is itself said.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.contract import AlertState

ORPHAN_MS: Final = 86_400_000
"""For how long an alarm of a former stream is shown."""
CENTRAL: Final = "central"
"""Compound and gate of what concerns central itself."""

TOGETHER_SHARE: Final = 0.2
"""Of the expected gates, two at least: so many that fall silent together are one alarm."""
TOGETHER_MS: Final = 60_000
FLOOD_MAX: Final = 10
"""More alarms than one person can take in (EEMUA 191), within"""
FLOOD_MS: Final = 600_000
"""ten minutes."""

TROUBLES: Final[Mapping[str, tuple[str, int]]] = {
    "conflict": ("ledger_conflict", 2),
    "fork": ("stream_fork", 2),
    "chain": ("chain_broken", 2),
    "place": ("wrong_topic", 2),
    "lost": ("entries_lost", 2),
    "refused": ("message_refused", 3),
    "torn": ("journal_torn", 2),
    "anew": ("journal_anew", 2),
}
"""Each trouble of the ledger: what its alarm says, and its priority."""
CONDITIONS: Final[Mapping[str, tuple[str, int]]] = {
    "silent": ("gate_silent", 2),
    "silent-together": ("gates_silent_together", 1),
    "flood": ("alarm_flood", 2),
    "unexpected": ("gate_unexpected", 3),
    "waiting": ("entries_not_understood", 3),
    "unwritable": ("ledger_unwritable", 1),
    "backup": ("backup_failed", 2),
    "rival": ("second_central", 1),
}
"""Each condition that central watches: what its alarm says, and its priority."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as it is shown."""

    compound: str
    gate: str
    alert: str
    what: str
    priority: int
    state: AlertState
    since_ms: int
    lane: str | None = None
    device: str | None = None

    @property
    def unacknowledged(self) -> bool:
        """Whether somebody must still see it."""
        return self.state in {"unack", "rtnun"}

    @property
    def active(self) -> bool:
        """Whether its cause still holds."""
        return self.state in {"unack", "acked"}


@dataclass(frozen=True, slots=True)
class Raised:
    """What the ledger holds of one alert of one stream."""

    alarm: Alarm
    former: bool
    """Whether a later stream of the gate has begun."""


def of_gates(raised: Iterable[Raised], at_ms: int) -> list[Alarm]:
    """Give the gates' open alarms; of two of one name the one of the gate's latest stream."""
    found: dict[tuple[str, str, str], Alarm] = {}
    for one in sorted(raised, key=lambda one: (not one.former, one.alarm.since_ms)):
        alarm = orphaned(one.alarm, at_ms) if one.former else one.alarm
        key = (alarm.compound, alarm.gate, alarm.alert)
        if alarm.state != "normal":
            found[key] = alarm
        elif not one.former:
            found.pop(key, None)
    return list(found.values())


def orphaned(alarm: Alarm, at_ms: int) -> Alarm:
    """Say how an alarm stands whose gate has started anew."""
    seen = not alarm.unacknowledged or at_ms - alarm.since_ms > ORPHAN_MS
    return Alarm(
        alarm.compound, alarm.gate, alarm.alert, alarm.what, alarm.priority,
        "normal" if seen else "rtnun", alarm.since_ms, alarm.lane, alarm.device,
    )  # fmt: skip


def of_troubles(rows: Iterable[tuple[str, str, str, int]]) -> list[Alarm]:
    """Give the alarms of unacknowledged troubles, from (what, compound, gate, since)."""
    return [
        Alarm(compound, gate, f"central-{what}", *TROUBLES[what], "unack", since_ms)
        for what, compound, gate, since_ms in rows
    ]


def of_condition(condition: str, compound: str, gate: str, since_ms: int) -> Alarm:
    """Give the alarm of a condition that holds."""
    return Alarm(compound, gate, f"central-{condition}", *CONDITIONS[condition], "unack", since_ms)


def of_silence(silent: Mapping[tuple[str, str], int], expected: int) -> list[Alarm]:
    """Give the alarms of gates by since when they are silent; those of one moment are one."""
    together = _together(sorted(silent.values()), max(2, math.ceil(TOGETHER_SHARE * expected)))
    found = [
        of_condition("silent", *place, since)
        for place, since in silent.items()
        if since not in together
    ]
    if together:
        found.append(of_condition("silent-together", CENTRAL, CENTRAL, min(together)))
    return found


def _together(moments: Sequence[int], wanted: int) -> set[int]:
    """Find the moments of which enough lie close to each other."""
    found: set[int] = set()
    for first, since in enumerate(moments):
        near = [one for one in moments[first:] if one - since <= TOGETHER_MS]
        if len(near) >= wanted:
            found.update(near)
    return found


def of_flood(found: Iterable[Alarm], at_ms: int) -> list[Alarm]:
    """Say that more alarms came than one person can take in; each of them stands all the same."""
    fresh = sorted(
        one.since_ms for one in found if one.unacknowledged and at_ms - one.since_ms < FLOOD_MS
    )
    if len(fresh) <= FLOOD_MAX:
        return []
    return [of_condition("flood", CENTRAL, CENTRAL, fresh[FLOOD_MAX])]
