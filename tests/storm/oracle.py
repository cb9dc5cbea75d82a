"""What the true world adds up to, counted plainly from the world's own facts.

Shares no code with central's counting: facts of passages whose entries still exist somewhere, by
compound, by kind, and by day where anybody can know it.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from central.aggregate import COUNTERS
from gateway import contract
from tests.storm.truth import Fact, Row

SHANGHAI = timedelta(hours=8)
FACTS = {"opened", "reading", "plate", "decided", "closed"}
SECOND = {"decided2": "decided"}
"""Kinds of a later version, and what its centre takes them for."""


def day_of(at_ms: int) -> str:
    """Name the local day of a moment."""
    return (datetime.fromtimestamp(at_ms / 1000, UTC) + SHANGHAI).date().isoformat()


def compare(checker: Any, ledger: Any, true: dict[Any, Counter[str]]) -> None:
    """Hold the ledger's counters against the world."""
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    for (compound, gate, day, _), counts in ledger.counters().items():
        found[compound, gate, day].update(
            {name: n for name, n in zip(COUNTERS, counts, strict=True) if n}
        )
    checker.figures["passages counted"] = sum(one["passages"] for one in found.values())
    checker.figures["passages of an unknown day"] = sum(
        one["passages"] for where, one in found.items() if where[2] == "unknown"
    )
    for where in sorted({*true, *found}):
        a, b = true.get(where, Counter()), found.get(where, Counter())
        wrong = {name: (a[name], b[name]) for name in COUNTERS if a[name] != b[name]}
        if wrong:
            told = ", ".join(f"{name} {n} counted {m}" for name, (n, m) in wrong.items())
            checker.fail(2, f"{'/'.join(where)}: truly {told}")


def count(checker: Any) -> dict[Any, Counter[str]]:
    """Count the world's facts whose entries were not destroyed."""
    facts: dict[str, list[tuple[str, int, str, Any, Row]]] = defaultdict(list)
    voided: set[str] = set()
    clocks: dict[tuple[Any, str], list[tuple[int, int, str]]] = defaultdict(list)
    of_known_boot: set[str] = set()
    """Streams of which an entry that is held names the boot: a gate may have given up the first."""
    for name, stream in checker.streams.items():
        held = checker.shadow.get(name, 0)
        for seq, row in enumerate(stream.rows, 1):
            if not held >> seq & 1:
                continue
            kind = SECOND.get(row.entry.kind, row.entry.kind)
            body = json.loads(bytes(row.entry.open))
            if "boot" in body:
                of_known_boot.add(name)
            if kind == "voided":
                voided.add(body["entry"])
            elif kind == "clock":
                clocks[stream.place, body["boot"]].append(
                    (body["mono_ms"], body["jump_ms"], body.get("clock", "unset"))
                )
            elif kind in FACTS:
                ref = f"{name}/{seq}" if kind == "opened" else body.get("passage")
                if ref is not None:
                    facts[ref].append((kind, seq, name, body, row))
    totals: dict[Any, Counter[str]] = defaultdict(Counter)
    for ref, found in facts.items():
        opened = [one for one in found if one[0] == "opened"]
        if not opened or ref in voided:
            continue
        stream = checker.streams[opened[0][2]]
        known = opened[0][2] in of_known_boot
        day = _day(checker, opened[0], clocks[stream.place, stream.boot] if known else [])
        totals[(*stream.place, day)].update(_columns(ref, found, voided))
    return totals


def _day(checker: Any, opened: Any, clocks: list[tuple[int, int, str]]) -> str:
    """Tell a passage's day: the true one, if anybody at the centre can know it."""
    fact: Fact | None = opened[4].fact
    body = opened[3]
    word = body.get("clock", "unset")
    true_ms = fact.true_ms if fact else None
    if word == "ntp":
        return day_of(body["at_ms"] if true_ms is None else true_ms)
    now = body["mono_ms"]
    later = sorted(one for one in clocks if one[0] > now or (one[0] == now and one[2] != word))
    for nth, (_, _, clock) in enumerate(later):
        if clock == "ntp":
            moved = body["at_ms"] + sum(jump for _, jump, _ in later[: nth + 1])
            return day_of(moved if true_ms is None else true_ms)
    if word == "rtc":
        return day_of(body["at_ms"])
    return "unknown"


def _columns(ref: str, found: list[Any], voided: set[str]) -> Counter[str]:
    """Say what one passage adds."""
    found = [one for one in found if one[0] == "opened" or f"{one[2]}/{one[1]}" not in voided]
    opened = next(one[3] for one in found if one[0] == "opened")
    world = next(one[4].fact for one in found if one[0] == "opened")
    if world is not None:  # The world's own word, rather than the journal's.
        opened = {"way": world.body.way, "traveller": world.body.traveller}
    added = Counter(passages=1)
    if any(kind == "closed" and body["how"] == "turned" for kind, _, _, body, _ in found):
        added["turned"] += 1
    elif opened["way"] == "foot":
        added["on_foot"] += 1
    else:
        added[f"{opened['traveller']}s_{opened['way']}"] += 1
    people = {body.get("person", 0) for kind, _, _, body, _ in found if kind == "reading"}
    if people:
        added["persons"] = len(people)
    decided = [
        (body["revision"], name, seq, body)
        for kind, seq, name, body, _ in found
        if kind == "decided"
    ]
    if decided:
        latest = max(decided, key=lambda one: one[:3])[3]
        added[latest["decision"]] += 1
        if latest.get("advice", latest["decision"]) != latest["decision"]:
            added["overrides"] += 1
    else:
        added["undecided"] += 1
    plates = [(name, seq, body) for kind, seq, name, body, _ in found if kind == "plate"]
    if plates:
        last = max(plates, key=lambda one: (one[2]["at_ms"], one[0], one[1]))[2]
        added["plates_read" if last["status"] in {"read", "typed"} else "plates_unread"] += 1
    return added


def troubles(checker: Any, db: sqlite3.Connection) -> None:
    """FORK and CONFLICT are alarmed exactly where there were ones, and nothing else is.

    A start over a broken journal names what could be read of it, and claims no end.
    """
    starts: dict[str, list[int]] = defaultdict(list)
    for name, bits in checker.shadow.items():
        if bits >> 1 & 1:
            body = json.loads(bytes(checker.streams[name].rows[0].entry.open))
            if body.get("before") and not body.get("salvaged"):
                starts[body["before"]].append(body["before_last"])
    true = {
        name
        for name, lasts in starts.items()
        if len(lasts) > 1 or checker.shadow.get(name, 0) >> (min(lasts) + 1)
    }
    rows = db.execute("SELECT what, stream, seq FROM trouble").fetchall()
    alarmed = {stream for what, stream, _ in rows if what == "fork"}
    for name in sorted(true - alarmed):
        checker.fail(2, f"a FORK of {name[:6]} is not alarmed")
    for name in sorted(alarmed - true):
        checker.fail(2, f"a FORK of {name[:6]} is alarmed and is none")
    for name in sorted(true):
        if checker.streams[name].place not in checker.forked:
            checker.fail(2, f"{name[:6]} forked though nobody copied a card")
    checker.figures["forks alarmed"] = len(alarmed)
    garbled = set(checker.site.garbled.values())
    conflicts = {
        (names, key & (1 << 40) - 1)
        for names, key in db.execute(
            "SELECT s.id, c.key FROM conflict c JOIN stream s ON s.no = c.key >> 40"
        )
    }
    alarmed = {(stream, seq) for what, stream, seq in rows if what == "conflict"}
    for name, seq in sorted(conflicts ^ alarmed):
        checker.fail(2, f"a CONFLICT at {name[:6]}/{seq} is not both kept and alarmed")
    for name, seq in sorted(conflicts - garbled):
        checker.fail(2, f"a CONFLICT at {name[:6]}/{seq} is none")
    for name, seq in sorted(checker.garbled_absorbed - conflicts):
        checker.fail(2, f"a CONFLICT at {name[:6]}/{seq} is not kept")
    checker.figures["conflicts alarmed"] = len(conflicts)
    for what, stream, seq in rows:
        if what in {"place", "refused"} or (what == "chain" and not garbled):
            checker.fail(2, f"central complains of {what} at {stream[:6]}/{seq}, wrongly")


def alerts(checker: Any, db: sqlite3.Connection) -> None:
    """Each alert stands at central as its last entry said."""
    true: dict[tuple[str, str], str] = {}
    for name, bits in checker.shadow.items():
        for seq, row in enumerate(checker.streams[name].rows, 1):
            if row.entry.kind == "alert" and bits >> seq & 1:
                body = json.loads(bytes(row.entry.open))
                true[name, body["alert"]] = body["state"]
    found = {
        (stream, alert): state
        for stream, alert, state in db.execute(
            "SELECT s.id, a.alert, a.state FROM alert a JOIN stream s ON s.no = a.stream"
        )
    }
    checker.figures["alerts"] = len(true)
    for key in sorted({*true, *found}):
        if true.get(key) != found.get(key):
            says = f"is {true.get(key)}, central says {found.get(key)}"
            checker.fail(2, f"alert {key[1]} of {key[0][:6]} {says}")


def feeds(checker: Any, true: dict[Any, Counter[str]]) -> None:
    """What staff read in the end is complete, and says so."""
    retained = checker.site.broker.retained
    total: Counter[str] = Counter()
    for (_, _, day), columns in true.items():
        if day != "unknown":
            total[day] += columns["vehicles_in"]
    days = retained.get(contract.feed_topic("total", "days"))
    if days is None:
        checker.fail(2, "there is no feed of days")
        return
    for figures in contract.decode(days, contract.FeedDays).days:
        if figures.vehicles_in != total[figures.day]:
            n = total[figures.day]
            checker.fail(2, f"the feed of {figures.day} says {figures.vehicles_in} for {n}")
    now = contract.decode(retained[contract.feed_topic("total", "now")], contract.FeedNow)
    if now.not_understood:
        checker.fail(2, f"the feed says that {now.not_understood} are not understood")
    if now.lost != checker.figures["entries LOST"]:
        checker.fail(2, f"the feed says that {now.lost} are lost")
    unknown = sum(one["passages"] for where, one in true.items() if where[2] == "unknown")
    if now.day_unknown != unknown:
        checker.fail(2, f"the feed says {now.day_unknown} of an unknown day for {unknown}")
