"""Notices what follows from an entry beside the counters: alerts, forks, breaks, wrong topics.

Runs inside the ledger's transaction. Whatever is wrong is written down by what, stream and
sequence, and stays until somebody has seen it; what comes of it anew must be seen anew. None of it
changes a count.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import Final

from central.counting import Understood
from central.hearing import Place
from central.keys import key_of
from central.rows import NO_HASH, Fresh
from central.streams import Stream, Streams
from gateway import contract

_REFUSED_MAX: Final = 1000
"""Payloads that could not be read at all and are kept to be looked at."""


class Noticing:
    """The troubles and alerts of one ledger."""

    def __init__(self, db: sqlite3.Connection, streams: Streams) -> None:
        self._db = db
        self._streams = streams

    def alert(self, stream: Stream, seq: int, body: contract.AlertChanged) -> None:
        """Fold an alert's change of state: the highest sequence of its stream is its state."""
        self._db.execute(
            "INSERT INTO alert VALUES (:stream, :alert, :seq, :at, :seq, :state, :what, :priority,"
            " :lane, :device) ON CONFLICT DO UPDATE SET"
            " since_ms = CASE WHEN :seq < first_seq THEN :at ELSE since_ms END,"
            " first_seq = min(first_seq, :seq),"
            " state = CASE WHEN :seq > last_seq THEN :state ELSE state END,"
            " what = CASE WHEN :seq > last_seq THEN :what ELSE what END,"
            " priority = CASE WHEN :seq > last_seq THEN :priority ELSE priority END,"
            " lane = CASE WHEN :seq > last_seq THEN :lane ELSE lane END,"
            " device = CASE WHEN :seq > last_seq THEN :device ELSE device END,"
            " last_seq = max(last_seq, :seq)",
            {
                "stream": stream.number, "alert": body.alert, "seq": seq, "at": body.at_ms,
                "state": body.state, "what": body.what, "priority": body.priority,
                "lane": body.lane, "device": body.device,
            },
        )  # fmt: skip

    def answer(self, stream: Stream, body: contract.Answered, arrived_ms: int) -> None:
        """Note that a gate has taken what was asked of it."""
        self._db.execute(
            "UPDATE command SET answered_ms = ?, outcome = ?"
            " WHERE id = ? AND compound = ? AND gate = ? AND answered_ms IS NULL",
            (arrived_ms, body.outcome, body.command, *stream.place),
        )

    def start(self, stream: Stream, body: contract.Started, arrived_ms: int) -> None:
        """Look for a fork: an identity that two starts go on from, or one that went on itself.

        A start over a broken journal claims neither: what it names is what could still be read.
        """
        if body.salvaged:
            detail = "its journal was read out of a broken file: more may have been recorded"
            self.trouble("torn", stream.id, 0, stream.place, detail, arrived_ms)
        if body.before is None:
            self._anew(stream, arrived_ms)
            return
        (starts, lowest) = self._db.execute(
            "SELECT count(*), min(before_last) FROM stream WHERE before = ? AND NOT salvaged",
            (body.before,),
        ).fetchone()
        before = self._streams.find(body.before)
        if before is not None:
            before.named_last = lowest
            self._db.execute(
                "UPDATE stream SET named_last = ? WHERE no = ?", (lowest, before.number)
            )
            self.fork(before, arrived_ms)
        if starts > 1:
            detail = f"{starts} streams go on from it"
            self.trouble("fork", body.before, 0, stream.place, detail, arrived_ms)

    def _anew(self, stream: Stream, arrived_ms: int) -> None:
        """Note a gate whose journal begins a second time: the first one is gone."""
        (begun,) = self._db.execute(
            "SELECT count(*) FROM stream WHERE compound = ? AND gate = ? AND before IS NULL"
            " AND version IS NOT NULL AND NOT salvaged",
            stream.place,
        ).fetchone()
        if begun > 1:
            detail = f"{begun} journals begin here: what only an older one held is gone"
            self.trouble("anew", stream.id, 0, stream.place, detail, arrived_ms)

    def fork(self, stream: Stream, arrived_ms: int) -> None:
        """Note a stream that went on after its successor began."""
        if stream.named_last is not None and stream.top > stream.named_last:
            first = stream.named_last + 1
            detail = f"holds {first} and more, its successor names {stream.named_last} as its last"
            self.still("fork", stream.id, first, stream.place, detail, arrived_ms)

    def starts(self, understood: Iterable[Understood], arrived_ms: int) -> None:
        """Note a stream that another place's topic has named before its start came."""
        for one in understood:
            stream, body = one.stream, one.body
            if type(body) is contract.Started and stream.place != (body.compound, body.gate):
                detail = f"its start names {body.compound}/{body.gate}"
                self.trouble("place", stream.id, 0, stream.place, detail, arrived_ms)

    def place(self, stream: Stream, topic: Place, arrived_ms: int) -> None:
        """Note a topic that is not that of the stream's start, and a fork."""
        self.fork(stream, arrived_ms)
        if stream.place != topic:
            detail = f"its start names {stream.compound}/{stream.gate}"
            self.still("place", stream.id, 0, topic, detail, arrived_ms)

    def chain(self, stream: Stream, topic: Place, fresh: list[Fresh], arrived_ms: int) -> None:
        """Compare each fresh entry with its neighbours; `stream.top` is still that of before."""
        hashes = {one.seq: one.hash for one in fresh if one.entry is not None}
        broken = []
        for one in fresh:
            if one.entry is None:
                continue
            before = hashes.get(one.seq - 1) or self._hash_at(stream, one.seq - 1)
            if before is not None and before != one.prev:
                broken.append(one.seq)
            if one.seq < stream.top and one.seq + 1 not in hashes:
                row = self._db.execute(
                    "SELECT prev FROM entry WHERE key = ? AND kind != ''",
                    (key_of(stream.number, one.seq + 1),),
                ).fetchone()
                if row is not None and row[0] != one.hash:
                    broken.append(one.seq + 1)
        for seq in broken:
            detail = "names another entry before it than the ledger holds"
            self.trouble("chain", stream.id, seq, topic, detail, arrived_ms)

    def _hash_at(self, stream: Stream, seq: int) -> bytes | None:
        if seq == 0:
            return NO_HASH
        if seq > stream.top:
            return None
        row = self._db.execute(
            "SELECT hash FROM entry WHERE key = ? AND kind != ''", (key_of(stream.number, seq),)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def refuse(self, topic: Place, reason: str, payload: bytes, arrived_ms: int) -> None:
        """Keep what could not be read at all."""
        digest = hashlib.sha256(payload).digest()
        again = "UPDATE refused SET times = times + 1 WHERE digest = ?"
        if self._db.execute(again, (digest,)).rowcount:
            self.still("refused", "", 0, topic, reason, arrived_ms)
            return
        self._db.execute(
            "INSERT INTO refused VALUES (?, ?, ?, 'entries', ?, ?, 1, ?)",
            (digest, *topic, reason, payload, arrived_ms),
        )
        self._db.execute(
            "DELETE FROM refused WHERE digest IN (SELECT digest FROM refused"
            " ORDER BY arrived_ms DESC LIMIT -1 OFFSET ?)",
            (_REFUSED_MAX,),
        )
        self.trouble("refused", "", 0, topic, reason, arrived_ms)

    def trouble(  # noqa: PLR0917 - a row of the table.
        self, what: str, stream: str, seq: int, place: tuple[str, str], detail: str, at_ms: int
    ) -> None:
        """Write a trouble down; one that was seen and comes anew must be seen anew."""
        self._db.execute(
            "INSERT INTO trouble VALUES (?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO UPDATE SET"
            " detail = excluded.detail, acknowledged_by = NULL, arrived_ms ="
            " CASE WHEN acknowledged_by IS NULL THEN arrived_ms ELSE excluded.arrived_ms END",
            (what, stream, seq, *place, detail, at_ms),
        )

    def still(  # noqa: PLR0917 - a row of the table.
        self, what: str, stream: str, seq: int, place: tuple[str, str], detail: str, at_ms: int
    ) -> None:
        """Write a trouble down once, though it shows again and again."""
        self._db.execute(
            "INSERT OR IGNORE INTO trouble VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            (what, stream, seq, *place, detail, at_ms),
        )
