"""Alerts by ISA-18.2: unacknowledged, acknowledged, returned unacknowledged, normal.

Law: an acknowledgement does not clear; clearing does not acknowledge. Every change is an entry,
and so leaves the gate; only what nobody has confirmed stays at the guard's screen (`INWARD`). Late
or repeated touches change nothing. Pure.

              condition comes                acknowledged
    normal ------------------> unack ------------------------> acked
                                 ^  | condition goes             | condition goes
          condition comes again  |  v                            v
                                rtnun --- acknowledged ------> normal
"""

from typing import Final

from msgspec.structs import replace

from gateway.contract import AlertChanged, AlertState
from gateway.core.events import Record
from gateway.core.values import Value

ALERTS_MAX: Final = 64
"""Conditions are bounded by devices and lanes; what fills up is returned and unacknowledged, and
the oldest of those is closed, by `bound`, with an entry."""


INWARD: Final = frozenset({"suspect_fever"})
"""Two hot readings call the guard; the alarm goes out when a contact thermometer confirms them
(screening.md, 2). That somebody was referred is counted by the passage's decision."""


class Alert(Value, frozen=True):
    """One occurrence of one condition."""

    alert: str
    cause: str
    """Names the condition: one is open at most once."""
    what: str
    priority: int
    state: AlertState
    since_s: float
    lane: str | None = None
    device: str | None = None
    passage: int | None = None


def changed(alert: Alert, by: str | None = None) -> list[Record]:
    """Write down an alert as it now is; one that stays at the gate is not told."""
    if alert.what in INWARD:
        return []
    body = AlertChanged(
        alert=alert.alert, what=alert.what, priority=alert.priority, state=alert.state,
        lane=alert.lane, device=alert.device, by=by, passage=None,
    )  # fmt: skip
    return [Record(body, alert.passage)]


def raise_alert(alerts: list[Alert], alert: Alert) -> list[Record]:
    """Let a condition come; `alert` carries a fresh name, used if it is a new occurrence."""
    for i, old in enumerate(alerts):
        if old.cause == alert.cause:
            if old.state != "rtnun":
                return []
            alerts[i] = replace(old, state="unack")
            return changed(alerts[i])
    records = _make_room(alerts)
    alerts.append(alert)
    return [*records, *changed(alert)]


def clear_alert(alerts: list[Alert], cause: str) -> list[Record]:
    """Let a condition go."""
    for i, old in enumerate(alerts):
        if old.cause == cause and old.state in ("unack", "acked"):
            after = replace(old, state="rtnun" if old.state == "unack" else "normal")
            alerts[i : i + 1] = [after] if after.state == "rtnun" else []
            return changed(after)
    return []


def acknowledge(alerts: list[Alert], name: str, by: str) -> list[Record]:
    """Let somebody have seen it; the first one wins."""
    for i, old in enumerate(alerts):
        if old.alert == name and old.state in ("unack", "rtnun"):
            after = replace(old, state="acked" if old.state == "unack" else "normal")
            alerts[i : i + 1] = [after] if after.state == "acked" else []
            return changed(after, by)
    return []


def _make_room(alerts: list[Alert]) -> list[Record]:
    if len(alerts) < ALERTS_MAX:
        return []
    for i, old in enumerate(alerts):
        if old.state == "rtnun":
            del alerts[i]
            return changed(replace(old, state="normal"), "bound")
    return []
