"""What staff and their tools watch: the feeds' messages. A leaf, as all of the contract."""

from msgspec import Struct

from gateway.contract.words import AlertState, Name


class Figures(Struct, frozen=True, kw_only=True):
    """What is counted; every field is a count of passages unless it says otherwise."""

    vehicles_in: int = 0
    vehicles_out: int = 0
    bicycles_in: int = 0
    bicycles_out: int = 0
    on_foot: int = 0
    unknown: int = 0
    persons: int = 0
    """Persons measured."""
    admit: int = 0
    recheck: int = 0
    """Passages whose latest decision is still a recheck."""
    refer: int = 0
    undecided: int = 0
    overrides: int = 0
    plates_read: int = 0
    plates_unread: int = 0
    """Unsure, unread and none."""


class FeedNow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Today so far, for the total, an office, a compound or a gate."""

    v: int
    scope: str
    name: dict[str, str]
    """By language: zh, en."""
    day: str
    """Local date of the site, YYYY-MM-DD."""
    as_of_ms: int
    gates_heard: int
    """Gates that are online or whose entries cover today up to now."""
    gates_expected: int
    figures: Figures | None
    """None when no gate was ever heard: no data is never zero."""
    inside_estimate: int | None = None
    day_unknown: int = 0
    """Passages whose day nobody knows, because the gate's clock was never set."""
    alarms_active: int = 0
    alarms_unacknowledged: int = 0
    waiting: int = 0
    """Entries that gates say are still to be sent."""
    lost: int = 0
    unsure: int = 0
    """Starts of gates whose journal was read out of a broken file, or begun anew: what is missing
    from before them may be more than `lost` says."""
    conflicts: int = 0
    not_understood: int = 0


class HourFigures(Struct, frozen=True, array_like=True):
    """One hour: passages in, out, on foot, referred; and the gates heard in it."""

    vehicles_in: int
    vehicles_out: int
    on_foot: int
    refer: int
    gates_heard: int


class FeedHours(Struct, frozen=True, kw_only=True):
    """Today by hour; None where no gate was heard in that hour."""

    v: int
    scope: str
    day: str
    as_of_ms: int
    gates_expected: int
    hours: tuple[HourFigures | None, ...]


class DayFigures(Struct, frozen=True, array_like=True):
    """One day: its date, revision (rises when late entries change a closed day) and counts."""

    day: str
    revision: int
    vehicles_in: int
    vehicles_out: int
    on_foot: int
    refer: int
    gates_heard: int


class FeedDays(Struct, frozen=True, kw_only=True):
    """The last 14 days that hold data, newest first."""

    v: int
    scope: str
    as_of_ms: int
    gates_expected: int
    days: tuple[DayFigures, ...]


class FeedAlarm(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One open alarm."""

    v: int
    alert: Name
    compound: Name
    gate: Name
    what: str
    priority: int
    state: AlertState
    since_ms: int
    lane: str | None = None
    device: str | None = None
