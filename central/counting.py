"""Moves the counters when entries come: `after - before` of every passage they touch.

Runs inside the ledger's transaction. What arithmetic there is, is in `central.aggregate`; here the
facts of a passage are loaded, joined and written back, and what moves whole passages is found: a
`started` that corrects a stream's place or boot, a `clock` that mends a boot, a `voided`.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from central import aggregate
from central.aggregate import COUNTERS, NONE, Calendar, Counts, Facts, Jump, Ref
from central.keys import key_of, read_key
from central.streams import Stream, Streams
from central.understanding import ref_or_none
from gateway import contract

_CACHE_MAX: Final = 20_000
"""Passages whose facts are kept in memory; about 1 KB each."""
_LOADED: Final = 500
"""Passages loaded by one query."""
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Facts).decode

Bucket: TypeAlias = tuple[str, str, str, int]
"""Compound, gate, local day, hour."""
NOWHERE: Final[Bucket] = ("", "", *aggregate.UNKNOWN_HOUR)
"""Where a passage counts of which no `opened` has come."""


class Understood(msgspec.Struct, frozen=True, gc=False):
    """A fresh entry whose body was understood."""

    stream: Stream
    seq: int
    body: contract.Body
    passage: Ref | None
    """The passage that it is a fact of."""


_UPSERT: Final = (
    f"INSERT INTO counter VALUES (?, ?, ?, ?, {', '.join('?' * len(COUNTERS))})"  # noqa: S608
    " ON CONFLICT DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTERS)
)


class Counting:
    """The counters of one ledger."""

    def __init__(self, db: sqlite3.Connection, streams: Streams, calendar: Calendar) -> None:
        self._db = db
        self._streams = streams
        self._calendar = calendar
        self._facts: dict[int, Facts] = {}
        self._jumps: dict[str, tuple[Jump, ...]] = {}
        self._voided: set[Ref] = set()
        self.forget()

    def forget(self) -> None:
        """Drop what was loaded: the transaction it was changed in did not commit."""
        self._facts.clear()
        self._jumps.clear()
        self._voided = {
            (stream, seq) for stream, seq in self._db.execute("SELECT stream, seq FROM void")
        }

    def take(self, fresh: Sequence[Understood], arrived_ms: int) -> set[Bucket]:
        """Count entries that have just been inserted; return the buckets that moved."""
        touched = self._touched(fresh)
        self._load(touched)
        before = [self._place_and_counts(key) for key in touched]
        self._learn(entry for entry in fresh if entry.passage is None)
        self._join(touched)
        after = [self._place_and_counts(key) for key in touched]
        gone: defaultdict[Bucket, list[Counts]] = defaultdict(list)
        come: defaultdict[Bucket, list[Counts]] = defaultdict(list)
        for was, now in zip(before, after, strict=True):
            if was != now:
                gone[was[0]].append(was[1])
                come[now[0]].append(now[1])
        deltas = {
            bucket: aggregate.minus(aggregate.total(come[bucket]), aggregate.total(gone[bucket]))
            for bucket in {*come, *gone}
        }
        moved = {bucket: counts for bucket, counts in deltas.items() if any(counts)}
        self._write(touched, moved, arrived_ms)
        return set(moved)

    # --- What is touched ---

    def _touched(self, fresh: Sequence[Understood]) -> dict[int, list[Understood]]:
        """Give the passages that may count otherwise now, and their new facts."""
        touched: dict[int, list[Understood]] = {}
        for entry in fresh:
            if entry.passage is not None:
                touched.setdefault(self._key_of(entry.passage, entry.stream), []).append(entry)
                continue
            for key in self._moved_by(entry):
                touched.setdefault(key, [])
        return touched

    def _moved_by(self, entry: Understood) -> Iterator[int]:
        """Give the passages that an entry moves though it is no fact of theirs."""
        match entry.body:
            case contract.Started():
                yield from self._passages_of(entry.stream)
            case contract.ClockJumped():
                if not entry.stream.boot:
                    yield from self._passages_of(entry.stream, adrift_only=True)
                for stream in self._streams.of_boot(entry.body.boot):
                    yield from self._passages_of(stream, adrift_only=True)
            case contract.Voided():
                yield from self._passage_of_entry(entry.body.entry, entry.stream)
            case _:
                pass

    def _key_of(self, passage: Ref, mentioned_by: Stream) -> int:
        if passage[0] == mentioned_by.id:
            return key_of(mentioned_by.number, passage[1])
        return key_of(self._streams.get(passage[0], *mentioned_by.place).number, passage[1])

    def _passages_of(self, stream: Stream, *, adrift_only: bool = False) -> Iterator[int]:
        if not stream.top:
            return
        low, high = key_of(stream.number, 0), key_of(stream.number + 1, 0)
        query = "SELECT key FROM passage WHERE key > ? AND key < ?"
        query += " AND adrift = 1" if adrift_only else ""
        for (key,) in self._db.execute(query, (low, high)).fetchall():
            yield key

    def _passage_of_entry(self, ref: str, mentioned_by: Stream) -> Iterator[int]:
        """Find which passage an entry that is already held belongs to."""
        target = ref_or_none(ref)
        stream = self._streams.find(target[0]) if target else None
        if target is None or stream is None:
            return
        row = self._db.execute(
            "SELECT v, kind, open FROM entry WHERE key = ? AND understood = 1",
            (key_of(stream.number, target[1]),),
        ).fetchone()
        if row is None or row["kind"] not in aggregate.FACT_KINDS:
            return
        if row["kind"] == "opened":
            yield key_of(stream.number, target[1])
        elif passage := ref_or_none(msgspec.json.decode(row["open"], type=contract.Body).passage):
            yield self._key_of(passage, mentioned_by)

    def _load(self, keys: Iterable[int]) -> None:
        if len(self._facts) > _CACHE_MAX:
            self._facts.clear()
        wanted = [key for key in keys if key not in self._facts]
        self._facts.update(dict.fromkeys(wanted, aggregate.NO_FACTS))
        for first in range(0, len(wanted), _LOADED):
            some = wanted[first : first + _LOADED]
            places = ",".join("?" * len(some))
            query = f"SELECT key, facts FROM passage WHERE key IN ({places})"  # noqa: S608
            for key, facts in self._db.execute(query, some):
                self._facts[key] = _DECODE(facts)

    # --- What it adds up to ---

    def _place_and_counts(self, key: int) -> tuple[Bucket, Counts]:
        facts = self._facts[key]
        if facts.opened is None:
            return NOWHERE, NONE
        number, seq = read_key(key)
        stream = self._streams.of_number(number)
        counts = aggregate.contribution((stream.id, seq), facts, self._voided)
        return (*stream.place, *self._hour_of(stream, facts.opened)), counts

    def _hour_of(self, stream: Stream, opened: aggregate.OpenedFact) -> aggregate.Hour:
        if opened.clock == "ntp":
            return self._calendar.hour_of(opened.at_ms)
        jumps = self.jumps_of(stream.boot) if stream.boot else ()
        at_ms = aggregate.mended(opened.at_ms, opened.mono_ms, opened.clock, jumps)
        return self._calendar.hour_of(at_ms)

    def jumps_of(self, boot: str) -> tuple[Jump, ...]:
        """Load how a boot's clock was set."""
        if boot not in self._jumps:
            rows = self._db.execute(
                "SELECT mono_ms, jump_ms, clock FROM jump WHERE boot = ?", (boot,)
            )
            self._jumps[boot] = tuple(Jump(*row) for row in rows)
        return self._jumps[boot]

    # --- What is learnt ---

    def _learn(self, news: Iterable[Understood]) -> None:
        """Take what moves passages and is a fact of none."""
        for entry in news:
            match entry.body:
                case contract.Started():
                    self._learn_start(entry.stream, entry.body)
                case contract.ClockJumped():
                    jump = (entry.body.mono_ms, entry.body.jump_ms, entry.body.clock)
                    self._db.execute(
                        "INSERT INTO jump VALUES (?, ?, ?, ?, ?)",
                        (entry.body.boot, key_of(entry.stream.number, entry.seq), *jump),
                    )
                    self._jumps.pop(entry.body.boot, None)
                    self._learn_boot(entry.stream, entry.body.boot)
                case contract.Voided():
                    if target := ref_or_none(entry.body.entry):
                        self._voided.add(target)
                        self._db.execute("INSERT OR IGNORE INTO void VALUES (?, ?)", target)
                case _:
                    pass

    def _learn_start(self, stream: Stream, body: contract.Started) -> None:
        stream.compound, stream.gate, stream.boot = body.compound, body.gate, body.boot
        self._db.execute(
            "UPDATE stream SET compound = ?, gate = ?, boot = ?, version = ?, before = ?,"
            " before_last = ?, salvaged = ? WHERE no = ?",
            (body.compound, body.gate, body.boot, body.version, body.before,
             body.before_last if body.before else None, body.salvaged, stream.number),
        )  # fmt: skip

    def _learn_boot(self, stream: Stream, boot: str) -> None:
        """Take a boot from a `clock` where the gate does not hold the stream's `started` any more.

        A stream is one start of a gateway, and so lies within one boot.
        """
        if not stream.boot:
            stream.boot = boot
            self._db.execute("UPDATE stream SET boot = ? WHERE no = ?", (boot, stream.number))

    def _join(self, touched: Mapping[int, Sequence[Understood]]) -> None:
        for key, entries in touched.items():
            if entries:
                own = self._streams.of_number(read_key(key)[0]).id
                news = [(entry.stream.id, entry.seq, entry.body) for entry in entries]
                self._facts[key] = aggregate.join_all(self._facts[key], own, news)

    def _write(self, touched: Iterable[int], moved: dict[Bucket, Counts], arrived_ms: int) -> None:
        self._db.executemany(
            "INSERT INTO passage VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " adrift = excluded.adrift, facts = excluded.facts",
            [(key, _adrift(self._facts[key]), _ENCODE(self._facts[key])) for key in touched],
        )
        if not moved:
            return
        self._db.executemany(_UPSERT, [(*bucket, *counts) for bucket, counts in moved.items()])
        today = self._calendar.day_of(arrived_ms)
        late = {bucket[:3] for bucket in moved if bucket[2] < today}
        if late:
            self._db.executemany(
                "INSERT INTO day VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET late = late + 1",
                list(late),
            )


def _adrift(facts: Facts) -> int:
    return int(facts.opened is not None and facts.opened.clock != "ntp")
