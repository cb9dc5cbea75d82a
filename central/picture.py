"""Draws the picture that feeds are made of: a few grouped queries over the open ledger.

Only reads. A gate was heard in an hour if it spoke to the centre then, or if the contiguous part of
one of its streams reaches across that hour: the journal that came later tells of it, too.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from central import alarms, feeds
from central.aggregate import COUNTERS, UNKNOWN, Calendar, Counts
from central.alarms import Alarm, Raised
from central.hearing import Hearing, Place

_HOUR_MS = 3_600_000
_SUMS = ", ".join(f"sum({name})" for name in COUNTERS)


def draw(
    db: sqlite3.Connection,
    calendar: Calendar,
    at_ms: int,
    *,
    hearing: Hearing,
    now: float,
    heard_s: float,
    in_hand: Iterable[Place | None] = (),
    own: Iterable[Alarm] = (),
) -> feeds.Picture:
    """Look at everything once; `in_hand`: of whom each message is that the ledger has not taken."""
    unread = Counter(in_hand)
    day, hour = calendar.hour_of(at_ms)
    days = _days(db)
    counted = {one for found in days.values() for one in found}
    heard_hours, heard_days = _heard(db, calendar, day, counted)
    places = hearing.places()
    spoken = {place for place in places if hearing.of(place).last_s is not None}
    return feeds.Picture(
        at_ms=at_ms, day=day, hour=hour,
        hours=_hours(db, day), days=days, late=_late(db),
        heard_now=frozenset(place for place in places if hearing.heard(place, now, heard_s)),
        heard_ever=frozenset(spoken | _ever(db)),
        heard_hours=heard_hours, heard_days=heard_days,
        unknown_day=_numbers(db, "counter", f"sum(passages) FILTER (WHERE day = '{UNKNOWN}')"),
        inside=_numbers(db, "counter", "sum(vehicles_in - vehicles_out)"),
        waiting={
            # A gate that is heard by an alert may have said more in what lies unread.
            place: max(hearing.of(place).waiting, unread[place]) for place in places
        },
        lost=_numbers(db, "lost l JOIN stream s ON s.no = l.stream", "sum(last - first + 1)"),
        unsure=_unsure(db),
        conflicts=_numbers(db, "conflict", "count(*)"),
        not_understood=_numbers(
            db, "entry e JOIN stream s ON s.no = e.key >> 40 WHERE understood = 0", "count(*)"
        ),
        alarms=_open_alarms(db, own, at_ms),
    )  # fmt: skip


def _open_alarms(db: sqlite3.Connection, own: Iterable[Alarm], at_ms: int) -> tuple[Alarm, ...]:
    found = [*alarms.of_gates(raised(db), at_ms), *alarms.of_troubles(troubles(db)), *own]
    for compound, gate, since_ms in db.execute(
        "SELECT compound, gate, min(arrived_ms) FROM entry e JOIN stream s ON s.no = e.key >> 40"
        " WHERE understood = 0 GROUP BY compound, gate"
    ):
        found.append(alarms.of_condition("waiting", compound, gate, since_ms))
    found += alarms.of_flood(found, at_ms)
    return tuple(sorted(found, key=lambda one: (one.compound, one.gate, one.alert)))


def raised(db: sqlite3.Connection) -> Iterator[Raised]:
    """Give every alert that is not closed."""
    for row in db.execute(
        "SELECT s.compound, s.gate, a.alert, a.what, a.priority, a.state, a.since_ms, a.lane,"
        " a.device, EXISTS (SELECT 1 FROM stream n WHERE n.before = s.id) AS former"
        " FROM alert a JOIN stream s ON s.no = a.stream WHERE a.state != 'normal'"
    ):
        yield Raised(Alarm(*tuple(row)[:9]), bool(row["former"]))


def troubles(db: sqlite3.Connection) -> Iterator[tuple[str, str, str, int]]:
    """Give the unacknowledged troubles by place, with the time of the first."""
    for row in db.execute(
        "SELECT what, compound, gate, min(arrived_ms) FROM trouble"
        " WHERE acknowledged_by IS NULL GROUP BY what, compound, gate"
    ):
        yield tuple(row)


def _hours(db: sqlite3.Connection, day: str) -> Mapping[Place, Mapping[int, Counts]]:
    found: dict[Place, dict[int, Counts]] = defaultdict(dict)
    for row in db.execute("SELECT * FROM counter WHERE day = ?", (day,)):
        found[row[0], row[1]][row[3]] = tuple(row)[4:]
    return found


def _days(db: sqlite3.Connection) -> Mapping[Place, Mapping[str, Counts]]:
    found: dict[Place, dict[str, Counts]] = defaultdict(dict)
    newest = "SELECT DISTINCT day FROM counter WHERE day != ? ORDER BY day DESC LIMIT ?"
    for row in db.execute(
        f"SELECT compound, gate, day, {_SUMS} FROM counter WHERE day IN ({newest})"  # noqa: S608
        " GROUP BY compound, gate, day",
        (UNKNOWN, feeds.DAYS),
    ):
        if any(tuple(row)[3:]):
            found[row[0], row[1]][row[2]] = tuple(row)[3:]
    return found


def _late(db: sqlite3.Connection) -> Mapping[Place, Mapping[str, int]]:
    found: dict[Place, dict[str, int]] = defaultdict(dict)
    newest = "SELECT DISTINCT day FROM day ORDER BY day DESC LIMIT ?"
    for row in db.execute(f"SELECT * FROM day WHERE day IN ({newest})", (feeds.DAYS,)):  # noqa: S608
        found[row["compound"], row["gate"]][row["day"]] = row["late"]
    return found


def _ever(db: sqlite3.Connection) -> set[Place]:
    rows = db.execute("SELECT DISTINCT compound, gate FROM stream WHERE top > 0")
    return {(row[0], row[1]) for row in rows}


def _heard(
    db: sqlite3.Connection, calendar: Calendar, day: str, counted: Iterable[str]
) -> tuple[Mapping[int, frozenset[Place]], Mapping[str, frozenset[Place]]]:
    """Tell who was heard in each hour of today, and on each day that may be shown."""
    days = sorted({*counted, *calendar.days_before(day, feeds.DAYS)})
    begin_ms = calendar.begin_ms(day)
    hours = {hour: begin_ms + hour * _HOUR_MS for hour in range(24)}
    covers = [
        ((row[0], row[1]), row[2], row[3])
        for row in db.execute(
            "SELECT compound, gate, cover_from_ms, cover_to_ms FROM stream WHERE cover_to_ms >= ?",
            (calendar.begin_ms(days[0]),),
        )
    ]
    spoken: dict[int, set[Place]] = defaultdict(set)
    for compound, gate, at in db.execute(
        "SELECT compound, gate, hour FROM heard WHERE hour >= ?", (begin_ms // _HOUR_MS,)
    ):
        spoken[calendar.hour_of(at * _HOUR_MS)[1]].add((compound, gate))
    return (
        {
            hour: frozenset(spoken[hour] | _covering(covers, from_ms, from_ms + _HOUR_MS))
            for hour, from_ms in hours.items()
        },
        {one: frozenset(_heard_on(db, calendar, one, covers)) for one in days},
    )


def _heard_on(
    db: sqlite3.Connection, calendar: Calendar, day: str, covers: list[tuple[Place, int, int]]
) -> set[Place]:
    from_ms, until_ms = calendar.begin_ms(day), calendar.begin_ms(calendar.day_after(day))
    rows = db.execute(
        "SELECT DISTINCT compound, gate FROM heard WHERE hour >= ? AND hour < ?",
        (from_ms // _HOUR_MS, until_ms // _HOUR_MS),
    )
    return {(row[0], row[1]) for row in rows} | _covering(covers, from_ms, until_ms)


def _covering(covers: list[tuple[Place, int, int]], from_ms: int, until_ms: int) -> set[Place]:
    return {place for place, first, last in covers if first < until_ms and last >= from_ms}


def _unsure(db: sqlite3.Connection) -> Mapping[Place, int]:
    """Count the starts of each gate that could not tell all that had been recorded before."""
    found: dict[Place, int] = defaultdict(int)
    for compound, gate, torn in db.execute(
        "SELECT compound, gate, count(*) FROM stream WHERE salvaged GROUP BY compound, gate"
    ):
        found[compound, gate] = torn
    for compound, gate, begun in db.execute(
        "SELECT compound, gate, count(*) FROM stream WHERE before IS NULL AND version IS NOT NULL"
        " AND NOT salvaged GROUP BY compound, gate"
    ):
        found[compound, gate] += begun - 1
    return found


def _numbers(db: sqlite3.Connection, table: str, number: str) -> Mapping[Place, int]:
    rows = db.execute(f"SELECT compound, gate, {number} FROM {table} GROUP BY compound, gate")  # noqa: S608
    return {(row[0], row[1]): row[2] for row in rows if row[2]}
