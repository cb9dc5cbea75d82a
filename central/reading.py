"""What can be read out of a ledger: counters, the slow recount, summary and gaps.

Reads only, but for `acknowledge`; commands do it beside `central run`, which holds nothing of what
is read or marked here in memory.
"""

import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from central import aggregate, spans
from central.aggregate import COUNTERS, NONE, Calendar, Counts, Facts, Jump, Ref
from central.counting import Bucket
from central.errors import LedgerUnreadable
from central.keys import SEQ_MAX, key_of, read_key
from central.understanding import ref_or_none, understand
from gateway import contract
from gateway.contract import Entry

_SUMS = ", ".join(f"coalesce(sum({name}), 0)" for name in COUNTERS)


def open_read_only(path: str) -> sqlite3.Connection:
    """Open a ledger to read it, beside a running `central run`; raises LedgerUnreadable."""
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=10.0)
        db.row_factory = sqlite3.Row
        db.execute("SELECT count(*) FROM stream").fetchone()
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    return db


def unreadable(path: str | Path, error: sqlite3.Error) -> LedgerUnreadable:
    """Say that a ledger cannot be read, in words for whoever asked for it."""
    return LedgerUnreadable(f"{path}: {error}; is it the ledger, and may you read it?")


def counts(
    db: sqlite3.Connection,
    day: str | None = None,
    compound: str | None = None,
    gate: str | None = None,
) -> Counts:
    """Add up the counters of one day or all, of one place or all."""
    wanted = {"day": day, "compound": compound, "gate": gate}
    given = {name: value for name, value in wanted.items() if value is not None}
    where = " AND ".join(f"{name} = :{name}" for name in given) or "1"
    row = db.execute(f"SELECT {_SUMS} FROM counter WHERE {where}", given).fetchone()  # noqa: S608
    return tuple(row)


def counters(db: sqlite3.Connection) -> dict[Bucket, Counts]:
    """Give every counter that is not zero, by compound, gate, day and hour."""
    return {
        (row[0], row[1], row[2], row[3]): tuple(row[4:])
        for row in db.execute("SELECT * FROM counter")
        if any(row[4:])
    }


def recount(db: sqlite3.Connection, calendar: Calendar) -> dict[Bucket, Counts]:
    """Count everything anew from the entries alone; slow, the checker of `counters`."""
    streams = {row["no"]: row for row in db.execute("SELECT * FROM stream")}
    facts: dict[Ref, Facts] = defaultdict(Facts)
    jumps: dict[str, list[Jump]] = defaultdict(list)
    voided: set[Ref] = set()
    starts: dict[str, contract.Started] = {}
    boots: dict[str, str] = {}
    topics = {row["id"]: (row["compound"], row["gate"]) for row in streams.values()}
    for row in db.execute("SELECT key, v, kind, open FROM entry WHERE understood = 1"):
        number, seq = read_key(row["key"])
        stream = streams[number]["id"]
        entry = Entry(
            v=row["v"], stream=stream, seq=seq, prev=contract.NO_HASH,
            kind=row["kind"], open=msgspec.Raw(row["open"]),
        )  # fmt: skip
        found = understand(entry)
        assert found, (stream, seq)
        body, passage = found
        if passage:
            facts[passage] = aggregate.join(facts[passage], passage[0], stream, seq, body)
        elif isinstance(body, contract.Started):
            starts[stream] = body
            boots[stream] = body.boot
        elif isinstance(body, contract.ClockJumped):
            jumps[body.boot].append(Jump(body.mono_ms, body.jump_ms, body.clock))
            boots.setdefault(stream, body.boot)
        elif isinstance(body, contract.Voided):
            voided.update(filter(None, [ref_or_none(body.entry)]))
    result: dict[Bucket, Counts] = {}
    for ref, known in facts.items():
        opened = known.opened
        if opened is None:
            continue
        start = starts.get(ref[0])
        place = (start.compound, start.gate) if start else topics[ref[0]]
        clocks = jumps[boots[ref[0]]] if ref[0] in boots else []
        at_ms = aggregate.mended(opened.at_ms, opened.mono_ms, opened.clock, clocks)
        bucket = (*place, *calendar.hour_of(at_ms))
        added = aggregate.contribution(ref, known, voided)
        result[bucket] = aggregate.plus(result.get(bucket, NONE), added)
    return {bucket: found for bucket, found in result.items() if any(found)}


def summary(db: sqlite3.Connection) -> dict[str, Any]:
    """Tell what was counted, with the evidence that nothing was counted twice."""
    rows = db.execute(
        f"SELECT compound, day, {_SUMS} FROM counter GROUP BY compound, day"  # noqa: S608
    ).fetchall()
    by_compound: dict[str, Counts] = {}
    by_day: dict[str, Counts] = {}
    for row in rows:
        found = tuple(row[2:])
        by_compound[row[0]] = aggregate.plus(by_compound.get(row[0], NONE), found)
        by_day[row[1]] = aggregate.plus(by_day.get(row[1], NONE), found)
    everything = _named(aggregate.total(by_compound.values()))

    def one(query: str) -> int:
        (number,) = db.execute(query).fetchone()
        return int(number)

    return {
        "total": everything["passages"],
        "passages": {
            compound: _named(found)["passages"] for compound, found in sorted(by_compound.items())
        },
        "ways": _by_way(db),
        "decisions": {
            name: everything[name] for name in ("admit", "recheck", "refer", "undecided")
        },
        "counters": everything,
        "compounds": {name: _named(found) for name, found in sorted(by_compound.items())},
        "days": {name: _named(found) for name, found in sorted(by_day.items())},
        "rows": one("SELECT count(*) FROM entry"),
        "distinct": one("SELECT count(*) FROM (SELECT DISTINCT key FROM entry)"),
        "opened_rows": one("SELECT count(*) FROM entry WHERE kind = 'opened'"),
        "streams": one("SELECT count(*) FROM stream WHERE top > 0"),
        "conflicts": one("SELECT count(*) FROM conflict"),
        "lost": one("SELECT coalesce(sum(last - first + 1), 0) FROM lost"),
        "missing": sum(hole["entries"] for hole in holes(db)),
        "not_understood": one("SELECT count(*) FROM entry WHERE understood = 0"),
        "refused": one("SELECT coalesce(sum(times), 0) FROM refused"),
        "forks": one("SELECT count(DISTINCT stream) FROM trouble WHERE what = 'fork'"),
        "chain_breaks": one("SELECT count(*) FROM trouble WHERE what = 'chain'"),
    }


def _named(found: Counts) -> dict[str, int]:
    return dict(zip(COUNTERS, found, strict=True))


def _by_way(db: sqlite3.Connection) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for row in db.execute(
        "SELECT compound, sum(vehicles_in + bicycles_in), sum(vehicles_out + bicycles_out),"
        " sum(on_foot), sum(turned), sum(unknown) FROM counter GROUP BY compound"
    ):
        ways = zip(("in", "out", "foot", "turned", "unknown"), tuple(row)[1:], strict=True)
        result[row[0]] = dict(ways)
    return result


def holes(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """List what is missing inside streams, and at their ends where a successor names more."""
    found = []
    for row in db.execute(
        "SELECT s.no, s.id, s.compound, s.gate, s.committed, s.top, max(n.before_last) AS named"
        " FROM stream s LEFT JOIN stream n ON n.before = s.id GROUP BY s.no"
        " HAVING s.top > s.committed OR coalesce(named, 0) > s.committed"
    ):
        held = _filled(db, row)
        for first, last in spans.holes(held, 1, max(row["top"], row["named"] or 0)):
            found.append(
                {
                    "stream": row["id"], "compound": row["compound"], "gate": row["gate"],
                    "first": first, "last": last, "entries": last - first + 1,
                }
            )  # fmt: skip
    return found


def _filled(db: sqlite3.Connection, row: sqlite3.Row) -> list[spans.Span]:
    filled = [(1, row["committed"])] if row["committed"] else []
    number = row["no"]
    for (key,) in db.execute(
        "SELECT key FROM entry WHERE key > ? AND key < ? ORDER BY key",
        (key_of(number, row["committed"]), key_of(number + 1, 0)),
    ):
        spans.add(filled, key & SEQ_MAX, key & SEQ_MAX)
    for first, last in db.execute("SELECT first, last FROM lost WHERE stream = ?", (number,)):
        spans.add(filled, first, last)
    return filled


def gaps(db: sqlite3.Connection) -> dict[str, Any]:
    """Tell what is missing, what is lost for good, and what does not fit together."""
    lost = db.execute(
        "SELECT s.id AS stream, s.compound, s.gate, l.first, l.last,"
        " l.last - l.first + 1 AS entries, l.reason"
        " FROM lost l JOIN stream s ON s.no = l.stream ORDER BY s.compound, s.gate, s.no, l.first"
    ).fetchall()
    troubles = db.execute(
        "SELECT what, stream, seq, compound, gate, detail, arrived_ms FROM trouble"
        " WHERE what != 'lost' ORDER BY arrived_ms"
    ).fetchall()
    return {
        "holes": holes(db),
        "lost": [dict(row) for row in lost],
        "troubles": [dict(row) for row in troubles],
    }


def acknowledge(path: Path, place: tuple[str, str], what: str, by: str) -> int:
    """Mark a place's troubles of one kind as seen; return how many they were."""
    open_read_only(str(path)).close()
    try:
        with closing(sqlite3.connect(path, timeout=10.0)) as db, db:
            return db.execute(
                "UPDATE trouble SET acknowledged_by = ?"
                " WHERE what = ? AND compound = ? AND gate = ? AND acknowledged_by IS NULL",
                (by, what, *place),
            ).rowcount
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
