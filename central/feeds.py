"""What staff watch: figures by place and time, each with as-of and completeness.

Pure: no clock, no disk, no network. `compose` turns a picture of the ledger into one struct a
topic; the `Book` knows what was published and gives what is due: only what changed, and no topic
more often than its pace. Nothing personal is ever in a feed. No data is never zero.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from central import aggregate
from central.aggregate import NONE, Counts
from central.alarms import Alarm
from central.config import Site
from central.hearing import Place
from gateway import contract
from gateway.contract import DayFigures, FeedAlarm, FeedDays, FeedHours, FeedNow, HourFigures

DAYS: Final = 14
_SHOWN: Final = ("vehicles_in", "vehicles_out", "on_foot", "refer")
_COLUMNS: Final = tuple(aggregate.COUNTERS.index(name) for name in _SHOWN)
_IN: Final = aggregate.COUNTERS.index("vehicles_in")
_OUT: Final = aggregate.COUNTERS.index("vehicles_out")
_PASSAGES: Final = aggregate.COUNTERS.index("passages")
Feed: TypeAlias = FeedNow | FeedHours | FeedDays | FeedAlarm


@dataclass(frozen=True, slots=True)
class Scope:
    """What one set of feeds is of."""

    name: str
    names: dict[str, str]
    expected: frozenset[Place]
    everything: bool = False
    """The total counts a gate that is not in the site, too; it only does not expect it."""

    def holds(self, place: Place) -> bool:
        """Tell whether a place's figures belong here."""
        return self.everything or place in self.expected


@dataclass(frozen=True, slots=True)
class Picture:
    """What the feeds are made of, at one moment."""

    at_ms: int
    day: str
    hour: int
    hours: Mapping[Place, Mapping[int, Counts]]
    """Today's counters."""
    days: Mapping[Place, Mapping[str, Counts]]
    late: Mapping[Place, Mapping[str, int]]
    """Transactions that changed a day after it had closed."""
    heard_now: frozenset[Place]
    heard_ever: frozenset[Place]
    heard_hours: Mapping[int, frozenset[Place]]
    heard_days: Mapping[str, frozenset[Place]]
    unknown_day: Mapping[Place, int]
    inside: Mapping[Place, int]
    waiting: Mapping[Place, int]
    lost: Mapping[Place, int]
    unsure: Mapping[Place, int]
    """Starts that could not tell all that had been recorded before."""
    conflicts: Mapping[Place, int]
    not_understood: Mapping[Place, int]
    alarms: tuple[Alarm, ...] = ()


def scopes(site: Site) -> tuple[Scope, ...]:
    """Name everything that has feeds: the total, each office, compound and gate."""
    gates = {place.id: {(place.id, gate.id) for gate in place.gate} for place in site.compound}
    found = [Scope("total", _words(site.names), frozenset(site.gates), everything=True)]
    for office in site.office:
        under = [gates[place.id] for place in site.compound if place.office == office.id]
        expected = frozenset().union(*under)
        found.append(Scope(f"office/{office.id}", _words(office.names), expected))
    for place in site.compound:
        expected = frozenset(gates[place.id])
        found.append(Scope(f"compound/{place.id}", _words(place.names), expected))
        found += [
            Scope(
                f"gate/{place.id}/{gate.id}", _words(gate.names), frozenset({(place.id, gate.id)})
            )
            for gate in place.gate
        ]
    return tuple(found)


def _words(names: object) -> dict[str, str]:
    return {language: getattr(names, language) for language in ("zh", "en")}


def compose(all_scopes: Iterable[Scope], picture: Picture) -> dict[str, Feed]:
    """Make every feed that there should be, by topic."""
    feeds: dict[str, Feed] = {}
    for scope in all_scopes:
        feeds[contract.feed_topic(scope.name, "now")] = now_of(scope, picture)
        feeds[contract.feed_topic(scope.name, "hours")] = hours_of(scope, picture)
        feeds[contract.feed_topic(scope.name, "days")] = days_of(scope, picture)
    for alarm in picture.alarms:
        topic = contract.alarm_topic(alarm.compound, alarm.gate, alarm.alert)
        feeds[topic] = FeedAlarm(
            v=contract.VERSION, alert=alarm.alert, compound=alarm.compound, gate=alarm.gate,
            what=alarm.what, priority=alarm.priority, state=alarm.state,
            since_ms=alarm.since_ms, lane=alarm.lane, device=alarm.device,
        )  # fmt: skip
    return feeds


def now_of(scope: Scope, picture: Picture) -> FeedNow:
    """Tell of today so far."""
    today = _sum(scope, {place: hours.values() for place, hours in picture.hours.items()})
    ever = any(scope.holds(place) for place in picture.heard_ever)
    alarms = [one for one in picture.alarms if scope.holds((one.compound, one.gate))]
    return FeedNow(
        v=contract.VERSION, scope=scope.name, name=scope.names, day=picture.day,
        as_of_ms=picture.at_ms,
        gates_heard=len(scope.expected & picture.heard_now),
        gates_expected=len(scope.expected),
        figures=aggregate.figures(today) if ever else None,
        inside_estimate=_add(scope, picture.inside) if ever else None,
        day_unknown=_add(scope, picture.unknown_day),
        alarms_active=sum(one.active for one in alarms),
        alarms_unacknowledged=sum(one.unacknowledged for one in alarms),
        waiting=_add(scope, picture.waiting),
        lost=_add(scope, picture.lost),
        unsure=_add(scope, picture.unsure),
        conflicts=_add(scope, picture.conflicts),
        not_understood=_add(scope, picture.not_understood),
    )  # fmt: skip


def hours_of(scope: Scope, picture: Picture) -> FeedHours:
    """Tell of today by hour; an hour in which no gate was heard has no figures."""
    counts = [found for place, found in picture.hours.items() if scope.holds(place)]
    hours: list[HourFigures | None] = []
    for hour in range(24):
        counted = _total([found[hour] for found in counts if hour in found])
        heard = picture.heard_hours.get(hour, frozenset())
        expected = heard & scope.expected
        # A clock set by hand may run ahead: what it counted in an hour to come is shown, too.
        if expected or (scope.everything and heard) or counted[_PASSAGES]:
            hours.append(HourFigures(*_shown(counted), len(expected)))
        else:
            hours.append(None)
    return FeedHours(
        v=contract.VERSION, scope=scope.name, day=picture.day, as_of_ms=picture.at_ms,
        gates_expected=len(scope.expected), hours=tuple(hours),
    )  # fmt: skip


def days_of(scope: Scope, picture: Picture) -> FeedDays:
    """List the last days that hold data, newest first."""
    held = {day for place, found in picture.days.items() if scope.holds(place) for day in found} | {
        day
        for day, places in picture.heard_days.items()
        if any(scope.holds(place) for place in places)
    }
    days = []
    for day in sorted(held, reverse=True)[:DAYS]:
        counted = _sum(
            scope, {place: [found[day]] for place, found in picture.days.items() if day in found}
        )
        late = _add(scope, {place: found.get(day, 0) for place, found in picture.late.items()})
        heard = scope.expected & picture.heard_days.get(day, frozenset())
        days.append(DayFigures(day, 1 + late, *_shown(counted), len(heard)))
    return FeedDays(
        v=contract.VERSION, scope=scope.name, as_of_ms=picture.at_ms,
        gates_expected=len(scope.expected), days=tuple(days),
    )  # fmt: skip


def inside(counts: Counts) -> int:
    """Estimate how many vehicles are inside more than when counting began."""
    return counts[_IN] - counts[_OUT]


def _sum(scope: Scope, found: Mapping[Place, Iterable[Counts]]) -> Counts:
    return _total([one for place, counts in found.items() if scope.holds(place) for one in counts])


def _total(every: list[Counts]) -> Counts:
    return aggregate.total(every) if every else NONE


def _add(scope: Scope, found: Mapping[Place, int]) -> int:
    return sum(number for place, number in found.items() if scope.holds(place))


def _shown(counts: Counts) -> tuple[int, int, int, int]:
    one, two, three, four = (counts[column] for column in _COLUMNS)
    return one, two, three, four


# --- What is due ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Page:
    content: bytes
    at_s: float


@dataclass(slots=True)
class Book:
    """What was published, and when."""

    every_s: float
    refresh_s: float
    _pages: dict[str, _Page] = field(default_factory=lambda: defaultdict(lambda: _Page(b"", -1e9)))
    _strays: dict[str, None] = field(default_factory=dict)

    def forget(self) -> None:
        """Publish everything again: the broker may have lost it."""
        self._pages.clear()

    def found(self, topic: str) -> None:
        """Note a retained topic that the broker still shows, whoever published it."""
        self._strays[topic] = None

    def due(self, feeds: Mapping[str, Feed], now: float) -> Iterator[tuple[str, bytes]]:
        """Give what is to be published now; an empty payload empties its topic."""
        for topic, feed in feeds.items():
            content, page = _content(feed), self._pages[topic]
            stale = isinstance(feed, FeedNow) and now - page.at_s >= self.refresh_s
            if (content != page.content or stale) and now - page.at_s >= self.every_s:
                self._pages[topic] = _Page(content, now)
                yield topic, contract.encode(feed)
        for topic in [*self._pages, *self._strays]:
            if topic not in feeds:
                self._pages.pop(topic, None)
                yield topic, b""
        self._strays.clear()


def _content(feed: Feed) -> bytes:
    """Give what must differ for a feed to be news: everything but its as-of."""
    if isinstance(feed, FeedAlarm):
        return contract.encode(feed)
    return contract.encode(msgspec.structs.replace(feed, as_of_ms=0))
